"""When lyrics are sung is asked about, and paid for, at most once for each take, whatever the provider does."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import FILES_KEPT, Job
from bot.domain.lyrics import LyricsOrder, LyricsState
from bot.domain.pace import SlidingWindow
from bot.domain.quota import quota_day
from bot.domain.spending import A_TIMING, Spent
from bot.domain.timed_lyrics import UNDER_WAY, TimedLine, TimedWord
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    ProviderUnauthorized,
    Refused,
    TakenElsewhere,
)
from bot.fault_points import hold
from bot.services.common.bells import Bells
from bot.services.operator.account import Account
from bot.services.operator.caps import Caps
from bot.services.operator.notices import Operator
from bot.services.pipeline.rate import Rate
from bot.services.songs.lyrics_allowance import LyricsAllowance
from bot.services.songs.lyrics_timing import LyricsTiming
from bot.text import Catalogue
from storage.storage import SqlStorage
from tests.support.database import open_storage, tamper
from tests.support.fakes import FakeMessenger, FakeProvider, TurnedClock
from tests.support.lyrics_desk import MIA, Desk
from tests.support.pipeline import patience
from tests.support.storage_samples import a_delivered, a_job, a_track

NOA = 2002
LINES = (TimedLine(begins_at=1.0, text="Ferry"),)


@dataclass(kw_only=True)
class TimingDesk(Desk):
    timing: LyricsTiming
    job: Job

    async def ask(self, take: int = 1, *, by: int = MIA) -> tuple[TimedLine, ...]:
        return await self.timing.of_take(self.job, take, self.place(by))

    async def refused(self, take: int = 1, *, by: int = MIA) -> str:
        with pytest.raises(Refused) as caught:
            await self.ask(take, by=by)
        return Catalogue.load().for_reader("en-GB")(caught.value.sentence)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


@pytest.fixture
async def desk(storage: SqlStorage) -> TimingDesk:
    return await a_desk(storage)


async def a_desk(storage: SqlStorage, *, per_day: int = 5, caps: Caps | None = None) -> TimingDesk:
    clock, provider = TurnedClock(), FakeProvider()
    job = a_delivered(replace(a_job(), task_id="task-9"), a_track(1), a_track(2), at=clock())
    await storage.write(lambda work: work.jobs.insert(job))
    account = Account(
        storage,
        provider,
        Operator(storage, FakeMessenger(), clock),
        every_seconds=60,
        patience=patience(clock, 900),
        long_patience=patience(clock, 900),
        bells=Bells(clock=clock),
        clock=clock,
    )
    timing = LyricsTiming(
        storage,
        provider,
        allowance=LyricsAllowance(per_day=per_day, caps=caps or Caps(), clock=clock),
        account=account,
        rate=Rate(SlidingWindow(limit=2)),
        clock=clock,
    )
    return TimingDesk(storage=storage, clock=clock, provider=provider, timing=timing, account=account, job=job)


async def test_a_take_is_asked_about_once_for_everybody_and_kept(desk: TimingDesk) -> None:
    assert await desk.timing.kept(desk.job) == {}
    assert await desk.ask() == LINES
    assert await desk.ask() == await desk.ask(by=NOA) == LINES

    assert desk.provider.timed == [("task-9", "track-1")]
    assert await desk.timing.kept(desk.job) == {1: LINES}
    assert await desk.spent() == A_TIMING
    desk.clock.turn((FILES_KEPT + timedelta(days=400)).total_seconds())
    assert await desk.ask() == LINES  # long after the provider has forgotten


async def test_a_take_without_words_is_not_asked_about_again(desk: TimingDesk) -> None:
    desk.provider.words = ()

    assert await desk.ask() == await desk.ask() == ()

    assert len(desk.provider.timed) == 1
    assert await desk.timing.kept(desk.job) == {1: ()}


async def test_a_click_is_carried_out_once(desk: TimingDesk) -> None:
    click = desk.place()
    await desk.timing.of_take(desk.job, 1, click)

    with pytest.raises(TakenElsewhere):
        await desk.timing.of_take(desk.job, 1, click)


async def test_a_second_click_meanwhile_asks_nothing(desk: TimingDesk) -> None:
    async with hold("before timed lyrics are asked for") as held:
        first = asyncio.create_task(desk.ask())
        await held.reached()

        assert "already on it" in await desk.refused()

        held.release()
        assert await first == LINES
    assert len(desk.provider.timed) == 1


async def test_what_has_no_clear_answer_is_never_asked_again(desk: TimingDesk) -> None:
    desk.provider.words = ProviderSilent("connection lost")
    assert "no clear answer" in await desk.refused()
    desk.provider.words = (TimedWord(text="Ferry", begins_at=1.0),)

    desk.clock.turn(UNDER_WAY.total_seconds() + 1)

    assert "no clear answer" in await desk.refused(by=NOA)
    assert len(desk.provider.timed) == 1
    assert await desk.spent() == A_TIMING
    assert await desk.ask(2) == LINES  # the other take is a question of its own


async def test_a_process_that_dies_while_asking_leaves_it_asked(desk: TimingDesk) -> None:
    async with hold("before timed lyrics are asked for") as held:
        asking = asyncio.create_task(desk.ask())
        await held.reached()
        asking.cancel()
        await asyncio.wait([asking])

    desk.clock.turn(UNDER_WAY.total_seconds() + 1)

    assert "no clear answer" in await desk.refused()
    assert desk.provider.timed == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ProviderBusy("call frequency"), "busy"),
        (ProviderRefused("no such audio", code=404), "no such audio"),
        (ProviderRefused("", code=404), "Nothing was charged"),
        (ProviderOutOfCredits("insufficient"), "isn't taking anything"),
        (ProviderUnauthorized("key"), "isn't taking anything"),
    ],
)
async def test_what_was_refused_costs_nothing_and_can_be_asked_again(
    desk: TimingDesk, error: ProviderError, said: str
) -> None:
    desk.provider.words = error

    assert said in await desk.refused()

    assert await desk.spent() == Spent()
    assert await desk.timing.left(desk.job, desk.place()) == 5
    asked = len(desk.provider.timed)
    await desk.refused()
    closes = isinstance(error, (ProviderOutOfCredits, ProviderUnauthorized))
    assert len(desk.provider.timed) == (asked if closes else asked + 1)  # a closed account is left alone


async def test_it_counts_with_the_lyrics_that_are_written(storage: SqlStorage) -> None:
    desk = await a_desk(storage, per_day=2)
    day = quota_day(desk.clock())
    order = LyricsOrder(id="2bad", member_id=MIA, idea="x", made_at=desk.clock(), state=LyricsState.READY, day=day)
    await storage.write(lambda work: work.lyrics.add(order))
    await storage.write(lambda work: work.lyrics.save(order))
    assert await desk.timing.left(desk.job, desk.place()) == 1
    await desk.ask(1)

    assert "2 times today" in await desk.refused(2)
    assert await desk.ask(2, by=NOA) == LINES
    assert await desk.ask(1) == LINES  # what is kept counts for nothing


async def test_it_counts_among_the_credits_of_the_day(storage: SqlStorage) -> None:
    desk = await a_desk(storage, caps=Caps(per_day=12))
    await storage.write(lambda work: work.spending.add(200, day=quota_day(desk.clock()), submissions=1))

    with pytest.raises(Refused, match="credits"):
        await desk.timing.left(desk.job, desk.place())
    assert "credits" in await desk.refused()
    assert desk.provider.timed == []


async def test_it_keeps_to_the_rate(desk: TimingDesk) -> None:
    await desk.ask(1)
    await desk.storage.write(lambda work: work.memos.put("latest submissions", f"a {desk.clock().isoformat()}\n" * 1))
    await desk.ask(2)

    other = a_delivered(replace(a_job(), task_id="task-10"), a_track(3), at=desk.clock())
    await desk.storage.write(lambda work: work.jobs.insert(other))
    with pytest.raises(Refused, match="busy"):
        await desk.timing.of_take(other, 1, desk.place())
    assert len(desk.provider.timed) == 2


async def test_it_can_be_switched_off_and_is_not_asked_when_the_files_are_gone(storage: SqlStorage) -> None:
    off = await a_desk(storage, per_day=0)
    assert off.timing.is_switched_off
    assert "switched off" in await off.refused()
    desk = await a_desk(storage)
    desk.clock.turn(FILES_KEPT.total_seconds() + 60)

    assert "two weeks" in await desk.refused()
    with pytest.raises(Refused, match="two weeks"):
        await desk.timing.left(desk.job, desk.place())
    assert "this take" in await desk.refused(3)
    assert (off.provider.timed, desk.provider.timed) == ([], [])


async def test_it_goes_with_its_job(desk: TimingDesk) -> None:
    await desk.ask()

    later = desk.clock() + timedelta(days=1)
    assert await desk.storage.write(lambda work: work.housekeeping.remove_jobs(ended_before=later, limit=10)) == 1

    assert await desk.storage.reading.timed_lyrics.of_job(desk.job.id) == []


async def test_what_a_later_release_wrote_counts_as_no_clear_answer(desk: TimingDesk) -> None:
    await desk.ask()
    await tamper(desk.storage, "UPDATE timed_lyrics SET lines = $1", '{"from": "the future"}')

    desk.clock.turn(UNDER_WAY.total_seconds() + 1)
    assert "no clear answer" in await desk.refused()
    assert await desk.timing.kept(desk.job) == {}
