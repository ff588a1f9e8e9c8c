"""Pictures of families: made while a member waits for an answer, so they are never waited for long."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain.family_pictures import branches_of
from bot.domain.songs import Node
from bot.errors import BadSource
from bot.services.common.studio import FamilyStudio

log = logging.getLogger(__name__)

WAIT_SECONDS = 5.0
"""The words don't wait longer for their picture, which never goes ahead of a new command's probe."""


class FamilyPictures:
    def __init__(self, studio: FamilyStudio, *, folder: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        self._studio = studio
        self._folder = folder
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def of(self, nodes: Sequence[Node]) -> AsyncIterator[Path | None]:
        """A PNG of these nodes, while the context is open; None if there is nothing to draw, or no time for it."""
        if len(nodes) < 2:  # one alone has no relatives
            yield None
            return
        folder = Path(tempfile.mkdtemp(prefix="family-", dir=self._folder))
        try:
            yield await self._drawn(nodes, folder / "family.png")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _drawn(self, nodes: Sequence[Node], to: Path) -> Path | None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._studio.draw_family(branches_of(nodes), to)
        except (BadSource, OSError, TimeoutError) as error:
            log.warning("a family could not be drawn (%s)", type(error).__name__)
            return None
        return to
