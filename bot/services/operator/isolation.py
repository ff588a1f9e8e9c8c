"""Keeps one job that fails for a reason nobody foresaw from holding up the others."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.domain.jobs import Job
from bot.domain.pace import backoff_seconds
from bot.domain.text import text
from bot.errors import Outage
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.operator.notices import Operator

log = logging.getLogger(__name__)

TRIES = 6
LOOK_SECONDS = 10.0
TOLD_AT_ONCE = 20


class Isolation:
    """An unexpected failure puts its job off, longer each time; after `TRIES` in a row the job is set aside. They are
    counted in the database: each may meet the job in another process.

    It is also the step of a worker that tells the operator of jobs and commands set aside, each once. A start takes
    them all up again: a new release may be able to do what the last one could not.
    """

    def __init__(
        self, storage: Storage, operator: Operator, *, backoff_base_seconds: float, bells: Bells, clock: Clock
    ) -> None:
        self._storage = storage
        self._operator = operator
        self._bells = bells
        self._backoff_base_seconds = backoff_base_seconds
        self._clock = clock
        self._taken_up = False
        self._due_at = clock()

    @asynccontextmanager
    async def around(self, job: Job, *, doing: str) -> AsyncIterator[None]:
        """Work on one job: whatever goes wrong in it stays there. Only an `Outage`, which concerns all, gets out."""
        try:
            yield
        except Outage:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the other jobs are worked on
            await self._failed(job, error, doing=doing)
        else:
            if job.failures:
                await self._storage.write(lambda work: work.jobs.succeeded(job.id))

    async def _failed(self, job: Job, error: Exception, *, doing: str) -> None:
        """The traceback is logged the first time. `job` is as it was claimed: what has moved on since is left alone."""
        tries = job.failures + 1
        log.error("job %s: %s failed at try %d (%s)", job.short_id, doing, tries, error, exc_info=tries == 1)
        at = self._clock()
        if tries >= TRIES:
            await self._storage.write(lambda work: work.jobs.set_aside(job.id, job.state, at=at))
            return
        until = at + timedelta(seconds=backoff_seconds(tries, base_seconds=self._backoff_base_seconds))
        await self._storage.write(lambda work: work.jobs.put_off(job.id, job.state, until=until, failures=tries))

    async def next_due(self) -> datetime:
        return self._due_at

    async def step(self) -> bool:
        if not self._taken_up:
            await self._take_up_again()
        for job_id in await self._storage.reading.jobs.all_set_aside(limit=TOLD_AT_ONCE):
            await self._tell(job_id)
        for interaction_id in await self._storage.reading.intakes.all_set_aside(limit=TOLD_AT_ONCE):
            await self._tell_of_command(interaction_id)
        self._due_at = self._clock() + timedelta(seconds=LOOK_SECONDS)
        return False

    async def _take_up_again(self) -> None:

        async def taken_up(work: Work) -> tuple[int, int]:
            count = await work.jobs.take_up_again(at=self._clock())
            if count:
                # Their messages were put off for as long as they could not be read.
                await work.progress.hasten(until=self._clock())
            return count, await work.intakes.take_up_again(at=self._clock())

        count, commands = await self._storage.write(taken_up)
        self._taken_up = True
        if count:
            log.info("trying the jobs that were set aside again: %d", count)
        if commands:
            log.info("trying the commands that were set aside again: %d", commands)
        if count or commands:
            self._bells.all_due()  # at a start, the others may have looked before

    async def _tell(self, job_id: str) -> None:
        short_id = job_id[:8]
        await self._operator.tell(
            f"job {job_id} set aside",
            [
                text(
                    "Job `{job}` keeps failing for a reason I don't know, so I set it aside. Everything else keeps"
                    " running. The log has the details; I'll try it again when I'm restarted.",
                    job=short_id,
                )
            ],
            log_line=f"job {short_id} was set aside after it failed {TRIES} times or could not be read",
        )

    async def _tell_of_command(self, interaction_id: int) -> None:
        await self._operator.tell(
            f"command {interaction_id} set aside",
            [
                text(
                    "I can't read a command that I had saved (`{command}`), so I set it aside. Everything else keeps"
                    " running. I'll try it again when I'm restarted, perhaps with another version.",
                    command=str(interaction_id),
                )
            ],
            log_line=f"command {interaction_id} was set aside, as this version cannot read it",
        )
