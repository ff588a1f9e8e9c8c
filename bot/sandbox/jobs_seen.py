"""The bot's own view of its jobs, read from its database while it runs."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

from bot.domain.jobs import Job
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.world.shapes import Json
from storage.errors import StorageUnavailable
from storage.storage import SqlStorage, open_storage

JOBS_OF_EACH = 12


class JobsSeen:
    """Opens the database when first asked, because the bot makes it."""

    def __init__(self, database: Path, members: list[Member]) -> None:
        self._database = database
        self._members = members
        self._opening = asyncio.Lock()
        self._opened: AbstractAsyncContextManager[SqlStorage] | None = None
        self._storage: SqlStorage | None = None

    async def latest(self) -> list[Json]:
        """The latest jobs of all members, newest first; none while the database can't be read."""
        found: list[tuple[datetime, Json]] = []
        try:
            storage = await self._open()
            for member in self._members:
                jobs = await storage.reading.jobs.of_member(member.id, limit=JOBS_OF_EACH)
                found += [(job.accepted_at, _seen(job, member)) for job in jobs]
        except StorageUnavailable:
            return []
        return [job for _, job in sorted(found, key=lambda each: each[0], reverse=True)]

    async def _open(self) -> SqlStorage:
        """Once, however many windows ask at the same time; again if the one that was asked first gave up."""
        async with self._opening:
            if self._storage is None:
                opened = open_storage(self._database)
                self._storage = await opened.__aenter__()
                self._opened = opened
            return self._storage

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(None, None, None)


def _seen(job: Job, member: Member) -> Json:
    times = {
        "accepted": job.accepted_at,
        "continued": job.continued_at,
        "submitted": job.submitted_at,
        "finished": job.finished_at,
        str(job.state) if job.ended_at else "ended": job.ended_at,
    }
    failure = job.failure
    posts = {job.progress_message_id: "progress message", job.final_message_id: "result" if job.tracks else "end"}
    return {
        "id": job.short_id,
        "member": member.name,
        "name": job.request.title or job.source_name,
        "state": str(job.state),
        "stage": str(job.stage),
        "waits_for": str(job.waits_for) if job.waits_for else None,
        "failure": f"{failure.reason} {failure.code or ''}".strip() if failure else None,
        "task": job.task_id,
        "posts": {str(number): what for number, what in posts.items() if number},
        "events": [
            {"at": round(at.timestamp() * 1000), "what": what, "more": ""}
            for what, at in times.items()
            if at is not None
        ],
    }
