"""Gives a job up that could not be submitted for too long, or that nobody continued after a restore."""

import logging
from datetime import datetime, timedelta
from functools import partial

from bot.domain.jobs import SOURCE_KEPT, Failure, FailureReason, Job, JobEvent, JobState, WaitReason
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.operator.account import Account

log = logging.getLogger(__name__)

PAUSED = {WaitReason.NO_CREDITS: FailureReason.NO_CREDITS, WaitReason.KEY_REFUSED: FailureReason.OPERATOR}


class Waiting:
    """The step of a worker. While the provider takes anything at all, every job will have its turn.

    While the account is closed, jobs keep their places for as long as the provider keeps their sources.
    """

    def __init__(
        self, storage: Storage, account: Account, *, give_up_seconds: float, bells: Bells, clock: Clock
    ) -> None:
        self._storage = storage
        self._give_up = timedelta(seconds=give_up_seconds)
        self._account = account
        self._bells = bells
        self._clock = clock

    async def next_due(self) -> datetime | None:
        due = [await self._storage.reading.jobs.next_due([JobState.ON_HOLD]), await self._next_deadline()]
        return min((at for at in due if at is not None), default=None)

    async def _next_deadline(self) -> datetime | None:
        if self._reason() is None:
            return None
        oldest = await self._storage.reading.jobs.oldest_waiting()
        return None if oldest is None else self._deadline(oldest)

    def _reason(self) -> FailureReason | None:
        """Why a job past its deadline was never submitted; None while it may still have its turn."""
        if (paused_for := self._account.paused_for) is not None:
            return PAUSED[paused_for]
        return FailureReason.NEVER_STARTED if self._account.takes_nothing else None

    def _deadline(self, job: Job) -> datetime:
        is_paused = self._account.paused_for is not None
        return job.waits_since + (max(SOURCE_KEPT, self._give_up) if is_paused else self._give_up)

    async def step(self) -> bool:
        """Give up the job that has waited longest, and one on hold whose source is gone by now."""
        ended_hold = await self._end_hold()
        return await self._end_waiting() or ended_hold

    async def _end_hold(self) -> bool:
        at = self._clock()

        async def ended(work: Work) -> bool:
            claimed = await work.jobs.claim_due([JobState.ON_HOLD], now=at, until=at, limit=1)
            for job in claimed:
                log.info("job %s: was not continued after the restore", job.short_id)
                failure = Failure(reason=FailureReason.NEVER_STARTED)
                after = job.after(JobEvent.GIVEN_UP, failure=failure, ended_at=at, due_at=at, attempts=0)
                await settle.save(work, after, before=job, at=at)
            return bool(claimed)

        if is_ended := await self._storage.write(ended):
            self._bells.deliver.ring()
        return is_ended

    async def _end_waiting(self) -> bool:
        at = self._clock()
        if (reason := self._reason()) is None:
            return False
        oldest = await self._storage.reading.jobs.oldest_waiting()
        if oldest is None or at < self._deadline(oldest):
            return False
        ended = await self._storage.write(partial(self._give_up_on, oldest, reason, at))
        if ended is not None:
            self._bells.job_changed(ended)
        return True

    async def _is_still_so(self, work: Work, reason: FailureReason, at: datetime) -> bool:
        """False if another process has meanwhile found that the provider takes jobs."""
        if reason is not FailureReason.NEVER_STARTED:
            return await self._account.is_closed(work.memos)
        if await work.jobs.any_started_since(at - self._give_up):
            self._account.took_something()
            return False
        return True

    async def _give_up_on(self, oldest: Job, reason: FailureReason, at: datetime, work: Work) -> Job | None:
        waiting = await work.jobs.get(oldest.id)
        if waiting is None or waiting.state is not JobState.ACCEPTED:
            return None  # its turn came after all
        if not await self._is_still_so(work, reason, at):
            return None
        log.warning("job %s: waited until the deadline and was never submitted (%s)", waiting.short_id, reason)
        failure = Failure(reason=reason)
        ended = waiting.after(JobEvent.GIVEN_UP, failure=failure, ended_at=at, due_at=at, attempts=0)
        await settle.save(work, ended, before=waiting, at=at)
        return ended
