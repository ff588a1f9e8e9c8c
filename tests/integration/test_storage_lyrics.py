"""Orders of lyrics are read back as they were saved, and found by what they are looked for."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Failure, FailureReason, WaitReason
from bot.domain.lyrics import LyricsOrder, LyricsState, Version
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.spending import Spent
from bot.metrics.database import MeasuredEngine
from bot.metrics.meters import Meters
from bot.services.songs.lyrics_news import LyricsNews
from bot.suno.wire import callback_task_id
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_place, after

DAY = date(2026, 11, 22)
OFFER = LyricsOrder(
    id="2bad",
    member_id=1,
    idea="öde 🌊",
    made_at=NOW,
    source=SourceChoice(kind=SourceKind.URL, name="tide.mp3", locator="https://files.invalid/tide.mp3?signature=x"),
)
EVERYTHING = replace(
    OFFER,
    state=LyricsState.FAILED,
    place=a_place(),
    day=DAY,
    callback_token="invented-callback-token",
    task_id="task-1",
    named_task_id="task-2",
    named_later=("task-3", "task-4"),
    hastened_at=after(3),
    ordered_at=after(1),
    sent_at=after(2),
    waits_for=WaitReason.NO_CREDITS,
    outcome_unknown=True,
    attempts=3,
    versions=(Version(text="[Verse]\nla", title="Ferry"), Version(text="li")),
    failure=Failure(reason=FailureReason.SENSITIVE, code=400, provider_message="no"),
    told_at=after(4),
    due_at=after(5),
)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        await opened.write(lambda work: work.lyrics.add(OFFER))
        yield opened


async def save(storage: SqlStorage, order: LyricsOrder) -> None:
    await storage.write(lambda work: work.lyrics.save(order))


async def test_an_order_is_read_back_whole(storage: SqlStorage) -> None:
    assert await storage.reading.lyrics.get(OFFER.id) == OFFER

    await save(storage, EVERYTHING)

    assert await storage.reading.lyrics.get(OFFER.id) == EVERYTHING
    assert await storage.reading.lyrics.by_token("invented-callback-token") == EVERYTHING
    assert await storage.reading.lyrics.get("2bae") is None


async def test_an_offer_is_written_down_once(storage: SqlStorage) -> None:
    await save(storage, EVERYTHING)

    await storage.write(lambda work: work.lyrics.add(OFFER))

    assert await storage.reading.lyrics.get(OFFER.id) == EVERYTHING


async def test_orders_are_found_by_member_day_and_task(storage: SqlStorage) -> None:
    lyrics = storage.reading.lyrics
    assert await lyrics.latest(1) is None  # an offer is no order yet
    await save(storage, EVERYTHING)

    assert await lyrics.latest(1) == EVERYTHING
    assert await lyrics.latest(2) is None
    assert (await lyrics.count(1, day=DAY), await lyrics.count(1, day=date(2026, 11, 23))) == (1, 0)
    assert await lyrics.task_is_taken("task-1", by_other_than="another")
    assert not await lyrics.task_is_taken("task-1", by_other_than=OFFER.id)


async def test_a_hundred_tokens_asked_at_once_cost_a_query_together_and_known_ones_none_again(
    storage: SqlStorage,
) -> None:
    await save(storage, EVERYTHING)
    meters = Meters()
    storage.watch(lambda engine: MeasuredEngine(engine, meters))

    news = LyricsNews(storage, callback_task_id)
    tokens = ["invented-callback-token", *(f"unknown-{number}" for number in range(99))]
    assert await asyncio.gather(*map(news.is_token, tokens)) == [True] + [False] * 99
    assert await news.is_token("invented-callback-token")
    assert not await storage.is_callback_token("invented-callback-token")  # it is no job's

    counts = [line for line in meters.page().decode().splitlines() if line.startswith("encore_database_seconds_count")]
    assert counts == ['encore_database_seconds_count{operation="read"} 2.0']  # one for each kind of token


async def test_a_claim_lasts_until_it_is_saved_released_or_over(storage: SqlStorage) -> None:
    await save(storage, EVERYTHING)

    async def claimed(seconds: float, owner: str) -> bool:
        now, until = after(seconds), after(seconds + 30)
        found = await storage.write(lambda work: work.lyrics.claim_due(now=now, until=until, owner=owner))
        return found is not None

    assert not await claimed(4, "a")
    assert await claimed(5, "a")
    assert not await claimed(34, "b")
    assert await storage.reading.lyrics.is_owned(OFFER.id, owner="a")
    assert await claimed(35, "b")
    assert not await storage.reading.lyrics.is_owned(OFFER.id, owner="a")
    assert await storage.write(lambda work: work.lyrics.release_all("a", at=after(36))) == 0
    assert await storage.write(lambda work: work.lyrics.release_all("b", at=after(36))) == 1
    assert await storage.reading.lyrics.next_due() == after(36)
    await save(storage, replace(EVERYTHING, due_at=after(90)))
    await storage.write(lambda work: work.lyrics.hasten(until=after(50)))
    assert await storage.reading.lyrics.next_due() == after(50)


async def test_lyrics_and_extensions_of_a_day_are_counted_side_by_side(storage: SqlStorage) -> None:
    await storage.write(lambda work: work.spending.add(200, day=DAY, lyrics=2))
    await storage.write(lambda work: work.spending.add(200, day=DAY, submissions=1))
    await storage.write(lambda work: work.spending.add(201, day=DAY, lyrics=-1))

    assert await storage.reading.spending.of_guild(200, day=DAY) == Spent(submissions=1, lyrics=2)
    assert await storage.reading.spending.of_day(DAY) == Spent(submissions=1, lyrics=1)
    assert await storage.reading.spending.of_guild(202, day=DAY) == Spent()


@pytest.mark.sqlite
async def test_what_a_later_release_wrote_counts_as_gone(storage: SqlStorage, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "encore.db")) as file:
        file.execute("UPDATE lyrics_order SET state = 'invented later'")
        file.commit()

    assert await storage.reading.lyrics.get(OFFER.id) is None
