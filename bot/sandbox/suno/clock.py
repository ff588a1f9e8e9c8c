"""Scaled time, rate windows, and waiting for changes."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine


class ScaledClock:
    """Seconds of the real service, made shorter by `scale`."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.scale)

    async def sleep_until(self, start: float, seconds: float) -> None:
        """Sleep until `seconds` scaled seconds have passed since `start`, a value of `now`."""
        await asyncio.sleep(max(0.0, start + seconds * self.scale - self.now()))


class RateWindow:
    """At most `limit` in any `seconds` real seconds; a limit of 0 lets all pass."""

    def __init__(self, limit: int, seconds: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._now = now
        self._passed: deque[float] = deque()

    @property
    def used(self) -> int:
        """How many have passed within the last `seconds`."""
        oldest_that_counts = self._now() - self._seconds
        while self._passed and self._passed[0] <= oldest_that_counts:
            self._passed.popleft()
        return len(self._passed)

    def has_room(self) -> bool:
        return not self._limit or self.used < self._limit

    def take(self) -> None:
        if self._limit:
            self._passed.append(self._now())


class Bell:
    """Rings at every change, so that everyone who waits looks again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._event.wait()


class Crew:
    """Owns the background tasks. What one of them raises is kept and raised at the end, so that it fails the test.

    No TaskGroup, because a fixture may be entered and left in different tasks.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []

    def start(self, work: Coroutine[object, object, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._failures.append(error)

    async def stop(self) -> None:
        """Cancel all and wait for them.

        Raises:
            ExceptionGroup: some of them failed, which is a bug in the stand-in.
        """
        while running := list(self._tasks):
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        if self._failures:
            raise ExceptionGroup("the stand-in for the Suno API broke", self._failures)
