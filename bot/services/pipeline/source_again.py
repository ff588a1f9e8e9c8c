"""Fetch a job's source again, long after it was handed over, from wherever it still is."""

import logging
from pathlib import Path

from bot.domain.jobs import Job
from bot.domain.source import SourceKind
from bot.domain.text import text
from bot.errors import BadSource, SourceGone
from bot.services.common.messenger import MessageFiles
from bot.services.common.ports import Fetcher
from bot.services.common.sentences import name_of
from bot.services.pipeline.kept import KeptTracks

log = logging.getLogger(__name__)


class SourceAgain:
    """`fetcher` is for members' addresses, `copies` for the provider's."""

    def __init__(
        self, fetcher: Fetcher, copies: Fetcher, files: MessageFiles, kept: KeptTracks, *, max_bytes: int
    ) -> None:
        self._fetcher = fetcher
        self._copies = copies
        self._files = files
        self._kept = kept
        self._max_bytes = max_bytes

    async def fetch(self, job: Job, to: Path) -> None:
        """From our copy, the place that its member named, the provider's copy, or the message that it was in.

        Raises:
            SourceGone: none of them has it any more.
        """
        source = job.source_choice
        if source is not None and await self._kept.copied(source.job_id or "", source.track_id or "", to):
            return
        named = self._copies if source is not None and source.kind is SourceKind.TRACK else self._fetcher
        if source is not None and await self._fetched(named, source.locator, to):
            return
        if await self._fetched(self._copies, job.source_url, to):
            return
        if source is not None and source.message is not None:
            link = await self._files.fresh_link(source.message, source.name)
            if link is not None and await self._fetched(self._fetcher, link, to):
                return
        raise SourceGone(
            f"nobody has the source of {job.short_id} any more",
            text("I can't find the piece that “{title}” continues any more.", title=name_of(job)),
        )

    async def _fetched(self, fetcher: Fetcher, url: str, to: Path) -> bool:
        if not url:
            return False
        try:
            await fetcher.fetch(url, to, limit_bytes=self._max_bytes)
        except BadSource as error:
            log.info("a source is no longer where it was (%s)", error)
            return False
        return True
