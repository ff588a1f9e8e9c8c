"""How one worker wakes another early. Work is found in the database, so a missed bell costs only time."""

import asyncio
from collections import deque
from contextlib import suppress

from bot.domain.jobs import AT_PROVIDER_STATES, Job, JobState


class Bell:
    """Rung for new work; each ring wakes one of the listening workers."""

    def __init__(self) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.rung = 0

    def ring(self) -> None:
        """Wake one worker, or keep the next one from going to sleep."""
        self.rung += 1
        self.wake_another()

    def wake_another(self) -> None:
        """Wake one more worker: there may be work for several."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def wait(self, *, seen: int, timeout_seconds: float) -> None:
        """Return when woken or after the time; at once if the bell was rung more than `seen` times."""
        if self.rung != seen:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_seconds):
                await waiter
        except TimeoutError:
            return
        finally:
            with suppress(ValueError):
                self._waiters.remove(waiter)


class Bells:
    """One bell per kind of work."""

    def __init__(self) -> None:
        self.submit = Bell()
        self.callbacks = Bell()
        self.watch = Bell()
        self.deliver = Bell()
        self.progress = Bell()
        self.intake = Bell()

    def job_changed(self, job: Job) -> None:
        """Wake the workers concerned with the job's new state."""
        self.progress.ring()
        if job.state is JobState.ACCEPTED:
            self.submit.ring()
            self.watch.ring()
        elif job.state in AT_PROVIDER_STATES:
            self.watch.ring()
        else:
            self.deliver.ring()

    def all_due(self) -> None:
        """Wake them after the due times themselves have changed."""
        for bell in (self.submit, self.watch, self.deliver, self.progress, self.intake):
            bell.ring()
