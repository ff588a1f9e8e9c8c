"""One file from several: each up to its seam, equally loud around it. Runs in the audio process."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from bot.audio.crossfade import crossfaded
from bot.audio.encoding import encode
from bot.audio.mixing import Filter
from bot.audio.questions import Limits, Problem, Stretch, Unusable, WrittenTags
from bot.audio.samples import FULL_SCALE, extremes
from bot.audio.seams import (
    AFTER_SECONDS,
    BEFORE_SECONDS,
    Excerpt,
    Seam,
    backwards,
    seam_between,
    seam_in_take,
)
from bot.audio.stretches import Kind, common_kind, excerpt, loudness, stretch
from bot.domain.joins import Joined, JoinFormat, Previewed

LOUDNESS_SECONDS = 3.0
"""The window of the short-term loudness."""
_GAIN_MOST = 40.0  # decibels; two sides that differ by more are meant to
_KEPT_MOST = 6.0  # decibels by which a whole part is changed; what a seam needs more is eased off after it
_EASE_PER_SECOND = 2.0  # decibels
_LIFT_MOST = 3.0  # decibels that the limiter takes care of
_PREVIEW_SECONDS = 5.0  # on either side of the seam
_PEAK = -1.0  # decibels of full scale, as loud as the limiter lets anything be
_LOWERED_MOST = 6.0  # decibels, for the sake of a loud beat after a seam
_INAUDIBLE = 0.01  # decibels
_WHOLE = 1 << 62  # a sample that no file has
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file from `begin` to `end`, in samples, changed by `gain`.

    `fade`: for how long after its end it overlaps the next one.
    """

    descriptor: int
    begin: int
    end: int
    gain: "Gain"
    fade: int = 0


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
class Plan:
    """`seams`: in samples of the result, or of the take if `whole` is the one that contains everything."""

    kind: Kind
    parts: tuple[_Part, ...]
    seams: tuple[int, ...]
    is_whole_already: bool


def join(pieces: Sequence[Stretch], to: int, *, audio_format: JoinFormat, tags: WrittenTags, limits: Limits) -> Joined:
    """Join open files into another, `to`, unless the last one contains the others.

    Raises:
        Unusable: one of the files cannot be decoded, or all of them cost too much.
    """
    plan = planned(pieces, limits)
    kind, seams = plan.kind, tuple(round(seam / plan.kind.rate, 3) for seam in plan.seams)
    if plan.is_whole_already:
        length = _samples(plan.parts[0].descriptor, kind, limits) / kind.rate
        return Joined(length_seconds=length, seams=seams, is_whole_already=True)
    length = encode(heard(plan, limits), kind.of("flt"), to, audio_format=audio_format, tags=tags)
    return Joined(length_seconds=length, seams=seams)


def preview(pieces: Sequence[Stretch], to: int, limits: Limits) -> Previewed:
    """Write a few seconds on either side of the last seam as an mp3. Raises like `join`."""
    plan = planned(pieces[-2:], limits)
    around = round(_PREVIEW_SECONDS * plan.kind.rate)
    if plan.is_whole_already:
        only, seam = plan.parts[0], plan.seams[0]
        parts = [replace(only, begin=max(0, seam - around), end=seam + around)]
        before = seam - parts[0].begin
    else:
        first, second = plan.parts
        parts = [
            replace(first, begin=max(first.begin, first.end - around)),
            replace(second, end=min(second.end, second.begin + around)),
        ]
        before = first.end - parts[0].begin
    kind, blocks = plan.kind, heard(replace(plan, parts=tuple(parts)), limits)
    length = encode(blocks, kind.of("flt"), to, audio_format=JoinFormat.MP3, tags=WrittenTags())
    return Previewed(length_seconds=length, seam_seconds=round(before / kind.rate, 3))


def planned(pieces: Sequence[Stretch], limits: Limits) -> Plan:
    """Listen to what is around each seam, and decide what is heard from where.

    Raises:
        Unusable: one of the files cannot be decoded, or ends too early.
    """
    kind = common_kind(piece.descriptor for piece in pieces)
    kept = [_Kept(piece=pieces[0])]
    for piece in pieces[1:]:
        kept = _followed(kept, piece, kind, limits)
    return _assembled(kept, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """How one file follows another at a `seam`.

    `change`: the decibels by which the later one has to be changed to be as loud as the former; `peaks`: how loud the
    loudest samples before and after the seam are without any change, in decibels of full scale.
    """

    seam: Seam
    change: float
    peaks: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A file that is heard. `inside`: the seams in it, in its seconds; `link`: how it follows the one before."""

    piece: Stretch
    inside: tuple[float, ...] = ()
    link: _Link | None = None


def _followed(kept: list[_Kept], piece: Stretch, kind: Kind, limits: Limits) -> list[_Kept]:
    """What is heard with one more file: it takes the place of those that it contains."""
    inside: tuple[float, ...] = ()
    while kept:
        found = _link(kept[-1].piece, piece, kind, limits)
        if isinstance(found, _Link):
            return [*kept, _Kept(piece=piece, inside=inside, link=found)]
        inside = (*kept[-1].inside, found, *inside)
        kept = kept[:-1]
    return [_Kept(piece=piece, inside=inside)]


def _link(former: Stretch, latter: Stretch, kind: Kind, limits: Limits) -> _Link | float:
    """How `latter` follows `former`; or where the seam is in it, in seconds, if it contains `former`."""
    seam_seconds = former.until_seconds or 0.0
    if seam_seconds <= 0:
        raise Unusable(Problem.EMPTY, "nothing before the seam")
    before, original = _around(former.descriptor, seam_seconds, kind, limits)
    if not before:  # it ends long before
        seam_seconds = _samples(former.descriptor, kind, limits) / kind.rate
        before, original = _around(former.descriptor, seam_seconds, kind, limits)
    seam_seconds = min(seam_seconds, original.end / original.rate)
    _, same_place = _around(latter.descriptor, seam_seconds, kind, limits)
    inside = seam_in_take(original, seam_seconds, same_place) if same_place.samples else None
    if inside is not None:
        return inside
    beginning = b"".join(stretch(latter.descriptor, kind, limits, 0, round(BEFORE_SECONDS * kind.rate)))
    if not beginning:
        raise Unusable(Problem.EMPTY, "nothing after the seam")
    seam = seam_between(original, seam_seconds, excerpt(beginning, kind, 0))
    window = round(LOUDNESS_SECONDS * kind.rate)
    end = (seam.out - original.begin) * kind.bytes_each
    preceding = before[max(0, end - window * kind.bytes_each) : end]
    first = (seam.into + seam.fade) * kind.bytes_each
    following = beginning[first : first + window * kind.bytes_each]
    old, new = loudness(preceding, kind), loudness(following, kind)
    change = 0.0 if old is None or new is None else max(-_GAIN_MOST, min(_GAIN_MOST, old - new))
    return _Link(seam=seam, change=change, peaks=(_peak(preceding), _peak(following)))


def _peak(samples: bytes) -> float:
    """In decibels of full scale."""
    if not samples:
        return -math.inf
    return 20 * math.log10(max(1, *map(abs, extremes(samples))) / FULL_SCALE)


def _samples(descriptor: int, kind: Kind, limits: Limits) -> int:
    """The length of a file."""
    return sum(len(block) for block in stretch(descriptor, kind, limits)) // kind.bytes_each


def _around(descriptor: int, seam_seconds: float, kind: Kind, limits: Limits) -> tuple[bytes, Excerpt]:
    begin = max(0, round((seam_seconds - BEFORE_SECONDS) * kind.rate))
    end = round((seam_seconds + AFTER_SECONDS) * kind.rate)
    samples = b"".join(stretch(descriptor, kind, limits, begin, end))
    return samples, excerpt(samples, kind, begin)


def _assembled(kept: Sequence[_Kept], kind: Kind) -> Plan:
    """The parts in samples, with their gains, and where the seams are in the result."""
    links = [one.link for one in kept if one.link is not None]
    gains = _gains(links, kind.rate)
    parts: list[_Part] = []
    seams: list[int] = []
    begin = position = 0
    for number, one in enumerate(kept):
        seam = links[number].seam if number < len(links) else None
        end = max(begin, seam.out) if seam else _until(one.piece, kind)
        fade = seam.fade if seam else 0
        parts.append(_Part(descriptor=one.piece.descriptor, begin=begin, end=end, gain=gains[number], fade=fade))
        seams += [position + round(seconds * kind.rate) - begin for seconds in one.inside]
        if seam:
            position += end - begin
            seams.append(position)
            begin = seam.into
    return Plan(kind=kind, parts=tuple(parts), seams=tuple(seams), is_whole_already=len(kept) == 1)


def _gains(links: Sequence[_Link], rate: int) -> list[Gain]:
    """So that both sides of each seam are equally loud, and no whole part is amplified by more than a little."""
    gains, peaks = [Gain(first=0.0, last=0.0)], [-math.inf]
    for link in links:
        former = gains[-1].at(link.seam.out / rate)
        first = former + link.change
        peaks += [link.peaks[0] + former, link.peaks[1] + first]
        begin = (link.seam.into + link.seam.fade) / rate
        kept = max(-_KEPT_MOST, min(_KEPT_MOST, first))
        gains.append(Gain(first=first, last=kept, eases_at=begin + LOUDNESS_SECONDS))
    kept_gains = [gain.last for gain in gains]
    lift = min(_LIFT_MOST, max(kept_gains) - min(kept_gains)) - max(kept_gains)
    # Nothing near a seam may be so loud that the limiter would change the loudness there.
    lift = min(lift, max(-_LOWERED_MOST, _PEAK - max(peaks)))
    return [gain.plus(lift) for gain in gains]


def _until(piece: Stretch, kind: Kind) -> int:
    return _WHOLE if piece.until_seconds is None else round(piece.until_seconds * kind.rate)


def heard(plan: Plan, limits: Limits) -> Iterator[bytes]:
    """The joined sound as blocks of interleaved floats, of the plan's kind otherwise."""
    kind, overlap = plan.kind.of("flt"), b""
    for part in plan.parts:
        size = part.fade * kind.bytes_each
        end, filters = part.end + part.fade, part.gain.filters
        with closing(stretch(part.descriptor, kind, limits, part.begin, end, before=filters)) as blocks:
            reader = _Reader(blocks)
            recent = reader.read(len(overlap))
            if recent:
                yield crossfaded(overlap[: len(recent)], recent, kind)
            left = (part.end - part.begin) * kind.bytes_each - len(recent)
            while left > 0 and (block := reader.read(min(left, _BLOCK_BYTES))):
                yield block
                recent, left = (recent + block)[-size:] if size else b"", left - len(block)
            overlap = reader.read(size)
        # Where the original ends at the seam, it fades away backwards, which makes no click.
        if missing := size - len(overlap):
            overlap += backwards((recent + overlap)[-missing:], kind.bytes_each)


class _Reader:
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
