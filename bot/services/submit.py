"""Hands accepted jobs to the provider, in fair order and within its rate, each at most once."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState
from bot.domain.pace import SlidingWindow, backoff_seconds
from bot.errors import ProviderBusy, ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.services import settle
from bot.services.bells import Bells
from bot.services.clock import Clock
from bot.services.ports import Provider, Storage

log = logging.getLogger(__name__)

CREDITS_PER_JOB = 12
"""What one extension costs (fact sheet, section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitTimes:
    """Seconds. A job that is still `submitting` after these has lost its process.

    `turn` is longer than a job waits for the provider's rate, `claim` than any POST takes.
    """

    turn: float = 30
    claim: float = 90
    first_poll: float
    overdue: float
    credits_every: float = 60
    backoff_base: float = 2


class Submission:
    """The step of the submitting workers. `callback_url` makes a job's address from its token."""

    def __init__(
        self,
        storage: Storage,
        provider: Provider,
        *,
        window: SlidingWindow,
        callback_url: Callable[[str], str],
        times: SubmitTimes,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._window = window
        self._callback_url = callback_url
        self._times = times
        self._bells = bells
        self._clock = clock
        self._ask_credits_at: datetime | None = None  # set while the account has none

    async def next_due(self) -> datetime | None:
        due = await self._storage.reading.jobs.next_due([JobState.ACCEPTED])
        return max(due, self._ask_credits_at) if due and self._ask_credits_at else due

    async def step(self) -> bool:
        """Submit the job whose turn it is; False when none may be submitted now."""
        if not await self._has_credits():
            return False
        async with self._storage.transaction() as work:
            now = self._clock()
            job = await work.jobs.claim_turn(now=now, until=now + timedelta(seconds=self._times.turn))
        if job is None:
            return False
        self._bells.progress.ring()
        await asyncio.sleep(self._window.take(asyncio.get_running_loop().time()))
        fault_points.reach("before the submit")
        if await self._mark_sent(job):
            await self._submit(job)
        return True

    async def _mark_sent(self, job: Job) -> bool:
        """From here on its outcome may be unknown; a job that was claimed and never sent goes back to its place."""
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None or current.state is not JobState.SUBMITTING or current.submitted_at is not None:
                return False
            now = self._clock()
            await work.jobs.save(replace(current, submitted_at=now, due_at=now + timedelta(seconds=self._times.claim)))
        return True

    async def _has_credits(self) -> bool:
        """While the account is empty, ask at a slow pace whether it was filled."""
        if self._ask_credits_at is None:
            return True
        if self._clock() < self._ask_credits_at:
            return False
        self._ask_credits_at = self._clock() + timedelta(seconds=self._times.credits_every)
        try:
            credits_left = await self._provider.credits()
        except ProviderError as error:
            log.debug("credits: %s", error)
            return False
        if credits_left < CREDITS_PER_JOB:
            return False
        self._ask_credits_at = None
        log.warning("credits are back (%g): submitting goes on", credits_left)
        return True

    async def _submit(self, job: Job) -> None:
        try:
            task_id = await self._provider.extend(
                job.request,
                source_url=job.source_url,
                continue_at=job.continue_at,
                callback_url=self._callback_url(job.callback_token),
            )
            fault_points.reach("after the answer to the submit")
        except ProviderError as error:
            change: Callable[[Job, datetime], Job] = partial(self._after_error, error)
        else:
            log.info("job %s: submitted as task %s", job.short_id, task_id)
            change = partial(self._started, task_id)
        await self._record(job, change)

    async def _record(self, job: Job, change: Callable[[Job, datetime], Job]) -> None:
        """Apply `change` to the job as it is by now: a callback may have been faster than the answer."""
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None:
                return
            at = self._clock()
            after = change(current, at)
            if after is not current:
                await settle.save(work, after, at=at)
        self._bells.job_changed()

    def _started(self, task_id: str, job: Job, at: datetime) -> Job:
        if job.task_id is not None:
            return job
        started = job.after(JobEvent.STARTED, task_id=task_id, attempts=0, outcome_unknown=False)
        if started.state is JobState.RUNNING:
            return replace(started, due_at=at + timedelta(seconds=self._times.first_poll))
        return started

    def _after_error(self, error: ProviderError, job: Job, at: datetime) -> Job:
        if job.state is not JobState.SUBMITTING:
            return job  # a callback told that it was started after all
        if error.may_have_started:
            log.warning("job %s: no clear answer to the submission (%s); not repeated", job.short_id, error)
            return replace(job, outcome_unknown=True, due_at=at + timedelta(seconds=self._times.overdue))
        if isinstance(error, ProviderOutOfCredits):
            if self._ask_credits_at is None:
                log.error("the account has no credits left: top it up; jobs wait and go on by themselves")
            self._ask_credits_at = at + timedelta(seconds=self._times.credits_every)
            return job.after(JobEvent.NOT_STARTED, attempts=job.attempts + 1, due_at=at, submitted_at=None)
        if isinstance(error, ProviderBusy):
            wait_seconds = backoff_seconds(job.attempts, base_seconds=self._times.backoff_base)
            log.info("job %s: put off for %.1f s (%s)", job.short_id, wait_seconds, error)
            return job.after(
                JobEvent.NOT_STARTED,
                attempts=job.attempts + 1,
                due_at=at + timedelta(seconds=wait_seconds),
                submitted_at=None,
            )
        unauthorized = isinstance(error, ProviderUnauthorized)
        if unauthorized:
            log.error("the provider refuses SUNO_API_KEY: check the key in .env")
        log.info("job %s: refused (%s)", job.short_id, error)
        failure = Failure(
            reason=FailureReason.OPERATOR if unauthorized else FailureReason.REFUSED,
            code=error.code,
            provider_message=error.provider_message,
        )
        return job.after(JobEvent.REFUSED, failure=failure, ended_at=at, due_at=at, attempts=0)
