"""What is heard of several files, one after the other, as one sound. Runs in the audio process."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from bot.audio.crossfade import crossfaded
from bot.audio.mixing import Filter, through, to_kind
from bot.audio.questions import Limits
from bot.audio.seams import backwards
from bot.audio.stretches import Kind, frames_from, stretch

_EASE_PER_SECOND = 2.0  # decibels
_INAUDIBLE = 0.01  # decibels
_BLOCK_BYTES = 1 << 16
_SLOWED_HZ = 100  # of the rate: four hundredths of a semitone, which nobody hears
_MARGIN_HUNDREDTHS = 5  # of a second, so that no filter comes to its end where it would be heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """In decibels: `first` until `eases_at`, in seconds of the file, then ever nearer to `last`."""

    first: float
    last: float
    eases_at: float = 0.0

    def at(self, seconds: float) -> float:
        change = self.last - self.first
        eased = max(0.0, seconds - self.eases_at) * _EASE_PER_SECOND
        return self.first + math.copysign(min(abs(change), eased), change)

    def plus(self, decibels: float) -> "Gain":
        return replace(self, first=self.first + decibels, last=self.last + decibels)

    @property
    def filters(self) -> tuple[Filter, ...]:
        change = self.last - self.first
        if abs(change) < _INAUDIBLE:
            return (("volume", f"{self.last:.3f}dB"),) if abs(self.last) >= _INAUDIBLE else ()
        share = f"clip((t-{self.eases_at:.3f})/{abs(change) / _EASE_PER_SECOND:.3f},0,1)"
        return (("volume", f"volume='pow(10,({self.first:.3f}+{change:.3f}*{share})/20)':eval=frame"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file from `begin` to `end`, in samples, changed by `gain`.

    `fade`: for how long after its end it overlaps the next one. `longer`: by how many samples its beginning is slowed
    down, or sped up if negative (see `slowed`). `left_out`: how many samples its first frames have before the first one
    that is played, if its mp3 frames are copied (see `bot.audio.splicing`).
    """

    descriptor: int
    begin: int
    end: int
    gain: Gain
    fade: int = 0
    longer: int = 0
    left_out: int | None = None

    @property
    def heard(self) -> int:
        """How many samples of the result it takes up."""
        return self.end - self.begin + self.longer

    def settles(self, rate: int) -> int:
        """From which of its samples, counted from `begin`, neither its speed nor its gain changes any more."""
        change = abs(self.gain.last - self.gain.first)
        eased = round((self.gain.eases_at + change / _EASE_PER_SECOND) * rate) - self.begin
        return max(abs(self.longer) * rate // _SLOWED_HZ, eased if change >= _INAUDIBLE else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`seams`: in samples of the result, or of the take if `whole` is the one that contains everything."""

    kind: Kind
    parts: tuple[Part, ...]
    seams: tuple[int, ...]
    is_whole_already: bool


def heard(plan: Plan, limits: Limits) -> Iterator[bytes]:
    """The joined sound as blocks of interleaved floats, of the plan's kind otherwise."""
    kind, overlap = plan.kind.of("flt"), b""
    for part in plan.parts:
        size = part.fade * kind.bytes_each
        end, filters = part.end + part.fade, part.gain.filters
        with closing(stretch(part.descriptor, kind, limits, part.begin, end, before=filters)) as blocks:
            reader = Reader(slowed(blocks, kind, part.longer) if part.longer else blocks)
            recent = reader.read(len(overlap))
            if recent:
                yield crossfaded(overlap[: len(recent)], recent, kind)
            left = part.heard * kind.bytes_each - len(recent)
            while left > 0 and (block := reader.read(min(left, _BLOCK_BYTES))):
                yield block
                recent, left = (recent + block)[-size:] if size else b"", left - len(block)
            overlap = reader.read(size)
        # Where the original ends at the seam, it fades away backwards, which makes no click.
        if missing := size - len(overlap):
            overlap += backwards((recent + overlap)[-missing:], kind.bytes_each)


def slowed(blocks: Iterator[bytes], kind: Kind, samples: int) -> Iterator[bytes]:
    """The same, but the beginning takes so many samples longer, or shorter if negative; floats.

    For each of them, a hundredth of a second is resampled to one sample more.
    """
    reader, step = Reader(blocks), kind.rate // _SLOWED_HZ
    size = abs(samples) * step
    head = reader.read((size + _MARGIN_HUNDREDTHS * step) * kind.bytes_each)
    rate = kind.rate + (_SLOWED_HZ if samples > 0 else -_SLOWED_HZ)
    resampled = through(frames_from([head], kind), to_kind("flt", kind.layout, rate))
    left = (size + samples) * kind.bytes_each
    for frame in resampled:
        block = bytes(frame.planes[0])[: min(left, frame.samples * kind.bytes_each)]
        left -= len(block)
        yield block
    yield head[size * kind.bytes_each :]
    while block := reader.read(_BLOCK_BYTES):
        yield block


def between(plan: Plan, begin: int, end: int) -> Plan:
    """What is heard between two samples of the result. Neither is where one part fades into another."""
    parts, place = list[Part](), 0
    for part in plan.parts:
        following, kept = place + part.heard, part
        if place < begin:
            kept = replace(kept, begin=part.begin + begin - place - part.longer, longer=0)
        if following > end:
            kept = replace(kept, end=part.end - (following - end), fade=0)
        if place < end and following > begin:
            parts.append(kept)
        place = following
    return replace(plan, parts=tuple(parts))


class Reader:
    """Blocks of any size as blocks of the wanted size."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = bytearray()

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or those that are left."""
        while len(self._buffer) < size and (block := next(self._blocks, None)) is not None:
            self._buffer += block
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found
