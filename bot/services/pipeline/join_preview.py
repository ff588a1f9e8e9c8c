"""How a result joins what it continues: a few seconds to listen to, and a picture with the seam."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bot.domain.jobs import Job
from bot.domain.joins import JoinFormat, JoinPart
from bot.errors import BadSource
from bot.services.common.studio import Studio
from bot.services.pipeline.chain_parts import heard_until, part_sent
from bot.services.pipeline.source_again import SourceAgain
from bot.services.pipeline.tracks import NO_JOIN, FetchedTracks

log = logging.getLogger(__name__)

WITHIN_SECONDS = 20.0
"""A result waits no longer for this; whatever is missing by then is left out."""
HASTE = 4
"""So many times shorter is the wait while other results are due that nobody delivers yet."""
TAKES_PREVIEWED = 2


class JoinPreviews:
    """`is_on`: whether results come with them; otherwise they are made for whoever asks."""

    def __init__(
        self, sources: SourceAgain, studio: Studio, *, is_on: bool, within_seconds: float = WITHIN_SECONDS
    ) -> None:
        self._sources = sources
        self._studio = studio
        self._within_seconds = within_seconds
        self._is_on = is_on

    async def added(self, job: Job, fetched: FetchedTracks, *, in_haste: bool = False) -> FetchedTracks:
        """With previews and a picture, if results come with them. Never raises `BadSource`: the result goes first.

        `in_haste`: other results wait for this one.
        """
        within_seconds = self._within_seconds / (HASTE if in_haste else 1)
        return await self._made(job, fetched, within_seconds) if self._is_on else fetched

    async def made(self, job: Job, fetched: FetchedTracks) -> FetchedTracks:
        """With the previews of the first takes and a picture of the first one, as far as they could be made."""
        return await self._made(job, fetched, self._within_seconds)

    async def _made(self, job: Job, fetched: FetchedTracks, within_seconds: float) -> FetchedTracks:
        takes = [track.id for track in fetched.tracks if track.id in fetched.paths][:TAKES_PREVIEWED]
        joins = dict.fromkeys(takes, NO_JOIN)
        source = fetched.folder / "source"

        async def previewed(take: str) -> None:
            to = fetched.folder / f"{takes.index(take)}-join.mp3"
            sent = await part_sent(self._studio, job, source, to.with_suffix(".part"))
            await self._studio.preview(_parts(sent, job.sent_continue_at, fetched.paths[take]), to)
            joins[take] = replace(joins[take], preview=to)

        async def pictured(take: str) -> None:
            whole, picture = fetched.folder / "whole.flac", fetched.folder / "whole.png"
            until = await heard_until(self._studio, job, source, fetched.paths[take])
            parts = _parts(source, until, fetched.paths[take])
            joined = await self._studio.join(parts, whole, audio_format=JoinFormat.FLAC)  # a quarter of an mp3's cost
            piece = fetched.paths[take] if joined.is_whole_already else whole
            seam = joined.seams[-1] + job.continues_from - until  # a take that contains a part begins before the seam
            outline = await self._studio.draw(piece, picture, seam=seam)
            joins[take] = replace(joins[take], picture=picture, outline=outline)

        try:
            async with asyncio.timeout(within_seconds):
                await self._sources.fetch(job, source)
                async with asyncio.TaskGroup() as tasks:
                    for take in takes:
                        tasks.create_task(_or_without(job, previewed(take)), name=f"preview {job.short_id}")
                    if takes:
                        tasks.create_task(_or_without(job, pictured(takes[0])), name=f"picture {job.short_id}")
        except TimeoutError:
            log.info("job %s: posted without all of its previews, which took too long", job.short_id)
        except (BadSource, OSError) as error:
            log.info("job %s: posted without its previews (%s)", job.short_id, error)
        return replace(fetched, joins=joins)


def _parts(source: Path, until_seconds: float, take: Path) -> list[JoinPart]:
    return [JoinPart(path=source, until_seconds=until_seconds), JoinPart(path=take)]


async def _or_without(job: Job, making: Coroutine[Any, Any, None]) -> None:
    """One that fails leaves the others alone."""
    try:
        await making
    except (BadSource, OSError) as error:
        log.info("job %s: a preview could not be made (%s)", job.short_id, error)
