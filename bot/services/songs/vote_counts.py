"""Shows how many votes there are below a result: at the pace of its message, however many people click.

A vote makes its message due in the database, and an edit needs a claim there: one process makes it, also after a
restart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import Job
from bot.domain.pace import backoff_seconds
from bot.domain.votes import OutdatedVotes
from bot.services.common.clock import Clock
from bot.services.common.lease import an_owner
from bot.services.common.messenger import Messenger, RouteBusy, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage, Work

log = logging.getLogger(__name__)

AT_ONCE = 4
SHOW_SECONDS = 12.0
"""How long one edit may take."""
TRIES = 20
"""After so many failures in a row a message is left as it is until the next vote."""

Record: TypeAlias = Callable[[Work], Awaitable[bool]]


class VoteTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds. `every`: the pace of one message; `lease`: when a dead worker's message is taken over."""

    every: float
    lease: float = 30
    backoff_base: float = 2


class VoteCounts:
    """The step of a worker."""

    def __init__(self, storage: Storage, messenger: Messenger, *, times: VoteTimes, clock: Clock) -> None:
        self._storage = storage
        self._messenger = messenger
        self._times = times
        self._clock = clock
        self._owner = an_owner("vote counts")

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.votes.next_due()

    async def release(self) -> None:
        """Leave interrupted edits to other processes at once, before the claims run out."""
        await self._storage.write(lambda work: work.votes.release_all(self._owner, at=self._clock()))

    async def step(self) -> bool:
        """Bring a few messages up to date; False if none is behind."""
        now = self._clock()
        until = now + timedelta(seconds=self._times.lease)
        claimed = await self._storage.write(
            lambda work: work.votes.claim_due(now=now, until=until, limit=AT_ONCE, owner=self._owner)
        )
        await asyncio.gather(*(self._bring_up_to_date(outdated) for outdated in claimed))
        return bool(claimed)

    async def _bring_up_to_date(self, outdated: OutdatedVotes) -> None:
        record = await self._outcome(outdated)

        async def written(work: Work) -> None:
            if not await record(work) and await work.jobs.get(outdated.job_id) is not None:
                # Another owner may have shown something newer before our edit arrived.
                await work.votes.touch(
                    outdated.message_id, job_id=outdated.job_id, channel_id=outdated.channel_id, at=self._clock()
                )

        await self._storage.write(written)

    async def _outcome(self, outdated: OutdatedVotes) -> Record:
        """Show one message; what to write down afterwards."""
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                return await self._show(outdated)
        except RouteBusy as error:
            return self._put_off(outdated, seconds=error.seconds)
        except RouteClosed as error:
            log.info("votes cannot be shown (%s); the message stays as it is", error)
        except (RouteUnavailable, TimeoutError) as error:
            failures = outdated.failures + 1
            if failures < TRIES:
                pause_seconds = backoff_seconds(failures, base_seconds=self._times.backoff_base)
                return self._put_off(replace(outdated, failures=failures), seconds=pause_seconds)
            log.warning("votes cannot be shown (%s); the message stays as it is", error)
        return self._left(outdated)

    async def _show(self, outdated: OutdatedVotes) -> Record:
        async def looked(work: Work) -> tuple[Job | None, Mapping[int, int]]:
            return await work.jobs.get(outdated.job_id), await work.votes.below(outdated.message_id)

        job, votes = await self._storage.read(looked)
        if job is None:
            return self._left(outdated)
        await self._check_claim(outdated)
        await self._messenger.show_votes(
            job, channel_id=outdated.channel_id, message_id=outdated.message_id, votes=votes
        )
        next_edit_at = self._clock() + timedelta(seconds=self._times.every)
        return lambda work: work.votes.shown(outdated, owner=self._owner, next_edit_at=next_edit_at)

    async def _check_claim(self, outdated: OutdatedVotes) -> None:
        """Raises `RouteBusy` if another process might claim the message before the edit ends."""
        if not self._storage.is_shared:
            return
        until = await self._storage.reading.votes.claimed_until(outdated.message_id, owner=self._owner)
        if until is None or until - self._clock() < timedelta(seconds=self._times.lease) / 2:
            raise RouteBusy(0)

    def _put_off(self, outdated: OutdatedVotes, *, seconds: float) -> Record:
        until = self._clock() + timedelta(seconds=seconds)
        return lambda work: work.votes.put_off(outdated, owner=self._owner, until=until)

    def _left(self, outdated: OutdatedVotes) -> Record:
        return lambda work: work.votes.leave(outdated.message_id, owner=self._owner)
