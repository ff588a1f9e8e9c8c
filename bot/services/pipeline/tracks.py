"""The files of a job's tracks: fetched to disk, made to fit, removed afterwards."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import Job, Track
from bot.errors import BadSource, NotAudio, SourceEmpty, SourceGone, SourceTooLarge
from bot.services.common.messenger import JoinShown, ResultFile
from bot.services.common.ports import AudioTools, Fetcher
from bot.services.pipeline.cover import fetch_cover
from bot.services.pipeline.kept import KeptTracks

log = logging.getLogger(__name__)

TRACK_MAX_BYTES = 200_000_000
COVER_GRACE_SECONDS = 1.0
"""The cover is fetched alongside the tracks; once they are here, it gets this much longer."""
FIT_SHARE = 0.98
"""Room for the message around the files."""


CLEARLY_GONE = (SourceGone, SourceTooLarge, SourceEmpty, NotAudio)
"""The host of the files answered, and has no track for us. Anything else may be over in a minute."""


class FetchedTracks(msgspec.Struct, frozen=True, kw_only=True):
    """`paths` has the tracks that could be fetched; `error` is why another one could not, the most hopeful reason of
    several; `cover` is their picture; `joins` is how they join what they continue, by track; `folder` is theirs.
    """

    tracks: tuple[Track, ...]
    paths: dict[str, Path]
    error: BadSource | None
    audio: AudioTools
    folder: Path
    cover: Path | None = None
    joins: Mapping[str, JoinShown] = {}

    @property
    def is_complete(self) -> bool:
        return bool(self.paths) and self.error is None

    def check(self, *, may_be_partial: bool) -> None:
        """Raises `BadSource` if a track is missing that may still come."""
        if self.error is not None and not (may_be_partial and self.paths):
            raise self.error

    async def fitted(self, limit_bytes: int) -> list[ResultFile]:
        """Each track as a file within `limit_bytes`, re-encoded if needed; without a path if none fits."""
        return [
            ResultFile(
                track=track,
                path=await self._fitted(track, limit_bytes),
                cover=self.cover,
                join=_fitting(self.joins.get(track.id, NO_JOIN), limit_bytes),
            )
            for track in self.tracks
        ]

    async def _fitted(self, track: Track, limit_bytes: int) -> Path | None:
        path = self.paths.get(track.id)
        if path is None or path.stat().st_size <= limit_bytes:
            return path
        smaller = path.with_name(f"{path.name}-{limit_bytes}")
        try:
            fits = await self.audio.fit(path, smaller, limit_bytes=int(limit_bytes * FIT_SHARE))
        except BadSource as error:
            log.warning("a track could not be re-encoded (%s); posting its link", error)
            return None
        log.info("a track of %d bytes %s %d", path.stat().st_size, "fits" if fits else "cannot fit", limit_bytes)
        return smaller if fits else None


NO_JOIN = JoinShown()


def _fitting(join: JoinShown, limit_bytes: int) -> JoinShown:
    """What of it is small enough."""

    def fitting(path: Path | None) -> Path | None:
        return path if path is not None and path.stat().st_size <= limit_bytes else None

    return replace(join, preview=fitting(join.preview), picture=fitting(join.picture))


class TrackFiles:
    def __init__(self, fetcher: Fetcher, audio: AudioTools, kept: KeptTracks, folder: Path) -> None:
        self._fetcher = fetcher
        self._audio = audio
        self._kept = kept
        self._folder = folder

    @asynccontextmanager
    async def fetched(self, job: Job) -> AsyncIterator[FetchedTracks]:
        """The tracks that have audio, in their own folder, which is removed afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="tracks-", dir=self._folder))
        cover = asyncio.create_task(fetch_cover(self._fetcher, job.tracks, folder), name="cover")
        try:
            paths: dict[str, Path] = {}
            known: list[Track] = []
            error: BadSource | None = None
            for number, track in enumerate(job.tracks):
                if not track.audio_url:
                    continue
                path = folder / f"{number}.mp3"
                try:
                    await self._fetch(job, track, path)
                    known.append(await self._measured(track, path))
                    paths[track.id] = path
                except BadSource as caught:
                    known.append(track)
                    if error is None or isinstance(error, CLEARLY_GONE):
                        error = caught
            await asyncio.wait([cover], timeout=COVER_GRACE_SECONDS)
            picture = cover.result() if cover.done() else None
            yield FetchedTracks(
                tracks=tuple(known), paths=paths, error=error, audio=self._audio, folder=folder, cover=picture
            )
        finally:
            cover.cancel()
            await asyncio.gather(cover, return_exceptions=True)
            shutil.rmtree(folder, ignore_errors=True)

    async def has_copies(self, job: Job) -> bool:
        """Whether we kept any of its tracks."""
        return await self._kept.has_copies(job)

    async def lacks_copies(self, job: Job) -> bool:
        """Whether its tracks should be kept and are not."""
        return await self._kept.lacks_copies(job)

    async def keep(self, job: Job, fetched: FetchedTracks) -> None:
        """Keep copies if the operator wants them; after the post, which they must not delay."""
        await self._kept.keep(job.id, fetched.paths)

    async def _fetch(self, job: Job, track: Track, path: Path) -> None:
        if not await self._kept.copied(job.id, track.id, path):
            await self._fetcher.fetch(track.audio_url, path, limit_bytes=TRACK_MAX_BYTES)

    async def _measured(self, track: Track, path: Path) -> Track:
        """The provider sometimes omits the length; a file that is not audio is not what was promised."""
        if track.length_seconds:
            return track
        properties = await self._audio.probe(path)
        return replace(track, length_seconds=properties.length_seconds)
