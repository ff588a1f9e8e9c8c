"""Hands accepted jobs to the provider, in fair order and within its rate, each at most once."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState, WaitReason
from bot.domain.pace import backoff_seconds
from bot.domain.quota import next_day
from bot.errors import ProviderBusy, ProviderError
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Provider, Storage, Work
from bot.services.common.surely import surely
from bot.services.operator.account import Account, trouble_of
from bot.services.operator.caps import Caps
from bot.services.operator.isolation import Isolation
from bot.services.pipeline.rate import Rate

log = logging.getLogger(__name__)


class _ClosedElsewhereError(Exception):
    """Undoes a claim: another process found the account closed."""


class SubmitTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. A job that is still `submitting` after these has lost its process.

    `turn` covers the writing down that it is sent now, `lease` is longer than any POST takes.
    """

    turn: float = 30
    lease: float = 90
    overdue: float
    backoff_base: float = 2


class Submission:
    """The step of the submitting workers. `callback_url` makes a job's address from its token.

    `silence_seconds`: how long a job is given for its next callback before it is asked about.
    """

    def __init__(
        self,
        storage: Storage,
        provider: Provider,
        isolation: Isolation,
        *,
        account: Account,
        rate: Rate,
        caps: Caps,
        callback_url: Callable[[str], str],
        times: SubmitTimes,
        silence_seconds: Callable[[], float],
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._isolation = isolation
        self._account = account
        self._rate = rate
        self._caps = caps
        self._callback_url = callback_url
        self._times = times
        self._silence_seconds = silence_seconds
        self._bells = bells
        self._clock = clock
        self._free_at: datetime | None = None  # when the provider takes the next one, where it takes none now

    async def next_due(self) -> datetime | None:
        due = await self._storage.reading.jobs.next_due([JobState.ACCEPTED])
        if due is None:
            return None
        return max(at for at in (due, self._account.ask_at, self._free_at) if at is not None)

    async def step(self) -> bool:
        """Submit the job whose turn it is; False when none may be submitted now."""
        if not await self._account.is_open():
            return False
        try:
            job, attempt_id = await self._storage.write(self._claim)
        except _ClosedElsewhereError:
            return False
        if job is None:
            return False
        self._bells.submit.wake_another()
        self._bells.progress.ring()
        if attempt_id is None:
            return True  # put off for today; the next one may be another server's
        await fault_points.pause_at("before the submit")
        async with self._isolation.around(job, doing="submitting it"):
            if await self._mark_sent(job):
                await fault_points.pause_at("between claim and send")
                await self._submit(job, attempt_id)
        return True

    async def _claim(self, work: Work) -> tuple[Job | None, str | None]:
        """The next job and the id of its place in the provider's rate.

        Without a place it keeps waiting, and can be cancelled. Where a limit of the day is reached, it is put off until
        tomorrow and has no place.

        Raises:
            _ClosedElsewhereError: another process found the account closed; nothing is claimed.
        """
        now = self._clock()
        counted = await self._rate.counted(work.memos, now=now)
        self._free_at = self._rate.free_at(counted, now=now)
        if self._free_at is not None:
            return None, None
        job = await work.jobs.claim_turn(now=now, until=now + timedelta(seconds=self._times.turn))
        if job is None:
            return None, None
        if await self._account.is_closed(work.memos):
            raise _ClosedElsewhereError
        reason = await self._caps.reached(work, job.place.guild_id, now=now)
        if reason is not None:
            log.info("job %s: put off until tomorrow (%s)", job.short_id, reason)
            put_off = job.after(JobEvent.NOT_STARTED, waits_for=reason, due_at=next_day(now))
            await work.jobs.save(put_off)
            await work.progress.touch(job.id, at=now)
            return put_off, None
        await self._caps.count(work, job, now=now)
        await work.progress.touch(job.id, at=now)
        return job, await self._rate.take(work.memos, counted, now=now)

    async def _mark_sent(self, job: Job) -> bool:
        """From here on its outcome may be unknown; a job that was claimed and never sent goes back to its place."""

        async def marked(work: Work) -> bool:
            current = await work.jobs.get(job.id)
            if current is None or current.state is not JobState.SUBMITTING or current.submitted_at is not None:
                return False
            now = self._clock()
            due_at = now + timedelta(seconds=self._times.lease)
            await work.jobs.save(replace(current, submitted_at=now, due_at=due_at, waits_for=None))
            return True

        return await self._storage.write(marked)

    async def _submit(self, job: Job, attempt_id: str) -> None:
        try:
            task_id = await self._provider.extend(
                job.request,
                source_url=job.source_url,
                sent_continue_at=job.sent_continue_at,
                callback_url=self._callback_url(job.callback_token),
            )
            await fault_points.pause_at("after the answer to the submit")
        except ProviderError as error:
            if (reason := trouble_of(error)) is not None:
                self._account.close(reason)  # before the others are woken, here and elsewhere
            if isinstance(error, ProviderBusy):
                self._account.took_nothing()
            after_error = partial(self._after_error, error, job)
            await surely(lambda: self._record(job, attempt_id, after_error, closes_account=reason is not None))
            await self._account.tell_of(error)
        else:
            log.info("job %s: submitted as task %s", job.short_id, task_id)
            await surely(lambda: self._record(job, attempt_id, partial(self._started, task_id)))
            await self._account.works()

    async def _record(
        self, job: Job, attempt_id: str, change: Callable[[Job, datetime], Job], *, closes_account: bool = False
    ) -> None:
        """Apply `change` to the job as it is by now: a callback may have been faster than the answer."""

        async def recorded(work: Work) -> Job | None:
            if closes_account:
                await self._account.share(work.memos)
            current = await work.jobs.get(job.id)
            if current is None:
                return None
            at = self._clock()
            await self._rate.answered(work.memos, attempt_id, now=at)
            after = change(current, at)
            if after.task_id is not None and await work.jobs.task_is_taken(after.task_id, by_other_than=job.id):
                log.error("job %s: the answer to its submission names the task of another job", job.short_id)
                after = replace(current, outcome_unknown=True, due_at=at + timedelta(seconds=self._times.overdue))
            if after is not current:
                await settle.save(work, after, before=current, at=at)
            return after

        if (after := await self._storage.write(recorded)) is not None:
            self._bells.job_changed(after)

    def _started(self, task_id: str, job: Job, at: datetime) -> Job:
        if job.task_id == task_id:
            return job
        if job.task_id is not None:
            log.warning("job %s: a callback had told of another task; the answer counts", job.short_id)
        started = job.after(JobEvent.STARTED, task_id=task_id, named_task_id=None, attempts=0, outcome_unknown=False)
        if started.state is JobState.RUNNING:
            return replace(started, due_at=at + timedelta(seconds=self._silence_seconds()))
        return started

    def _after_error(self, error: ProviderError, sent: Job, job: Job, at: datetime) -> Job:
        if job.attempts != sent.attempts:
            return job  # it was written down before, though that seemed to fail; somebody may have sent it again since
        if job.state not in {JobState.SUBMITTING, JobState.OVERDUE} or job.task_id is not None:
            return job  # a callback told that it was started after all
        if error.may_have_started:
            log.warning("job %s: no clear answer to the submission (%s); not repeated", job.short_id, error)
            # A callback may have named a task meanwhile: then there is something to ask.
            wait_seconds = self._times.overdue if job.named_task_id is None else 0
            return replace(job, outcome_unknown=True, due_at=at + timedelta(seconds=wait_seconds))
        job = replace(job, outcome_unknown=False)
        if (reason := trouble_of(error)) is not None:
            return job.after(
                JobEvent.NOT_STARTED, attempts=job.attempts + 1, due_at=at, submitted_at=None, waits_for=reason
            )
        if isinstance(error, ProviderBusy):
            wait_seconds = backoff_seconds(job.attempts, base_seconds=self._times.backoff_base)
            log.info("job %s: put off for %.1f s (%s)", job.short_id, wait_seconds, error)
            return job.after(
                JobEvent.NOT_STARTED,
                attempts=job.attempts + 1,
                due_at=at + timedelta(seconds=wait_seconds),
                submitted_at=None,
                waits_for=WaitReason.BUSY,
            )
        log.info("job %s: refused (%s)", job.short_id, error)
        failure = Failure(
            reason=FailureReason.REFUSED,
            code=error.code,
            provider_message=error.provider_message,
        )
        return job.after(JobEvent.REFUSED, failure=failure, ended_at=at, due_at=at, attempts=0)
