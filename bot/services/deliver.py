"""Posts what is owed: the tracks of finished jobs, and the news of failed ones. Each exactly once."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState
from bot.domain.pace import backoff_seconds
from bot.errors import BadSource, ProviderError
from bot.services import settle
from bot.services.bells import Bells
from bot.services.clock import Clock
from bot.services.lease import renewed
from bot.services.messenger import Messenger, Posted, Route, RouteClosed, RouteTooSmall, RouteUnavailable
from bot.services.ports import Provider, Storage
from bot.services.tracks import TrackFiles

log = logging.getLogger(__name__)

OWED = (JobState.FINISHED, JobState.UNCOLLECTED, JobState.FAILED)
SMALLEST_LIMIT_BYTES = 8_000_000
"""What is tried when Discord takes less than it announced (Discord reference, section 3.1)."""

LOOK_AGAIN = timedelta(minutes=5)
"""After which an uncollected result is tried again."""
PATIENCE = 5
"""Tries after which a result is posted without the tracks that cannot be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTimes:
    """Seconds. `give_up`: how long finished tracks are tried for; `lease`: after which a dead worker's job is taken."""

    lease: float
    give_up: float
    backoff_base: float


class Delivery:
    """The step of the delivering workers."""

    def __init__(
        self,
        storage: Storage,
        provider: Provider,
        messenger: Messenger,
        files: TrackFiles,
        *,
        times: DeliveryTimes,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._messenger = messenger
        self._files = files
        self._times = times
        self._bells = bells
        self._clock = clock

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.jobs.next_due(OWED)

    async def step(self) -> bool:
        async with self._storage.transaction() as work:
            now = self._clock()
            until = now + timedelta(seconds=self._times.lease)
            claimed = await work.jobs.claim_due(OWED, now=now, until=until, limit=1)
            # Counted before the post, so that whoever comes after a crash looks into the channel first.
            jobs = [replace(job, attempts=job.attempts + 1) for job in claimed]
            for job in jobs:
                await work.jobs.save(job)
        for job in jobs:
            async with renewed(partial(self._renew, job.id), seconds=self._times.lease):
                change = await self._tell(job)
            async with self._storage.transaction() as work:
                current = await work.jobs.get(job.id)
                if current is not None and current.state is job.state:
                    at = self._clock()
                    await settle.save(work, change(current, at), before=current, at=at)
                    fault_points.reach("inside the settling transaction")
            self._bells.job_changed()
        return bool(jobs)

    async def _renew(self, job_id: str) -> None:
        async with self._storage.transaction() as work:
            job = await work.jobs.get(job_id)
            if job is not None and job.told_at is None:
                await work.jobs.save(replace(job, due_at=self._clock() + timedelta(seconds=self._times.lease)))

    async def _tell(self, job: Job) -> Callable[[Job, datetime], Job]:
        """Try every way to the member; what to write into the job afterwards."""
        post = self._post_failure if job.state is JobState.FAILED else self._post_result
        try:
            posted = await self._by_any_route(job, post)
        except (RouteUnavailable, BadSource, ProviderError, OSError) as error:  # OSError: no room for the tracks
            log.warning("job %s: not delivered at try %d (%s)", job.short_id, job.attempts, error)
            return self._later(error)
        if posted is None:
            log.warning("job %s: no way to the member is left", job.short_id)
            return _undeliverable
        log.info("job %s: posted", job.short_id)
        return lambda current, at: _told(current, posted, at)

    async def _by_any_route(self, job: Job, post: Callable[[Job, Route], Awaitable[Posted]]) -> Posted | None:
        """Post by the best way that is open; None when all are closed."""
        for route in self._messenger.routes(job):
            try:
                if job.attempts > 1 and (earlier := await route.find_end(job)) is not None:
                    return earlier
                return await post(job, route)
            except RouteClosed as error:
                log.info("job %s: %s is closed (%s)", job.short_id, route.name, error)
        return None

    async def _post_failure(self, job: Job, route: Route) -> Posted:
        return await route.post_failure(job)

    async def _post_result(self, job: Job, route: Route) -> Posted:
        fault_points.reach("while a track is fetched")
        limit_bytes = await route.upload_limit_bytes(job)
        async with AsyncExitStack() as stack:
            fetched = await stack.enter_async_context(self._files.fetched(job.tracks))
            if not fetched.is_complete and job.task_id is not None:
                # The links may have expired, or a forged callback may have named them: the provider knows better.
                job = await self._asked_again(job)
                fetched = await stack.enter_async_context(self._files.fetched(job.tracks))
            fetched.check(may_be_partial=job.attempts > PATIENCE)
            for limit in (limit_bytes, min(limit_bytes, SMALLEST_LIMIT_BYTES), 0):
                try:
                    files = await fetched.fitted(limit)
                    fault_points.reach("before the post")
                    posted = await route.post_result(job, files)
                except RouteTooSmall:
                    log.warning("job %s: files up to %d bytes are too large for %s", job.short_id, limit, route.name)
                    continue
                fault_points.reach("after the post")
                return posted
        raise RouteUnavailable("even links were too large")

    async def _asked_again(self, job: Job) -> Job:
        report = await self._provider.report(job.task_id or "")
        if not any(track.audio_url for track in report.tracks):
            return job
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is not None:
                await work.jobs.forget_tracks(job.id)  # some of them may have been invented
                await work.jobs.save(replace(current, tracks=report.tracks))
        return replace(job, tracks=report.tracks)

    def _later(self, error: Exception) -> Callable[[Job, datetime], Job]:
        def change(job: Job, at: datetime) -> Job:
            ended = job.finished_at or job.ended_at or job.accepted_at
            if at - ended >= timedelta(seconds=self._times.give_up):
                if job.state is JobState.FAILED:
                    return replace(job, told_at=at, due_at=None)
                gone = not isinstance(error, RouteUnavailable)
                reason = FailureReason.TRACKS_GONE if gone else FailureReason.UNDELIVERABLE
                failure = Failure(reason=reason)
                return job.after(JobEvent.EXPIRED, failure=failure, ended_at=at, due_at=at, attempts=0)
            wait_seconds = backoff_seconds(job.attempts, base_seconds=self._times.backoff_base)
            return replace(job, due_at=at + timedelta(seconds=wait_seconds))

        return change


def _told(job: Job, posted: Posted, at: datetime) -> Job:
    told = replace(job, final_channel_id=posted.channel_id, final_message_id=posted.message_id, told_at=at, due_at=None)
    if job.state is JobState.FAILED:
        return told
    return told.after(JobEvent.POSTED, ended_at=at)


def _undeliverable(job: Job, at: datetime) -> Job:
    if job.state is JobState.FAILED:
        return replace(job, told_at=at, due_at=None)
    return job.after(JobEvent.NOWHERE_TO_POST, due_at=at + LOOK_AGAIN)
