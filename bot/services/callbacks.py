"""Applies the recorded callbacks to their jobs."""

import logging
from collections.abc import Callable
from datetime import datetime

from bot.domain.reports import TaskReport, apply_report
from bot.services import settle
from bot.services.bells import Bells
from bot.services.clock import Clock
from bot.services.ports import Storage

log = logging.getLogger(__name__)

BATCH = 50


class Callbacks:
    """`parse` reads a recorded body; it was read once before it was recorded, so it cannot fail here."""

    def __init__(self, storage: Storage, parse: Callable[[bytes], TaskReport], bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._parse = parse
        self._bells = bells
        self._clock = clock

    async def step(self) -> bool:
        entries = await self._storage.reading.inbox.pending(limit=BATCH)
        for entry in entries:
            report = self._parse(entry.body)
            at = self._clock()
            async with self._storage.transaction() as work:
                job = await work.jobs.get(entry.job_id)
                if job is not None:
                    after = apply_report(job, report, at=at)
                    if after is not job:
                        await settle.save(work, after, at=at)
                        log.info("job %s: callback %s, now %s", job.short_id, report.kind, after.state)
                await work.inbox.mark_applied(entry.id, at=at)
        if entries:
            self._bells.job_changed()
        return bool(entries)

    async def next_due(self) -> datetime | None:
        """Only the web endpoint makes work here, and it rings."""
        return None
