"""One file from several: each up to its seam, equally loud around it. Runs in the audio process."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from bot.audio.encoding import encode
from bot.audio.questions import Limits, Problem, Stretch, Unusable, WrittenTags
from bot.audio.seams import (
    AFTER_SECONDS,
    BEFORE_SECONDS,
    Excerpt,
    Seam,
    backwards,
    crossfaded,
    seam_between,
    seam_in_take,
)
from bot.audio.stretches import Kind, common_kind, excerpt, loudness, stretch
from bot.domain.joins import Joined, JoinFormat, Previewed

LOUDNESS_SECONDS = 3.0
"""The window of the short-term loudness."""
_GAIN_MOST = 15.0  # decibels; two sides that differ by more are meant to
_LIFT_MOST = 3.0  # decibels that the limiter takes care of
_PREVIEW_SECONDS = 5.0  # on either side of the seam
_WHOLE = 1 << 62  # a sample that no file has
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A file from `begin` to `end`, in samples, changed by `gain` decibels.

    `fade`: for how long after its end it overlaps the next one; `alike`: how alike the two are there.
    """

    descriptor: int
    begin: int
    end: int
    gain: float
    fade: int = 0
    alike: float = 0.0


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
        samples = sum(len(block) for block in stretch(plan.parts[0].descriptor, kind, limits)) // kind.bytes_each
        return Joined(length_seconds=samples / kind.rate, seams=seams, is_whole_already=True)
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
    kept: list[Stretch] = [pieces[0]]
    links: list[tuple[Seam, float]] = []  # between kept pieces: how, and by how much the later one is changed
    inside: list[float] = []  # seams within the first kept piece, in its own seconds
    for piece in pieces[1:]:
        while True:
            former = kept[-1]
            found = _link(former, piece, kind, limits)
            if not isinstance(found, float):
                kept.append(piece)
                links.append(found)
                break
            # The piece contains the former one, and with it what the former one contains or follows.
            inside = [*inside, found] if len(kept) == 1 else inside
            kept.pop()
            if not kept:
                kept.append(piece)
                break
            links.pop()
    return _assembled(kept, links, inside, kind)


def _link(former: Stretch, latter: Stretch, kind: Kind, limits: Limits) -> "tuple[Seam, float] | float":
    """How `latter` follows `former`, and its gain beside it; or where the seam is in it, if it contains `former`."""
    seam_seconds = former.until_seconds or 0.0
    before, original = _around(former.descriptor, seam_seconds, kind, limits)
    if not before:
        raise Unusable(Problem.EMPTY, "nothing before the seam")
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
    old = loudness(before[max(0, end - window * kind.bytes_each) : end], kind)
    first = (seam.into + seam.fade) * kind.bytes_each
    new = loudness(beginning[first : first + window * kind.bytes_each], kind)
    gain = 0.0 if old is None or new is None else max(-_GAIN_MOST, min(_GAIN_MOST, old - new))
    return seam, gain


def _around(descriptor: int, seam_seconds: float, kind: Kind, limits: Limits) -> tuple[bytes, Excerpt]:
    begin = max(0, round((seam_seconds - BEFORE_SECONDS) * kind.rate))
    end = round((seam_seconds + AFTER_SECONDS) * kind.rate)
    samples = b"".join(stretch(descriptor, kind, limits, begin, end))
    return samples, excerpt(samples, kind, begin)


def _assembled(
    kept: Sequence[Stretch], links: Sequence[tuple[Seam, float]], inside: Sequence[float], kind: Kind
) -> Plan:
    """Gains are relative to the loudest part, so that little is ever amplified."""
    gains = [0.0]
    for _, gain in links:
        gains.append(gains[-1] + gain)
    lift = min(_LIFT_MOST, max(gains) - min(gains)) - max(gains)
    parts, seams = [], [round(seconds * kind.rate) for seconds in inside]
    begin = position = 0
    for number, piece in enumerate(kept):
        seam = links[number][0] if number < len(links) else None
        end = max(begin, seam.out) if seam else _until(piece, kind)
        parts.append(
            _Part(
                descriptor=piece.descriptor,
                begin=begin,
                end=end,
                gain=gains[number] + lift,
                fade=seam.fade if seam else 0,
                alike=seam.alike if seam else 0.0,
            )
        )
        if seam:
            position += end - begin
            seams.append(position)
            begin = seam.into
    return Plan(kind=kind, parts=tuple(parts), seams=tuple(seams), is_whole_already=len(kept) == 1)


def _until(piece: Stretch, kind: Kind) -> int:
    return _WHOLE if piece.until_seconds is None else round(piece.until_seconds * kind.rate)


def heard(plan: Plan, limits: Limits) -> Iterator[bytes]:
    """The joined sound as blocks of interleaved floats, of the plan's kind otherwise."""
    kind, overlap, alike = plan.kind.of("flt"), b"", 0.0
    for part in plan.parts:
        size = part.fade * kind.bytes_each
        volume = (("volume", f"{part.gain:.3f}dB"),) if abs(part.gain) >= 0.01 else ()
        with closing(stretch(part.descriptor, kind, limits, part.begin, part.end + part.fade, before=volume)) as blocks:
            reader = _Reader(blocks)
            recent = reader.read(len(overlap))
            if recent:
                yield crossfaded(overlap[: len(recent)], recent, kind.channels, alike)
            left = (part.end - part.begin) * kind.bytes_each - len(recent)
            while left > 0 and (block := reader.read(min(left, _BLOCK_BYTES))):
                yield block
                recent, left = (recent + block)[-size:] if size else b"", left - len(block)
            overlap, alike = reader.read(size), part.alike
        # Where the original ends at the seam, it fades away backwards, which makes no click.
        overlap += backwards(recent, kind.bytes_each)[: size - len(overlap)]


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
