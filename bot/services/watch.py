"""Looks after the jobs at the provider: asks when callbacks stay away, notices silence, gives up at the end."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState
from bot.domain.reports import TaskReport, apply_report
from bot.errors import ProviderError
from bot.services import settle
from bot.services.bells import Bells
from bot.services.clock import Clock
from bot.services.ports import Provider, Storage

log = logging.getLogger(__name__)

WATCHED = (JobState.RUNNING, JobState.OVERDUE, JobState.SUBMITTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchTimes:
    """Seconds; see `POLL_EVERY_SECONDS`, `OVERDUE_AFTER_SECONDS` and `GIVE_UP_AFTER_SECONDS`."""

    poll_every: float
    overdue: float
    give_up: float


class Watch:
    """The step of the watching worker: one due job at a time."""

    def __init__(self, storage: Storage, provider: Provider, *, times: WatchTimes, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._provider = provider
        self._times = times
        self._bells = bells
        self._clock = clock
        self._unreachable = False

    async def next_due(self) -> datetime | None:
        reading = self._storage.reading
        due = [await reading.jobs.next_due(WATCHED)]
        if (waiting := await reading.jobs.oldest_waiting()) is not None:
            due.append(self._given_up_at(waiting))
        return min((at for at in due if at is not None), default=None)

    async def step(self) -> bool:
        return await self._look() or await self._end_waiting()

    def _given_up_at(self, waiting: Job) -> datetime:
        return waiting.accepted_at + timedelta(seconds=self._times.give_up)

    async def _end_waiting(self) -> bool:
        """Give a job up that could not be submitted for so long; the provider keeps its source for three days."""
        at = self._clock()
        oldest = await self._storage.reading.jobs.oldest_waiting()
        if oldest is None or at < self._given_up_at(oldest):
            return False
        async with self._storage.transaction() as work:
            waiting = await work.jobs.get(oldest.id)
            if waiting is None or waiting.state is not JobState.ACCEPTED:
                return True  # its turn came after all
            log.warning("job %s: waited until the deadline and was never submitted", waiting.short_id)
            failure = Failure(reason=FailureReason.NEVER_STARTED)
            ended = waiting.after(JobEvent.GIVEN_UP, failure=failure, ended_at=at, due_at=at, attempts=0)
            await settle.save(work, ended, before=waiting, at=at)
        self._bells.job_changed()
        return True

    async def _look(self) -> bool:
        async with self._storage.transaction() as work:
            now = self._clock()
            until = now + timedelta(seconds=self._times.poll_every)
            claimed = await work.jobs.claim_due(WATCHED, now=now, until=until, limit=1)
        for job in claimed:
            report = await self._ask(job.task_id) if job.task_id else None
            async with self._storage.transaction() as work:
                current = await work.jobs.get(job.id)
                if current is None or current.state not in WATCHED:
                    continue
                at = self._clock()
                after = self._looked_at(current, report, at)
                await settle.save(work, after, before=current, at=at)
            if (after.state, after.stage) != (current.state, current.stage):
                log.info("job %s: %s, now %s (%s)", job.short_id, current.state, after.state, after.stage)
            self._bells.job_changed()
        return bool(claimed)

    async def _ask(self, task_id: str) -> TaskReport | None:
        """The provider's report, or None; the edge of its being out of reach is logged once each way."""
        try:
            report = await self._provider.report(task_id)
        except ProviderError as error:
            if not self._unreachable:
                log.warning("the provider does not answer questions about tasks (%s); asking on", error)
            self._unreachable = True
            return None
        if self._unreachable:
            log.info("the provider answers again")
        self._unreachable = False
        return report

    def _looked_at(self, job: Job, report: TaskReport | None, at: datetime) -> Job:
        after = apply_report(job, report, at=at) if report is not None else job
        if after.state not in WATCHED:
            return after
        if after.state is JobState.SUBMITTING and after.submitted_at is None:
            log.info("job %s: claimed and never sent; back into its place", job.short_id)
            return after.after(JobEvent.NOT_STARTED, due_at=at)
        if after.state is JobState.SUBMITTING and not after.outcome_unknown:
            # Whoever sent it is gone: a process that died between the POST and its answer.
            log.warning("job %s: its submission was interrupted; not repeated", job.short_id)
            after = replace(after, outcome_unknown=True)
        begun = after.submitted_at or after.accepted_at
        deadline = begun + timedelta(seconds=self._times.give_up)
        if at >= deadline:
            log.warning("job %s: nothing heard until the deadline", job.short_id)
            failure = Failure(reason=FailureReason.SILENCE)
            return after.after(JobEvent.GIVEN_UP, failure=failure, ended_at=at, due_at=at, attempts=0)
        overdue_at = max(begun, after.heard_at or begun) + timedelta(seconds=self._times.overdue)
        if at >= overdue_at and after.state is not JobState.OVERDUE:
            after = after.after(JobEvent.WENT_QUIET)
        return replace(after, due_at=self._next_look(after, at, overdue_at, deadline))

    def _next_look(self, job: Job, at: datetime, overdue_at: datetime, deadline: datetime) -> datetime:
        """A task whose id is known is asked after at the pace; otherwise only the next edge of time matters."""
        if job.task_id is not None:
            return min(at + timedelta(seconds=self._times.poll_every), deadline)
        return deadline if job.state is JobState.OVERDUE else min(overdue_at, deadline)
