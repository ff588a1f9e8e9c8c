"""Work in a thread is awaited to its end, whatever happens to the task that wants it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.cancellation import in_thread_to_its_end
from bot.sandbox.patience import PATIENCE_SECONDS


class Work:
    """Begins, and ends when it may."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.loop = asyncio.get_running_loop()
        self.has_begun = asyncio.Event()
        self.may_end = threading.Event()
        self.has_ended = False

    def __call__(self) -> str:
        self.loop.call_soon_threadsafe(self.has_begun.set)
        self.may_end.wait(PATIENCE_SECONDS)
        self.has_ended = True
        if self._error is not None:
            raise self._error
        return "done"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def begun(threads: ThreadPoolExecutor, work: Work) -> asyncio.Task[str]:
    task = asyncio.create_task(in_thread_to_its_end(threads, work))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work.has_begun.wait()
    return task


async def test_it_returns_what_the_work_returns(threads: ThreadPoolExecutor) -> None:
    work = Work()
    work.may_end.set()

    assert await in_thread_to_its_end(threads, work) == "done"


async def test_it_raises_what_the_work_raises(threads: ThreadPoolExecutor) -> None:
    work = Work(OSError("disk full"))
    work.may_end.set()

    with pytest.raises(OSError, match="disk full"):
        await in_thread_to_its_end(threads, work)


@pytest.mark.parametrize("error", [None, OSError("disk full")])
async def test_a_task_that_is_cancelled_waits_for_its_work_however_often_it_is_cancelled(
    threads: ThreadPoolExecutor, error: Exception | None
) -> None:
    work = Work(error)
    task = await begun(threads, work)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    work.may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.has_ended


async def test_a_time_limit_is_told_once_the_work_has_ended(threads: ThreadPoolExecutor) -> None:
    work = Work()

    async def limited() -> None:
        async with asyncio.timeout(0):
            try:
                await in_thread_to_its_end(threads, work)
            finally:
                assert work.has_ended

    task = asyncio.create_task(limited())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work.has_begun.wait()
    work.may_end.set()  # the time is over by now

    with pytest.raises(TimeoutError):
        await task


async def test_work_that_is_still_waiting_for_a_thread_is_done_all_the_same(threads: ThreadPoolExecutor) -> None:
    first, second = Work(), Work()
    busy = await begun(threads, first)
    waiting = asyncio.create_task(in_thread_to_its_end(threads, second))
    await asyncio.sleep(0)
    waiting.cancel()
    first.may_end.set()
    second.may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert second.has_ended
    await busy
