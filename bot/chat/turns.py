"""Only one at a time writes into a job's private answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from bot.services.common.messenger import RouteBusy

BUSY_SECONDS = 1.0


class Turns:
    """A lock per job, kept while anyone holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def taken_now(self, job_id: str) -> AsyncIterator[None]:
        """For writes that can wait: raises `RouteBusy` if somebody else has the turn."""
        if self._lock(job_id).locked():
            raise RouteBusy(BUSY_SECONDS)
        async with self.taken(job_id):
            yield

    @asynccontextmanager
    async def taken(self, job_id: str) -> AsyncIterator[None]:
        """For writes that cannot wait: blocks until the current turn is over."""
        lock = self._lock(job_id)
        async with lock:
            yield

    def _lock(self, job_id: str) -> asyncio.Lock:
        return self._locks.setdefault(job_id, asyncio.Lock())
