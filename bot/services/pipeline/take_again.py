"""Fetch a take again, long after it was posted, from wherever it still is."""

import logging
from pathlib import Path

from bot.domain.jobs import Job, Track
from bot.domain.takes import take_of
from bot.domain.text import text
from bot.errors import BadSource, ProviderError, SourceGone
from bot.services.common.messenger import MessageFiles
from bot.services.common.ports import Fetcher, Provider
from bot.services.common.sentences import name_of
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.tracks import TRACK_MAX_BYTES

log = logging.getLogger(__name__)


class TakeAgain:
    def __init__(self, provider: Provider, fetcher: Fetcher, files: MessageFiles, kept: KeptTracks) -> None:
        self._provider = provider
        self._fetcher = fetcher
        self._files = files
        self._kept = kept

    async def fetch(self, job: Job, track: Track, to: Path) -> None:
        """From our copy, the provider, or the message with the result.

        Raises:
            SourceGone: none of them has it any more.
        """
        if await self._kept.copied(job.id, track.id, to) or await self._fetched(track.audio_url, to):
            return
        if await self._fetched(await self._new_link(job, track), to):
            return
        if await self._fetched(await self._files.posted_link(job, track) or "", to):
            return
        raise SourceGone(
            f"nobody has take {take_of(job, track.id)} of {job.short_id} any more",
            text(
                "I can't find take {take} of “{title}” any more. The music service deletes its files after 14 days, and"
                " the message with it is gone.",
                take=take_of(job, track.id) or 1,
                title=name_of(job),
            ),
        )

    async def _new_link(self, job: Job, track: Track) -> str:
        """The provider's present link; empty where it has none."""
        if job.task_id is None:
            return ""
        try:
            report = await self._provider.report(job.task_id)
        except ProviderError as error:
            log.info("job %s: the provider cannot be asked for a take again (%s)", job.short_id, error)
            return ""
        return next((each.audio_url for each in report.tracks if each.id == track.id), "")

    async def _fetched(self, url: str, to: Path) -> bool:
        if not url:
            return False
        try:
            await self._fetcher.fetch(url, to, limit_bytes=TRACK_MAX_BYTES)
        except BadSource as error:
            log.info("a take is no longer where it was (%s)", error)
            return False
        return True
