"""Turns across processes: a process claims a job's progress message before it writes into the private answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from bot.chat.turns import Turns
from bot.errors import Outage
from bot.services.common.clock import Clock
from bot.services.common.lease import an_owner
from bot.services.common.ports import Storage, Work

LOOK_SECONDS = 0.1
"""How often to look while waiting for a turn. Most edits take longer."""


class SharedTurns(Turns):
    def __init__(self, storage: Storage, *, lease_seconds: float, clock: Clock) -> None:
        """`lease_seconds`: when the turn of a process that died becomes free."""
        super().__init__()
        self._storage = storage
        self._lease = timedelta(seconds=lease_seconds)
        self._clock = clock

    @asynccontextmanager
    async def taken_now(self, job_id: str) -> AsyncIterator[None]:  # noqa: ARG002  # as there
        """Nothing to do: the progress workers have already claimed the message."""
        yield

    @asynccontextmanager
    async def taken(self, job_id: str) -> AsyncIterator[None]:
        """Raises an `Outage` if the database cannot say whose turn it is."""
        owner = an_owner("answering")
        while not await self._take(job_id, owner):  # noqa: ASYNC110  # the database sends no events
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            with suppress(Outage):  # then the turn runs out
                await self._storage.write(lambda work: work.progress.give_back(job_id, owner=owner, at=self._clock()))

    async def _take(self, job_id: str, owner: str) -> bool:
        async def taken(work: Work) -> bool:
            now = self._clock()
            return await work.progress.take(job_id, owner=owner, now=now, until=now + self._lease)

        return await self._storage.write(taken)
