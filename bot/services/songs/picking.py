"""Picking the moment by eye: a picture of the source, and the choice of a point in it."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bot.domain.clicks import Click
from bot.domain.outlines import Outline
from bot.domain.source import SourceChoice
from bot.domain.text import text
from bot.errors import BadSource, Refused
from bot.services.common.clock import Clock
from bot.services.common.one_each import OneEach
from bot.services.common.ports import Storage
from bot.services.common.sentences import NO_ROOM, without_cost
from bot.services.common.studio import Studio
from bot.services.pipeline.sources import Sources
from bot.services.songs.clicks import is_first

log = logging.getLogger(__name__)

PICTURES_AT_ONCE = 4
"""How many sources are fetched and drawn at the same time; of each only a while, so that others wait briefly."""

BUSY = text("I'm still drawing your last piece. Try again once you see it.")


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A PNG at `path`, and what it shows."""

    path: Path
    outline: Outline


class Picking:
    """`folder`: where a source is while it is drawn."""

    def __init__(self, storage: Storage, sources: Sources, studio: Studio, *, folder: Path, clock: Clock) -> None:
        self._storage = storage
        self._sources = sources
        self._studio = studio
        self._folder = folder
        self._clock = clock
        self._places = asyncio.Semaphore(PICTURES_AT_ONCE)
        self._one_each = OneEach(BUSY)

    @asynccontextmanager
    async def pictured(self, source: SourceChoice, member_id: int) -> AsyncIterator[Picture]:
        """The source's picture, until the block is left. It is probed first, so that a bad file is refused at once.

        Raises:
            Refused: it cannot be read, there is no room for it, or the member's last one isn't ready.
        """
        path = self._folder / f"drawn-{secrets.token_hex(8)}"
        picture = path.with_suffix(".png")
        try:
            with self._one_each.one(member_id):
                async with self._places:
                    outline = await self._drawn(source, path, picture)
            yield Picture(path=picture, outline=outline)
        finally:
            path.unlink(missing_ok=True)
            picture.unlink(missing_ok=True)

    async def _drawn(self, source: SourceChoice, path: Path, picture: Path) -> Outline:
        try:
            await self._sources.read(source, path)
            return await self._studio.draw(path, picture)
        except BadSource as error:
            log.info("source not usable: %s", error)
            raise Refused(without_cost([error.sentence]), rules=[error.rule], options=[error.option]) from error
        except OSError as error:
            log.error("cannot keep a source in %s (%s)", self._folder, error)  # noqa: TRY400  # one line is enough
            raise Refused(without_cost([NO_ROOM]), rules=["no_room"]) from error

    async def check_first(self, draft_id: str, click: Click) -> None:
        """Raises `Refused` for the second half of a double click, and `TakenElsewhere` for another process's click."""
        at = self._clock()
        if not await self._storage.write(lambda work: is_first(work, click, f"pick {draft_id}", at=at)):
            raise Refused([text("I'm already on it.")])
