"""Copies of finished tracks, for operators who keep them longer than the provider does."""

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.domain.jobs import FILES_KEPT, Job
from bot.services.common.clock import Clock

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0
SWEPT_AT_ONCE = 100


class KeptTracks:
    """One folder per job under `folder`; with `days` 0 nothing is kept. Also a worker's step that tidies up.

    A result is not held back if its copy cannot be written.
    """

    def __init__(self, folder: Path, *, days: int, clock: Clock) -> None:
        self._folder = folder
        self._days = days
        self._clock = clock
        self._due_at = clock()

    def expires_at(self, job: Job) -> datetime:
        """When both the provider's tracks and our copies are gone."""
        made_at = job.finished_at or job.accepted_at
        return made_at + max(FILES_KEPT, timedelta(days=self._days))

    async def copied(self, job_id: str, track_id: str, to: Path) -> bool:
        """Write our copy of the track to `to`; False if there is none."""
        return bool(self._days) and await asyncio.to_thread(self._copied, self._place(job_id, track_id), to)

    async def has_copies(self, job: Job) -> bool:
        """Whether we have any of the job's tracks."""
        return bool(self._days) and any(await self._are_there(job))

    async def lacks_copies(self, job: Job) -> bool:
        """Whether the job's tracks should be kept and some are not."""
        return bool(self._days) and not all(await self._are_there(job))

    async def _are_there(self, job: Job) -> list[bool]:
        places = [self._place(job.id, track.id) for track in job.tracks if track.audio_url]
        return await asyncio.to_thread(lambda: [place.is_file() for place in places])

    async def keep(self, job_id: str, paths: Mapping[str, Path]) -> None:
        """Copy the files, mapped by track id."""
        if self._days:
            try:
                await asyncio.to_thread(self._keep, job_id, paths)
            except OSError as error:
                log.warning("job %s: no copy of its tracks could be kept (%s)", job_id[:8], error)

    def _place(self, job_id: str, track_id: str) -> Path:
        """The provider's ids may be anything, so they cannot be file names."""
        return self._folder / job_id / f"{hashlib.sha256(track_id.encode()).hexdigest()[:16]}.mp3"

    def _copied(self, place: Path, to: Path) -> bool:
        if not place.is_file():
            return False
        shutil.copyfile(place, to)
        return True

    def _keep(self, job_id: str, paths: Mapping[str, Path]) -> None:
        for track_id, path in paths.items():
            place = self._place(job_id, track_id)
            if not place.exists():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                part = place.with_suffix(".part")
                shutil.copyfile(path, part)
                part.replace(place)

    async def next_due(self) -> datetime:
        return self._due_at

    async def step(self) -> bool:
        """Remove old copies, a few at a time; all of them if the operator no longer wants any."""
        now = self._clock()
        oldest = (now - timedelta(days=self._days)).timestamp()
        removed = await asyncio.to_thread(self._remove_older_than, oldest)
        self._due_at = now + timedelta(seconds=SWEEP_SECONDS)
        return removed == SWEPT_AT_ONCE

    def _remove_older_than(self, oldest: float) -> int:
        removed = 0
        for place in self._folder.iterdir() if self._folder.is_dir() else ():
            if place.stat().st_mtime < oldest or not self._days:
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
            if removed == SWEPT_AT_ONCE:
                break
        return removed
