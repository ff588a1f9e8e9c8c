"""Apply recorded callbacks to their jobs. They are only news: the provider's record decides."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.inbox_entry import CallbackEntry
from bot.domain.jobs import WAITING_STATES, Job, JobEvent, JobState
from bot.domain.reports import ENDS, REPORTED_STATES, ReportKind, TaskReport, apply_report, confirmed, hint
from bot.errors import ProviderError, denies_task
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Provider, Storage, Work
from bot.services.pipeline.callback_queue import Postponed

log = logging.getLogger(__name__)

ASK_SECONDS = 8.0
AGAIN_SECONDS = 3.0
"""How soon the provider is asked again about a task that it does not confirm."""


class _Belief(msgspec.Struct, frozen=True):
    """`report` is what the callback leads to, None where it is not confirmed; `is_known`: the provider has the task."""

    report: TaskReport | None
    is_known: bool = False


class Callbacks:
    """Applies one callback. `bot.services.pipeline.callback_queue` decides which and when.

    `silence_seconds`: how long a job is given for its next callback before it is asked about.
    """

    def __init__(
        self, storage: Storage, provider: Provider, *, silence_seconds: Callable[[], float], bells: Bells, clock: Clock
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._silence_seconds = silence_seconds
        self._bells = bells
        self._clock = clock

    async def apply(self, entry: CallbackEntry, reported: TaskReport) -> None:
        """Change the job as `reported`, which `entry` was read as, and mark the entry applied. May be repeated.

        Raises:
            Postponed: it can only be judged once the provider can be asked.
        """
        belief = await self._believed(entry, reported)
        await self._apply(entry, belief, named=reported.task_id if belief.report is None else belief.report.task_id)

    async def _believed(self, entry: CallbackEntry, reported: TaskReport) -> _Belief:
        """What the callback leads to.

        News before the end of a known task need no confirmation. A job without a task id, which waits or whose
        submission was never answered, takes its task only from a callback that the provider bears out: otherwise an
        invented one would make it deaf to the true one.

        Raises:
            Postponed: the provider cannot be asked, and without its word the callback counts for nothing.
        """
        job = await self._storage.read(lambda work: work.jobs.get(entry.job_id))
        if job is None or job.state not in REPORTED_STATES:
            return _Belief(reported)
        if job.task_id is not None and reported.kind not in ENDS:
            return _Belief(hint(reported))
        task_id = job.task_id or reported.task_id
        belief = _Belief(None) if task_id is None else await self._confirmed(job, task_id, reported)
        if belief.report is None:
            log.warning("job %s: callback %s is not confirmed by the provider", job.short_id, reported.kind)
        return belief

    async def _confirmed(self, job: Job, task_id: str, reported: TaskReport) -> _Belief:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                record = await self._provider.report(task_id)
        except (ProviderError, TimeoutError) as error:
            if denies_task(error):
                return _Belief(None)  # it may not know the task yet
            log.info("job %s: callback %s, which cannot be confirmed now", job.short_id, reported.kind)
            if job.task_id is None:
                raise Postponed from error
            # An invented end with tracks is found out when they are fetched. An invented failure would be final.
            return _Belief(reported if reported.kind is ReportKind.COMPLETE else None)
        if job.task_id is None and record.task_id != task_id and record.kind is ReportKind.WAITING:
            return _Belief(None)  # an answer without a task: the provider knows none of that id
        return _Belief(confirmed(reported, replace(record, task_id=task_id)), is_known=True)

    async def _apply(self, entry: CallbackEntry, belief: _Belief, *, named: str | None) -> None:
        report = belief.report
        await fault_points.pause_at("before a callback is applied")
        at = self._clock()

        async def applied(work: Work) -> Job | None:
            """The job, if it changed."""
            job = await work.jobs.get(entry.job_id)
            after = job
            if job is not None:
                is_foreign = named is not None and await work.jobs.task_is_taken(named, by_other_than=job.id)
                if is_foreign:
                    log.warning("job %s: a callback named the task of another job; ignored", job.short_id)
                elif report is None:
                    after = self._asked_soon(job, named, at, is_known=belief.is_known)
                else:
                    after = self._heard(job, apply_report(job, report, at=at), at)
                if after is not job and after is not None:
                    await settle.save(work, after, before=job, at=at)
                    log.info("job %s: callback %s, now %s", job.short_id, report and report.kind, after.state)
            await work.inbox.mark_applied(entry.id)
            return after if after is not job else None

        if (after := await self._storage.write(applied)) is not None:
            self._bells.job_changed(after)

    def _heard(self, before: Job, after: Job, at: datetime) -> Job:
        """There is news, so the next poll can wait, unless this news or what came before is a reason to ask soon."""
        if after.heard_at == before.heard_at or after.state is not JobState.RUNNING or after.due_at != before.due_at:
            return after
        if before.due_at is None or before.due_at <= at + timedelta(seconds=AGAIN_SECONDS):
            return after
        silent_until = at + timedelta(seconds=self._silence_seconds())
        return replace(after, due_at=max(before.due_at, silent_until))

    def _asked_soon(self, job: Job, named: str | None, at: datetime, *, is_known: bool) -> Job:
        """Ask about the job's task soon; where the submission was never answered, about the one that was named.

        A job that waits was submitted if the provider knows the task, however far that is; otherwise it waits on.
        """
        soon = at + timedelta(seconds=AGAIN_SECONDS)
        if job.state not in REPORTED_STATES or (job.task_id is None and named is None):
            return job
        if job.state in WAITING_STATES:
            started = job.after(JobEvent.STARTED, task_id=named, waits_for=None, attempts=0, due_at=soon)
            return started if is_known else job
        if job.task_id is None:
            job = replace(job, named_task_id=named)
        # While the submission is under way, its sender will learn the outcome.
        is_under_way = job.state is JobState.SUBMITTING and job.task_id is None and not job.outcome_unknown
        return job if is_under_way or (job.due_at is not None and job.due_at <= soon) else replace(job, due_at=soon)
