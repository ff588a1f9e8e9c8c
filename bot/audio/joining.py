"""One file from several: each up to its seam, equally loud around it. Runs in the audio process."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.audio.encoding import encode, write_mp3
from bot.audio.mp3 import GAIN_STEP
from bot.audio.parts import Gain, Part, Plan, heard
from bot.audio.questions import Limits, Problem, Stretch, Unusable, WrittenTags
from bot.audio.samples import FULL_SCALE, extremes
from bot.audio.seams import (
    AFTER_SECONDS,
    BEFORE_SECONDS,
    Excerpt,
    Seam,
    seam_between,
    seam_in_take,
)
from bot.audio.splicing import CannotCopy, left_out, spliced, to_grid
from bot.audio.stretches import Kind, common_kind, excerpt, loudness, stretch
from bot.domain.joins import Joined, JoinFormat, Previewed

LOUDNESS_SECONDS = 3.0
"""The window of the short-term loudness."""
_GAIN_MOST = 40.0  # decibels; two sides that differ by more are meant to
_KEPT_MOST = 6.0  # decibels by which a whole part is changed; what a seam needs more is eased off after it
_LIFT_MOST = 3.0  # decibels that the limiter takes care of
_PREVIEW_SECONDS = 5.0  # on either side of the seam
_PEAK = -1.0  # decibels of full scale, as loud as the limiter lets anything be
_LOWERED_MOST = 6.0  # decibels, for the sake of a loud beat after a seam
_WHOLE = 1 << 62  # a sample that no file has


def join(pieces: Sequence[Stretch], to: int, *, audio_format: JoinFormat, tags: WrittenTags, limits: Limits) -> Joined:
    """Join open files into another, `to`, unless the last one contains the others.

    Raises:
        Unusable: one of the files cannot be decoded, or all of them cost too much.
    """
    plan = planned(pieces, limits, copies=audio_format is JoinFormat.MP3)
    try:
        return _written(plan, to, audio_format=audio_format, tags=tags, limits=limits)
    except CannotCopy:
        os.ftruncate(to, 0)
        os.lseek(to, 0, os.SEEK_SET)
        return _written(planned(pieces, limits), to, audio_format=audio_format, tags=tags, limits=limits)


def _written(plan: Plan, to: int, *, audio_format: JoinFormat, tags: WrittenTags, limits: Limits) -> Joined:
    kind, seams = plan.kind, tuple(round(seam / plan.kind.rate, 3) for seam in plan.seams)
    if plan.is_whole_already:
        length = _samples(plan.parts[0].descriptor, kind, limits) / kind.rate
        return Joined(length_seconds=length, seams=seams, is_whole_already=True)
    if any(part.left_out is not None for part in plan.parts):
        length = write_mp3(spliced(plan, limits), kind, to, tags=tags)
    else:
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


def planned(pieces: Sequence[Stretch], limits: Limits, *, copies: bool = False) -> Plan:
    """Listen to what is around each seam, and decide what is heard from where. `copies`: mp3 frames may be copied.

    Raises:
        Unusable: one of the files cannot be decoded, or ends too early.
    """
    kind = common_kind(piece.descriptor for piece in pieces)
    kept = [_Kept(piece=pieces[0])]
    for piece in pieces[1:]:
        kept = _followed(kept, piece, kind, limits)
    before = [left_out(one.piece.descriptor, kind) if copies and len(kept) > 1 else None for one in kept]
    return _assembled(kept, kind, before)


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


def _assembled(kept: Sequence[_Kept], kind: Kind, before: Sequence[int | None]) -> Plan:
    """The parts in samples, with their gains, and where the seams are in the result.

    `before`: how many samples each file has before the first one that is played, if its frames are copied.
    """
    links = [one.link for one in kept if one.link is not None]
    gains = _gains(links, kind.rate, in_steps=any(samples is not None for samples in before))
    parts: list[Part] = []
    seams: list[int] = []
    begin = position = 0
    for number, one in enumerate(kept):
        seam = links[number].seam if number < len(links) else None
        end = max(begin, seam.out) if seam else _until(one.piece, kind)
        fade = seam.fade if seam else 0
        late, skipped = (links[number - 1].seam.late if number else 0), before[number]
        part = Part(
            descriptor=one.piece.descriptor,
            begin=begin,
            end=end,
            gain=gains[number],
            fade=fade,
            longer=to_grid(position, begin, skipped, late) if skipped is not None else 0,
            left_out=skipped,
        )
        parts.append(part)
        seams += [position + round(seconds * kind.rate) - begin + part.longer for seconds in one.inside]
        if seam:
            position += part.heard
            seams.append(position)
            begin = seam.into
    return Plan(kind=kind, parts=tuple(parts), seams=tuple(seams), is_whole_already=len(kept) == 1)


def _gains(links: Sequence[_Link], rate: int, *, in_steps: bool) -> list[Gain]:
    """So that both sides of each seam are equally loud, and no whole part is amplified by more than a little.

    `in_steps`: whole parts change by steps of `GAIN_STEP`, and none is amplified, because nothing limits their peaks.
    """
    gains, peaks = [Gain(first=0.0, last=0.0)], [-math.inf]
    for link in links:
        former = gains[-1].at(link.seam.out / rate)
        first = former + link.change
        peaks += [link.peaks[0] + former, link.peaks[1] + first]
        begin = (link.seam.into + link.seam.fade) / rate
        kept = max(-_KEPT_MOST, min(_KEPT_MOST, first))
        if in_steps:
            kept = GAIN_STEP * round(kept / GAIN_STEP)
        gains.append(Gain(first=first, last=kept, eases_at=begin + LOUDNESS_SECONDS))
    kept_gains = [gain.last for gain in gains]
    lift = (0.0 if in_steps else min(_LIFT_MOST, max(kept_gains) - min(kept_gains))) - max(kept_gains)
    # Nothing near a seam may be so loud that the limiter would change the loudness there.
    lift = min(lift, max(-_LOWERED_MOST, _PEAK - max(peaks)))
    if in_steps:
        lift = GAIN_STEP * math.floor(lift / GAIN_STEP + 1e-6)
    return [gain.plus(lift) for gain in gains]


def _until(piece: Stretch, kind: Kind) -> int:
    return _WHOLE if piece.until_seconds is None else round(piece.until_seconds * kind.rate)
