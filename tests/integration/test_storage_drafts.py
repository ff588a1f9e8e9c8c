"""Drafts are read back as they were put, and forgotten after a while."""

import math
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.drafts import Draft, Problem
from bot.domain.jobs import Parent
from bot.domain.request import ExtensionRequest
from bot.domain.source import InMessage, SourceChoice, SourceKind
from bot.domain.text import Said, Seconds, text
from bot.errors import Refused
from bot.services.songs.drafts import Drafts
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, after

PIECE = SourceChoice(
    kind=SourceKind.ATTACHMENT,
    name="tide.mp3",
    locator="https://files.invalid/tide.mp3?signature=invented",
    message=InMessage(channel_id=12, message_id=13, attachment_id=14),
)
DRAFT = Draft(
    id="r55",
    member_id=1,
    request=ExtensionRequest(style="folk", continue_at=4.25, continue_at_words="soon"),
    made_at=NOW,
    source=PIECE,
    choices=(PIECE, replace(PIECE, name="öde 🌊.wav")),
    private=True,
    parent=Parent(job_id="j", song_id="s", track_id="t"),
    problems=(
        Problem("continue_at", text("Not “{given}”.", given=Said("*soon*"))),
        Problem(None, text("{at} is too late.", at=Seconds(61.5))),
    ),
    by_file=True,
)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def test_a_draft_is_read_back_whole(storage: SqlStorage) -> None:
    await storage.write(lambda work: work.drafts.put(DRAFT))

    assert await storage.reading.drafts.get(DRAFT.id) == DRAFT
    assert await storage.reading.drafts.get("r56") is None


async def test_a_weight_that_is_no_number_is_kept_for_the_rules_to_refuse(storage: SqlStorage) -> None:
    draft = replace(DRAFT, request=ExtensionRequest(weirdness=math.nan))

    await storage.write(lambda work: work.drafts.put(draft))

    found = await storage.reading.drafts.get(draft.id)
    assert found is not None
    assert math.isnan(found.request.weirdness or 0)


async def test_a_later_draft_with_the_same_id_takes_its_place(storage: SqlStorage) -> None:
    await storage.write(lambda work: work.drafts.put(DRAFT))
    later = replace(DRAFT, request=ExtensionRequest(title="Tide"), made_at=after(1))

    await storage.write(lambda work: work.drafts.put(later))

    assert await storage.reading.drafts.get(DRAFT.id) == later


async def test_old_drafts_are_forgotten_a_few_at_a_time(storage: SqlStorage) -> None:
    drafts = [replace(DRAFT, id=f"d{number}", made_at=after(number)) for number in range(4)]
    for draft in drafts:
        await Drafts(storage).keep(draft)

    assert await storage.write(lambda work: work.drafts.forget(made_before=after(3), limit=2)) == 2
    assert await storage.write(lambda work: work.drafts.forget(made_before=after(3), limit=2)) == 1

    kept = [await storage.reading.drafts.get(draft.id) for draft in drafts]
    assert [draft.id for draft in kept if draft is not None] == ["d3"]


@pytest.mark.sqlite
async def test_what_a_later_release_wrote_counts_as_gone(storage: SqlStorage, tmp_path: Path) -> None:
    await storage.write(lambda work: work.drafts.put(DRAFT))
    with closing(sqlite3.connect(tmp_path / "encore.db")) as file:
        file.execute("UPDATE draft SET payload = '{\"request\":5}'")
        file.commit()

    with pytest.raises(Refused, match="no longer have"):
        await Drafts(storage).of(1, DRAFT.id)


async def test_a_draft_is_shown_to_its_member_alone(storage: SqlStorage) -> None:
    await Drafts(storage).keep(DRAFT)

    assert await Drafts(storage).of(1, DRAFT.id) == DRAFT
    with pytest.raises(Refused, match="someone else's form"):
        await Drafts(storage).of(2, DRAFT.id)
