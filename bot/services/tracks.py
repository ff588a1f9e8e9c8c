"""The files of a job's tracks: fetched to disk, made to fit, removed afterwards."""

import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.jobs import Track
from bot.errors import BadSource
from bot.services.messenger import ResultFile
from bot.services.ports import AudioTools, Fetcher

log = logging.getLogger(__name__)

TRACK_MAX_BYTES = 200_000_000
FIT_SHARE = 0.98
"""Room is left for the message around the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedTracks:
    """`paths` has the tracks that could be fetched; `error` is why another one could not."""

    tracks: tuple[Track, ...]
    paths: dict[str, Path]
    error: BadSource | None
    audio: AudioTools

    @property
    def is_complete(self) -> bool:
        return bool(self.paths) and self.error is None

    def check(self, *, may_be_partial: bool) -> None:
        """Raises `BadSource` where a track is missing that may still come."""
        if self.error is not None and not (may_be_partial and self.paths):
            raise self.error

    async def fitted(self, limit_bytes: int) -> list[ResultFile]:
        """Each track as a file of at most `limit_bytes`, encoded anew where needed; without a path where none fits."""
        files = []
        for track in self.tracks:
            path = self.paths.get(track.id)
            if path is not None and path.stat().st_size > limit_bytes:
                smaller = path.with_name(f"{path.name}-{limit_bytes}")
                fits = await self.audio.fit(path, smaller, limit_bytes=int(limit_bytes * FIT_SHARE))
                log.info(
                    "a track of %d bytes %s %d", path.stat().st_size, "fits" if fits else "cannot fit", limit_bytes
                )
                path = smaller if fits else None
            files.append(ResultFile(track=track, path=path))
        return files


class TrackFiles:
    def __init__(self, fetcher: Fetcher, audio: AudioTools, folder: Path) -> None:
        self._fetcher = fetcher
        self._audio = audio
        self._folder = folder

    @asynccontextmanager
    async def fetched(self, tracks: Sequence[Track]) -> AsyncIterator[FetchedTracks]:
        """The tracks that have audio, in a folder of their own that is gone afterwards."""
        ready = [track for track in tracks if track.audio_url]
        folder = Path(tempfile.mkdtemp(prefix="tracks-", dir=self._folder))
        try:
            paths: dict[str, Path] = {}
            known: list[Track] = []
            error: BadSource | None = None
            for number, track in enumerate(ready):
                path = folder / f"{number}.mp3"
                try:
                    await self._fetcher.fetch(track.audio_url, path, limit_bytes=TRACK_MAX_BYTES)
                    known.append(await self._measured(track, path))
                    paths[track.id] = path
                except BadSource as caught:
                    known.append(track)
                    error = caught
            yield FetchedTracks(tracks=tuple(known), paths=paths, error=error, audio=self._audio)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _measured(self, track: Track, path: Path) -> Track:
        """The provider leaves the length out at times; a file that is no audio is not what was promised."""
        if track.length_seconds:
            return track
        facts = await self._audio.probe(path)
        return replace(track, length_seconds=facts.length_seconds)
