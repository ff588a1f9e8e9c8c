"""When a worker takes a step of its task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell
from bot.services.common.clock import Clock, utc_now
from bot.services.common.worker import Task, Worker
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
async def working(
    errand: Task, bell: Bell, clock: Clock, *, asks_first: bool, pause_seconds: float = 0
) -> AsyncIterator[None]:
    worker = Worker("errands", errand, bell, clock, asks_first=asks_first, pause_seconds=pause_seconds)
    run = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


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


class UrgentErrand(Errand):
    """Due whenever somebody asks."""

    async def next_due(self) -> datetime | None:
        return utc_now()


async def test_work_that_is_due_by_the_end_of_the_look_is_done_at_once() -> None:
    errand = UrgentErrand(None)
    async with working(errand, Bell(), utc_now, asks_first=True):
        assert await errand.seen.get() == "step"


async def test_any_other_worker_takes_a_step_whenever_its_bell_rings() -> None:
    clock, bell = TurnedClock(), Bell()
    errand = Errand(None)
    async with working(errand, bell, clock, asks_first=False):
        for _ in range(3):
            assert [await errand.seen.get(), await errand.seen.get()] == ["step", "asked"]
            bell.ring()


class SharedErrands:
    """Work for several workers. One that begins a piece is busy with it until the test ends.

    As many as `held_up` get no further than to the beginning of their step.
    """

    def __init__(self, bell: Bell, *due: datetime, held_up: int = 0) -> None:
        self._bell = bell
        self._due = sorted(due)
        self._held_up = held_up
        self.begun: asyncio.Queue[asyncio.Task[None] | None] = asyncio.Queue()  # who did
        self.looks = 0

    async def step(self) -> bool:
        if self._held_up:
            self._held_up -= 1
            await asyncio.Event().wait()
        if not self._due or self._due[0] > utc_now():
            return False
        self._due.pop(0)
        self._bell.wake_another()
        self.begun.put_nowait(asyncio.current_task())
        await asyncio.Event().wait()
        return True

    async def next_due(self) -> datetime | None:
        self.looks += 1
        return self._due[0] if self._due else None


@asynccontextmanager
async def sharing(errands: SharedErrands, bell: Bell, *, workers: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(working(errands, bell, utc_now, asks_first=True))
        yield


async def test_when_work_is_due_only_one_more_worker_looks_than_there_is_work_for() -> None:
    bell, workers = Bell(), 16
    errands = SharedErrands(bell, utc_now() + timedelta(seconds=0.05))
    async with sharing(errands, bell, workers=workers):
        await errands.begun.get()
        for _ in range(10):
            await asyncio.sleep(0)

    assert workers + 2 <= errands.looks <= workers + 4


async def test_while_one_works_another_one_is_there_for_what_is_due_next() -> None:
    bell, now = Bell(), utc_now()
    errands = SharedErrands(bell, *(now + timedelta(seconds=0.02 * number) for number in range(1, 5)))
    async with sharing(errands, bell, workers=4):
        for _ in range(4):
            await errands.begun.get()


async def test_work_that_is_due_at_the_same_time_is_begun_by_as_many_as_there_are() -> None:
    bell, now = Bell(), utc_now()
    errands = SharedErrands(bell, *([now + timedelta(seconds=0.02)] * 4))
    async with sharing(errands, bell, workers=4):
        for _ in range(4):
            await errands.begun.get()


async def test_a_worker_that_is_held_up_before_it_has_claimed_anything_holds_up_no_work() -> None:
    bell = Bell()
    errands = SharedErrands(bell, utc_now() + timedelta(seconds=0.02), held_up=2)
    async with sharing(errands, bell, workers=4):
        await errands.begun.get()


async def test_nobody_looks_again_while_a_worker_pauses_that_found_nothing() -> None:
    bell, loop = Bell(), asyncio.get_running_loop()

    async def resting() -> None:
        await bell.wait(seen=bell.rung, timeout_seconds=0.05, looked_at=loop.time())

    errand = Errand(None)
    other = asyncio.create_task(resting())
    await asyncio.sleep(0)
    async with working(errand, bell, utc_now, asks_first=True, pause_seconds=3600):
        assert await errand.seen.get() == "asked"
        await resting()  # from then on, so that its time comes later than the other's would have

        assert not other.done()
    other.cancel()


class FailingErrands(SharedErrands):
    """`failed`: the worker that took the first step, which fails."""

    failed: "asyncio.Task[None] | None" = None

    async def step(self) -> bool:
        if self.failed is None:
            self.failed = asyncio.current_task()
            raise RuntimeError("the first step fails")
        return await super().step()


async def test_while_a_worker_pauses_after_a_failure_another_one_does_the_work() -> None:
    bell = Bell()
    errands = FailingErrands(bell, utc_now() + timedelta(seconds=0.02))
    async with sharing(errands, bell, workers=2):
        assert await errands.begun.get() is not errands.failed
