"""When a worker takes a step of its task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell
from bot.services.common.worker import Worker
from tests.support.fakes import TurnedClock


class Errand:
    """Work that is due at `due`; each look and each step is in `seen`."""

    def __init__(self, due: datetime | None) -> None:
        self.due = due
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    async def step(self) -> bool:
        self.due = None
        self.seen.put_nowait("step")
        return False

    async def next_due(self) -> datetime | None:
        self.seen.put_nowait("asked")
        return self.due


@asynccontextmanager
async def working(errand: Errand, bell: Bell, clock: TurnedClock, *, asks_first: bool) -> AsyncIterator[None]:
    worker = asyncio.create_task(Worker("errands", errand, bell, clock, asks_first=asks_first).run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_a_worker_that_asks_first_takes_no_step_before_its_work_is_due() -> None:
    clock, bell = TurnedClock(), Bell()
    errand = Errand(clock() + timedelta(seconds=20))
    async with working(errand, bell, clock, asks_first=True):
        assert await errand.seen.get() == "asked"
        bell.ring()
        assert await errand.seen.get() == "asked"

        clock.turn(20)
        bell.ring()
        assert [await errand.seen.get(), await errand.seen.get()] == ["asked", "step"]


async def test_a_worker_that_asks_first_takes_no_step_without_any_work() -> None:
    clock, bell = TurnedClock(), Bell()
    errand = Errand(None)
    async with working(errand, bell, clock, asks_first=True):
        for _ in range(3):
            assert await errand.seen.get() == "asked"
            bell.ring()


async def test_any_other_worker_takes_a_step_whenever_its_bell_rings() -> None:
    clock, bell = TurnedClock(), Bell()
    errand = Errand(None)
    async with working(errand, bell, clock, asks_first=False):
        for _ in range(3):
            assert [await errand.seen.get(), await errand.seen.get()] == ["step", "asked"]
            bell.ring()
