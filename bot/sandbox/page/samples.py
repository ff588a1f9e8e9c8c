"""Sample pieces to extend: composed on the spot, when one is first asked for."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.discord.user.client import Upload
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.sounds import compose, compose_phrases


@dataclass(frozen=True, slots=True)
class Sample:
    """`seconds` of music in the format of the name; 0: not audio at all."""

    name: str
    seconds: float
    about: str
    phrases: tuple[tuple[float, float], ...] = ()  # seconds and loudness of each


SAMPLES = (
    Sample("paper-boats.mp3", 24, "24 s, mp3"),
    Sample("lighthouse.ogg", 48, "48 s, ogg, in five phrases", ((9, 0.4), (10, 0.9), (8.5, 0.5), (10.5, 1), (10, 0.7))),
    Sample("ferry.flac", 12, "12 s, flac"),
    Sample("harbour.wav", 8, "8 s, wav"),
    Sample("night-train.m4a", 90, "1:30, m4a"),
    Sample("regatta.mp4", 15, "15 s, a film"),
    Sample("blink.mp3", 1, "1 s, mp3"),
    Sample("shopping-list.mp3", 0, "not audio, whatever its name says"),
)
NOT_AUDIO = b"bread, milk, rope, two lemons\n" * 40


class Samples:
    """`folder` is for the pieces while they are made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, bytes] = {}
        self._making = asyncio.Lock()

    @property
    def listed(self) -> list[Json]:
        return [{"name": each.name, "about": each.about} for each in SAMPLES]

    async def get(self, name: str) -> Upload:
        """Raises `LookupError` if there is none of that name."""
        sample = next((each for each in SAMPLES if each.name == name), None)
        if sample is None:
            raise LookupError(name)
        async with self._making:
            if name not in self._made:
                self._made[name] = await asyncio.to_thread(self._make, sample)
        return Upload(name, self._made[name])

    def _make(self, sample: Sample) -> bytes:
        if not sample.seconds:
            return NOT_AUDIO
        path = self._folder / sample.name
        try:
            title = path.stem.replace("-", " ").title()
            if sample.phrases:
                compose_phrases(path, *sample.phrases, seed=len(sample.name), title=title)
            else:
                compose(path, seconds=sample.seconds, seed=len(sample.name), title=title)
            return path.read_bytes()
        finally:
            path.unlink(missing_ok=True)
