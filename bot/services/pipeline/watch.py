"""Watches the jobs at the provider: polls when no callback comes, notices silence, gives up in the end."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState
from bot.domain.progress import looks_different
from bot.domain.reports import ENDS, TaskReport, apply_report
from bot.errors import ProviderError, denies_task
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.patience import Patience
from bot.services.common.ports import Provider, Storage, Work
from bot.services.operator.isolation import Isolation
from bot.services.pipeline.apply_callbacks import AGAIN_SECONDS

log = logging.getLogger(__name__)

WATCHED = (JobState.RUNNING, JobState.OVERDUE, JobState.SUBMITTING)
AT_ONCE = 4
"""How many jobs one worker polls at the same time: one slow answer holds up no more than these."""
UNKNOWN_TRIES = 5
"""How often it may deny a task that a callback named before that callback counts as invented."""


class WatchTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; see `POLL_EVERY_SECONDS`, `OVERDUE_AFTER_SECONDS` and `GIVE_UP_AFTER_SECONDS`."""

    poll_every: float
    overdue: float
    give_up: float


class _Answer(msgspec.Struct, frozen=True):
    """What the provider said when asked about `task_id`: `report` None for nothing; `denied`: it knows no such task."""

    task_id: str | None = None
    report: TaskReport | None = None
    denied: bool = False

    @property
    def leaves_open(self) -> bool:
        """Whether the task may still come to an end: it is at work, or the provider cannot be asked now."""
        return self.task_id is not None and not self.denied


class Watch:
    """The step of the watching workers."""

    def __init__(
        self,
        storage: Storage,
        provider: Provider,
        isolation: Isolation,
        *,
        times: WatchTimes,
        patience: Patience,
        long_patience: Patience,
        silence_seconds: Callable[[], float],
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`silence_seconds`: how long a job is given for its next callback before it is asked about.

        A job past its deadline is given up after `patience` with nothing to ask about or a denial, and after
        `long_patience`, which counts all looks, with answers that leave its end open.
        """
        self._storage = storage
        self._provider = provider
        self._isolation = isolation
        self._times = times
        self._patience = patience
        self._long_patience = long_patience
        self._denied = Patience(spread_seconds=0, tries=UNKNOWN_TRIES)
        self._bells = bells
        self._clock = clock
        self._silence_seconds = silence_seconds
        self._unreachable = False

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.jobs.next_due(WATCHED)

    async def step(self) -> bool:
        now = self._clock()
        # The claim is the next look as well: where nothing is new, nothing more has to be written.
        until = now + timedelta(seconds=self._times.poll_every)
        claimed = await self._storage.write(
            lambda work: work.jobs.claim_due(WATCHED, now=now, until=until, limit=AT_ONCE)
        )
        if claimed:
            self._bells.watch.wake_another()
        await asyncio.gather(*(self._look_isolated(job) for job in claimed))
        return bool(claimed)

    async def _look_isolated(self, job: Job) -> None:
        async with self._isolation.around(job, doing="asking after it"):
            await self._look(job)

    async def _look(self, job: Job) -> None:
        answer = await self._ask(job)
        await fault_points.pause_at("while the provider is asked")
        if answer.leaves_open:
            self._long_patience.failed(job.id)
            self._patience.forget(job.id)
        if self._is_quiet(job, answer):
            return
        change = await self._storage.write(partial(self._record, job, answer))
        if change is None or change[1].state not in WATCHED:
            self._forget(job)
        if change is None:
            return
        current, after = change
        if (after.state, after.stage) != (current.state, current.stage):
            log.info("job %s: %s, now %s (%s)", job.short_id, current.state, after.state, after.stage)
            self._bells.job_changed(after)
        elif looks_different(current, after):
            self._bells.progress.ring()  # such as the stream's address, which comes after the lyrics

    async def _record(self, job: Job, answer: _Answer, work: Work) -> tuple[Job, Job] | None:
        """Apply the answer: the job before and after; None where it is watched no longer."""
        current = await work.jobs.get(job.id)
        if current is None or current.state not in WATCHED:
            return None
        at = self._clock()
        asked = answer.task_id
        if current.task_id is None and asked and await work.jobs.task_is_taken(asked, by_other_than=job.id):
            log.warning("job %s: a callback named the task of another job", job.short_id)
            current, answer = _unnamed(current, asked), _Answer()
        after = self._looked_at(current, answer, at)
        if after.state in WATCHED and current.due_at != job.due_at:
            after = replace(after, due_at=current.due_at)  # a callback has said meanwhile when to ask next
        if after != current:
            await settle.save(work, after, before=current, at=at)
        return current, after

    def _is_quiet(self, job: Job, answer: _Answer) -> bool:
        """Most looks find nothing new and no edge of time passed: then the claim has written all there is to write."""
        at = self._clock()
        if answer.report is None or job.task_id is None or apply_report(job, answer.report, at=at) != job:
            return False
        if self._is_left_alone(job, job, answer.report, at):
            return False
        begun = job.submitted_at or job.waits_since
        edge = begun + timedelta(seconds=self._times.give_up)
        if job.state is JobState.RUNNING:
            edge = min(edge, max(begun, job.heard_at or begun) + timedelta(seconds=self._times.overdue))
        return job.state in {JobState.RUNNING, JobState.OVERDUE} and at < edge

    def _forget(self, job: Job) -> None:
        self._patience.forget(job.id)
        self._long_patience.forget(job.id)
        self._denied.forget(job.named_task_id or "")

    async def _ask(self, job: Job) -> _Answer:
        """The provider's answer; when it goes out of reach and when it comes back is logged once each."""
        task_id = job.task_id or job.named_task_id
        if task_id is None:
            return _Answer()
        try:
            report = await self._provider.report(task_id)
        except ProviderError as error:
            denied = denies_task(error)
            if not denied:
                if not self._unreachable:
                    log.warning("the provider does not answer questions about tasks (%s); asking on", error)
                self._unreachable = True
            return _Answer(task_id, denied=denied)
        if self._unreachable:
            log.info("the provider answers again")
        self._unreachable = False
        if job.task_id is None and report.task_id != task_id:
            return _Answer(task_id, None, denied=True)  # an answer without a task: the provider knows none of that id
        return _Answer(task_id, replace(report, task_id=task_id))

    def _looked_at(self, job: Job, answer: _Answer, at: datetime) -> Job:
        if job.task_id is None and answer.task_id is not None:
            job = self._named_task(job, answer, answer.task_id)
        after = apply_report(job, answer.report, at=at) if answer.report is not None else job
        if after.state not in WATCHED:
            return after
        if after.state is JobState.SUBMITTING and after.submitted_at is None:
            log.info("job %s: claimed and never sent; back in its place", job.short_id)
            return after.after(JobEvent.NOT_STARTED, due_at=at)
        if after.state is JobState.SUBMITTING and not after.outcome_unknown:
            # Its sender is gone: a process that died between the POST and its answer.
            log.warning("job %s: its submission was interrupted; not repeated", job.short_id)
            after = replace(after, outcome_unknown=True)
        return self._in_time(after, answer, at, is_left_alone=self._is_left_alone(job, after, answer.report, at))

    def _is_left_alone(self, before: Job, after: Job, report: TaskReport | None, at: datetime) -> bool:
        """A callback has just come and left nothing to ask about: the next one will come, too.

        Not once the task has been called complete, for the provider's last callback may be the one that came.
        """
        if after.state is not JobState.RUNNING or before.attempts or report is None or report.kind in ENDS:
            return False
        # A poll that had news, or a callback that was not confirmed, is longer ago than that.
        just_now = timedelta(seconds=min(self._times.poll_every / 2, AGAIN_SECONDS))
        has_called = before.heard_at is not None and at - before.heard_at < just_now
        return has_called and any(track.stream_url for track in after.tracks)

    def _named_task(self, job: Job, answer: _Answer, asked: str) -> Job:
        """A task that only a callback named is the job's once the provider knows it, and invented if it never does.

        A callback may have named another one since the provider was `asked`: the answer says nothing about that one.
        """
        if answer.report is not None:
            self._denied.forget(asked)
            return replace(job, task_id=asked, named_task_id=None)
        if answer.denied and self._denied.failed(asked):
            log.warning("job %s: the provider knows no task that a callback named; forgotten", job.short_id)
            self._denied.forget(asked)
            return _unnamed(job, asked)
        return job

    def _in_time(self, job: Job, answer: _Answer, at: datetime, *, is_left_alone: bool) -> Job:
        """Whether the job is overdue or to be given up, and when it is looked at next.

        A deadline that has passed counts only together with several looks of this process: after a long downtime it
        has passed before anybody asked.
        """
        begun = job.submitted_at or job.waits_since
        deadline = begun + timedelta(seconds=self._times.give_up)
        if at >= deadline and self._is_patience_over(job, answer):
            log.warning("job %s: no result by the deadline", job.short_id)
            failure = Failure(reason=FailureReason.SILENCE if job.task_id is None else FailureReason.NO_RESULT)
            return job.after(JobEvent.GIVEN_UP, failure=failure, ended_at=at, due_at=at, attempts=0)
        overdue_at = max(begun, job.heard_at or begun) + timedelta(seconds=self._times.overdue)
        if at >= overdue_at and job.state is not JobState.OVERDUE:
            job = job.after(JobEvent.WENT_QUIET)
        due_at = self._next_look(job, at, overdue_at, deadline)
        if is_left_alone:
            silent_until = at + timedelta(seconds=self._silence_seconds())
            due_at = max(due_at, min(silent_until, overdue_at, deadline))
        return replace(job, due_at=due_at)

    def _is_patience_over(self, job: Job, answer: _Answer) -> bool:
        return self._long_patience.is_over(job.id) if answer.leaves_open else self._patience.failed(job.id)

    def _next_look(self, job: Job, at: datetime, overdue_at: datetime, deadline: datetime) -> datetime:
        """A task whose id is known is polled at the pace; for others, only the next deadline matters."""
        if job.task_id is None and job.named_task_id is not None:
            return at + timedelta(seconds=AGAIN_SECONDS)
        pace = at + timedelta(seconds=self._times.poll_every)
        if job.due_at is not None and at < job.due_at < pace:
            pace = job.due_at  # from the claim: nothing needs to be written
        if job.task_id is not None:
            return min(pace, deadline) if at < deadline else pace
        if at >= deadline:
            return pace
        return deadline if job.state is JobState.OVERDUE else min(overdue_at, deadline)


def _unnamed(job: Job, task_id: str) -> Job:
    return replace(job, named_task_id=None) if job.named_task_id == task_id else job
