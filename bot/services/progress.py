"""Keeps each job's progress message up to date: only when it changed, and not more often than the pace allows."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from bot import fault_points
from bot.domain.jobs import Job, JobState
from bot.domain.progress import ProgressView, progress_of
from bot.errors import Outage
from bot.services.bells import Bells
from bot.services.clock import Clock
from bot.services.messenger import Messenger, RouteClosed, RouteUnavailable
from bot.services.ports import Storage

log = logging.getLogger(__name__)

AT_ONCE = 8
"""How many messages are edited at the same time."""


class Progress:
    """The step of the progress worker. What was shown is remembered here alone: after a restart it is shown anew."""

    def __init__(
        self, storage: Storage, messenger: Messenger, *, every_seconds: float, bells: Bells, clock: Clock
    ) -> None:
        self._storage = storage
        self._messenger = messenger
        self._every = timedelta(seconds=every_seconds)
        self._bells = bells
        self._clock = clock
        self._began_at = clock()
        self._shown: dict[str, tuple[ProgressView, datetime]] = {}
        self._closed: set[str] = set()
        self._posted: dict[str, int] = {}  # messages that could not be written down yet
        self._behind = False

    async def next_due(self) -> datetime | None:
        """Soon, while a message is behind its job; otherwise only a bell makes it change."""
        return self._clock() + self._every if self._behind else None

    async def step(self) -> bool:
        reading = self._storage.reading
        live = {job.id: job for job in await reading.jobs.live()}
        for job_id in self._shown.keys() - live.keys():
            if (ended := await reading.jobs.get(job_id)) is not None:
                live[job_id] = ended
        usual_seconds = await reading.jobs.usual_seconds()
        self._behind = False
        limit = asyncio.Semaphore(AT_ONCE)

        async def show(job: Job) -> None:
            async with limit:
                waits = job.state is JobState.ACCEPTED
                position = await reading.jobs.queue_position(job.id) if waits else None
                resumed = job.accepted_at < self._began_at
                view = progress_of(job, queue_position=position, usual_seconds=usual_seconds, resumed=resumed)
                await fault_points.pause_at("after a progress view is read")
                await self._show(job, view)

        async with asyncio.TaskGroup() as group:
            for job in live.values():
                if job.id not in self._closed:
                    group.create_task(show(job))
        self._closed &= live.keys()
        self._posted = {job_id: message_id for job_id, message_id in self._posted.items() if job_id in live}
        return False

    async def _show(self, job: Job, view: ProgressView) -> None:
        shown, shown_at = self._shown.get(job.id, (None, None))
        now = self._clock()
        if view == shown:
            return
        if shown_at is not None and timedelta(0) <= now - shown_at < self._every and not view.is_final:
            self._behind = True
            return
        if job.progress_message_id is None and job.id in self._posted:
            job = replace(job, progress_message_id=self._posted[job.id])
        try:
            message_id = await self._messenger.show_progress(job, view)
        except RouteClosed as error:
            log.info("job %s: its progress cannot be shown (%s)", job.short_id, error)
            self._closed.add(job.id)
            self._shown.pop(job.id, None)
            return
        except RouteUnavailable as error:
            log.debug("job %s: progress not shown this time (%s)", job.short_id, error)
            self._behind = True
            return
        if message_id is not None and message_id != job.progress_message_id:
            self._posted[job.id] = message_id
        if job.id in self._posted:
            await self._remember(job.id)
        if view.is_final:
            self._shown.pop(job.id, None)
        else:
            self._shown[job.id] = (view, now)

    async def _remember(self, job_id: str) -> None:
        """Write the message down; where that cannot be done now, the next change of the job tries it again."""
        try:
            async with self._storage.transaction() as work:
                current = await work.jobs.get(job_id)
                if current is not None:
                    await work.jobs.save(replace(current, progress_message_id=self._posted[job_id]))
        except Outage:
            return
        del self._posted[job_id]
