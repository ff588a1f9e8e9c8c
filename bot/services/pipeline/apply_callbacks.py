"""Apply recorded callbacks to their jobs. They are only news: the provider's record decides."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from bot import fault_points
from bot.domain.inbox_entry import CallbackEntry
from bot.domain.jobs import Job, JobState
from bot.domain.reports import ENDS, REPORTED_STATES, TaskReport, apply_report, confirmed, hint
from bot.errors import ProviderError, ProviderRefused, ProviderUnauthorized
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Provider, Storage

log = logging.getLogger(__name__)

ASK_SECONDS = 8.0
AGAIN_SECONDS = 3.0
"""When to poll a job whose callback reported an end that the provider does not confirm."""


class Callbacks:
    """Applies one callback. `bot.services.pipeline.callback_queue` decides which and when."""

    def __init__(self, storage: Storage, provider: Provider, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._provider = provider
        self._bells = bells
        self._clock = clock

    async def apply(self, entry: CallbackEntry, reported: TaskReport) -> None:
        """Change the job as `reported` (`entry`, parsed) and mark the entry applied. May be repeated."""
        report = await self._believed(entry, reported)
        await self._apply(entry, report, named=reported.task_id if report is None else report.task_id)

    async def _believed(self, entry: CallbackEntry, reported: TaskReport) -> TaskReport | None:
        """The report to apply; None if the callback reported an end that the provider does not confirm."""
        if reported.kind not in ENDS:
            return hint(reported)
        job = await self._storage.reading.jobs.get(entry.job_id)
        task_id = (job and job.task_id) or reported.task_id
        if job is None or job.state not in REPORTED_STATES or task_id is None:
            return reported
        try:
            async with asyncio.timeout(ASK_SECONDS):
                record = await self._provider.report(task_id)
        except (ProviderError, TimeoutError) as error:
            if not isinstance(error, ProviderRefused) or isinstance(error, ProviderUnauthorized):
                log.info("job %s: callback %s cannot be confirmed now, so it is believed", job.short_id, reported.kind)
                return reported
            believed = None  # the provider does not know the task, or not yet
        else:
            believed = confirmed(reported, replace(record, task_id=task_id))
        if believed is None:
            log.warning(
                "job %s: callback %s is not confirmed by the provider; still polling", job.short_id, reported.kind
            )
        return believed

    async def _apply(self, entry: CallbackEntry, report: TaskReport | None, *, named: str | None) -> None:
        await fault_points.pause_at("before a callback is applied")
        at = self._clock()
        async with self._storage.transaction() as work:
            job = await work.jobs.get(entry.job_id)
            after = job
            if job is not None:
                is_foreign = named is not None and await work.jobs.task_is_taken(named, by_other_than=job.id)
                if is_foreign:
                    log.warning("job %s: a callback named the task of another job; ignored", job.short_id)
                elif report is None:
                    after = self._asked_soon(job, named, at)
                else:
                    after = apply_report(job, report, at=at)
                if after is not job and after is not None:
                    await settle.save(work, after, before=job, at=at)
                    log.info("job %s: callback %s, now %s", job.short_id, report and report.kind, after.state)
            await work.inbox.mark_applied(entry.id)
        if after is not None and after is not job:
            self._bells.job_changed(after)

    def _asked_soon(self, job: Job, named: str | None, at: datetime) -> Job:
        """Poll the job's task soon; if the submission was never answered, the task that the callback named."""
        soon = at + timedelta(seconds=AGAIN_SECONDS)
        if job.state not in REPORTED_STATES or (job.task_id is None and named is None):
            return job
        if job.task_id is None and job.state is not JobState.ON_HOLD:
            job = replace(job, named_task_id=named)
        return job if job.due_at is not None and job.due_at <= soon else replace(job, due_at=soon)
