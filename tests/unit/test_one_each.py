"""What uses up nothing is made once at a time for each member, so that nobody fills the places of all."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import text
from bot.errors import Refused
from bot.services.common.clock import utc_now
from bot.services.common.one_each import OneEach
from bot.services.common.ports import Storage
from bot.services.pipeline.sources import Sources
from bot.services.songs.picking import BUSY, Picking
from tests.support.fakes import FakeStudio

MIA, NOA = 1, 2
PIECE = SourceChoice(kind=SourceKind.URL, name="tide.mp3", locator="https://example.com/tide.mp3")


@dataclass
class SlowSources:
    """The only part of `Sources` that is needed: no file arrives before `arrive` is set."""

    arrive: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def read(self, source: SourceChoice, path: Path) -> None:  # noqa: ARG002  # as there
        self.asked.release()
        await self.arrive.wait()
        path.write_bytes(b"tide")


def test_a_member_has_the_next_one_once_the_last_is_done_also_after_a_failure() -> None:
    one_each = OneEach(text("Wait."))

    with one_each.one(MIA), one_each.one(NOA), pytest.raises(Refused), one_each.one(MIA):
        pass
    with pytest.raises(ZeroDivisionError), one_each.one(MIA):
        raise ZeroDivisionError

    with one_each.one(MIA):
        pass


async def test_a_member_has_one_picture_drawn_at_a_time(tmp_path: Path) -> None:
    sources = SlowSources()
    picking = Picking(cast("Storage", None), cast("Sources", sources), FakeStudio(), folder=tmp_path, clock=utc_now)

    async def drawn(member_id: int) -> None:
        async with picking.pictured(PIECE, member_id) as picture:
            assert picture.path.exists()

    mine = asyncio.create_task(drawn(MIA))
    await sources.asked.acquire()
    with pytest.raises(Refused) as refused:
        await drawn(MIA)
    other = asyncio.create_task(drawn(NOA))
    await sources.asked.acquire()
    sources.arrive.set()
    await asyncio.gather(mine, other)

    assert refused.value.sentences == (BUSY,)
    assert refused.value.can_be_fixed
    await drawn(MIA)
    assert list(tmp_path.iterdir()) == []
