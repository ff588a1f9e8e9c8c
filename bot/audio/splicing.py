"""A joined mp3 with as many frames as possible copied, and only those around the seams encoded.

Encoding takes twenty times as long as decoding (docs/decisions/0045-copied-frames.md). A copied frame can only stand
at a multiple of 1,152 samples: `to_grid` says by how much a part has to be slowed down to get there. Its loudness
changes only in steps: see `bot.audio.mp3.louder`. Runs in the audio process.
"""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import CodecContext
from av.packet import Packet

from bot.audio.encoding import mp3_frames
from bot.audio.hearing import check_limits, opened, packets_of, sound_track
from bot.audio.mixing import through, to_kind
from bot.audio.mp3 import DELAY, FRAME_SAMPLES, GAIN_STEP, Frame, is_regular, louder, with_room_for
from bot.audio.parts import Part, Plan, between, heard
from bot.audio.questions import Limits, Unusable
from bot.audio.samples import SILENCE, WIDTH, level, likeness
from bot.audio.stretches import Kind

_RATE_LEAST = 44100  # at lower ones, half a frame is long enough to be off the beat
_FIRST_FRAMES = 8
_CONTEXT, _TRIES, _AFTER = 8, 12, 3  # frames around a place where copied ones and encoded ones meet
_WINDOW = _CONTEXT + _TRIES + _AFTER
_SHORTEST = 4 * _WINDOW  # frames; for less it isn't worth while
_LOOKAHEAD = 4  # frames that the encoder wants to know
_ALIKE, _VERY_ALIKE = 0.9, 0.99
_LEVELS_DIFFER = 1.12  # a decibel
_ENDLESS = 1 << 40  # frames
_FRAMES_BETWEEN_LOOKS_AT_THE_CLOCK = 256


class CannotCopy(Exception):
    """The frames of a file are not what they seemed to be: the whole song has to be encoded."""


def left_out(descriptor: int, kind: Kind) -> int | None:
    """How many samples an mp3 has before the first one that is played; None if its frames cannot be copied."""
    samples = frames = 0
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        with opened(descriptor) as container:
            stream = sound_track(container)
            if container.format.name != "mp3" or kind.rate < _RATE_LEAST:
                return None
            for packet in islice(container.demux(stream), _FIRST_FRAMES):
                if not is_regular(bytes(packet), rate=kind.rate, channels=kind.channels):
                    return None
                frames += 1
                samples += sum(frame.samples for frame in packet.decode())
    except (av.FFmpegError, Unusable):
        return None
    return frames * FRAME_SAMPLES - samples


def to_grid(place: int, begin: int, left_out: int, late: int) -> int:
    """By how many samples a part has to become longer for its frames to fall on the result's.

    It is heard at the result's sample `place`, from its sample `begin` on, and is `late` already. The less it is late
    or early in the end, the better: at most half a frame.
    """
    over = (place - begin + DELAY - left_out) % FRAME_SAMPLES
    half = FRAME_SAMPLES // 2
    return (late - over + half) % FRAME_SAMPLES - half - late


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A file whose frames are copied. Its frames have the result's numbers, which are higher by `offset`.

    The first copied one is `first` or one of the `_TRIES` after it; the last one is before `end`.
    """

    part: Part
    offset: int
    first: int
    end: int

    def frames(self, kind: Kind, limits: Limits) -> Iterator[Frame]:
        """From the file's first frame on. Raises `CannotCopy` for one that is not regular, unless nothing follows."""
        os.lseek(self.part.descriptor, 0, os.SEEK_SET)
        steps, found = round(self.part.gain.last / GAIN_STEP), Frame(b"")
        with opened(self.part.descriptor) as container:
            for number, packet in enumerate(packets_of(container, sound_track(container)), start=self.offset):
                if not packet.size or number >= self.end:
                    return
                if number % _FRAMES_BETWEEN_LOOKS_AT_THE_CLOCK == 0:
                    check_limits(number * FRAME_SAMPLES / kind.rate, limits)
                data = bytes(packet)
                if not is_regular(data, rate=kind.rate, channels=kind.channels):
                    following = next(packets_of(container, sound_track(container)), None)
                    if following is not None and following.size:
                        raise CannotCopy(f"frame {number - self.offset}")
                    return
                found = found.follows(data) if found.data else Frame(data)
                yield found._replace(data=louder(data, steps)) if steps else found


def _runs(plan: Plan) -> Iterator[_Run]:
    place, earliest = 0, 0
    for number, part in enumerate(plan.parts):
        end = place + part.heard
        if part.left_out is not None:
            offset = (place + part.longer - part.begin + DELAY - part.left_out) // FRAME_SAMPLES
            settled = part.settles(plan.kind.rate)
            if number:
                settled = max(settled, plan.parts[number - 1].fade)
            first = math.ceil((place + part.longer + settled + DELAY) / FRAME_SAMPLES) + 2
            begins = not (number or settled or offset)
            first = 0 if begins else max(first, earliest + _CONTEXT, offset + _CONTEXT)
            last = number == len(plan.parts) - 1
            until = math.ceil((end + DELAY) / FRAME_SAMPLES) if last else (end + DELAY) // FRAME_SAMPLES - 2
            if until - first >= _SHORTEST:
                yield _Run(part=part, offset=offset, first=first, end=until)
        place = end
        earliest = math.ceil((place + DELAY) / FRAME_SAMPLES)


def spliced(plan: Plan, limits: Limits) -> Iterator[bytes]:
    """The frames of the whole song.

    A file has one position, so what is encoded of it and what is copied are never read in turns.

    Raises:
        CannotCopy: some may have been given already.
        Unusable: one of the files cannot be decoded, or all of them cost too much.
    """
    kind, at, former = plan.kind, 0, None
    copied: Iterator[Frame] = iter(())
    for run in (*_runs(plan), None):
        if run is not None and not run.first:
            copied, former = run.frames(kind, limits), run
            continue
        if run is None and former is not None and former.part is plan.parts[-1]:
            yield from (frame.data for frame in copied)
            return
        begin = former.end - _WINDOW if former is not None else 0
        until = run.first + _WINDOW + _LOOKAHEAD if run is not None else _ENDLESS
        encoded = _encoded(between(plan, begin * FRAME_SAMPLES, until * FRAME_SAMPLES), limits)
        if former is not None:
            yield from (frame.data for frame in islice(copied, begin - at))
            old, new = list(islice(copied, _WINDOW)), list(islice(encoded, _WINDOW))
            yield from _met(old, new, new, kind)
            at = begin + _WINDOW
        if run is None:
            yield from (frame.data for frame in encoded)
            return
        window = run.first - _CONTEXT
        yield from (frame.data for frame in islice(encoded, window - at))
        copied, former, at = run.frames(kind, limits), run, window + _WINDOW
        old, new = list(islice(encoded, _WINDOW)), list(islice(copied, window - run.offset, at - run.offset))
        yield from _met(old, new, old, kind)


def _encoded(plan: Plan, limits: Limits) -> Iterator[Frame]:
    return map(Frame, mp3_frames(heard(plan, limits), plan.kind.of("flt")))


def _met(old: Sequence[Frame], new: Sequence[Frame], encoded: Sequence[Frame], kind: Kind) -> Iterator[bytes]:
    """The old frames up to where the new ones follow best, and these.

    Both are the same frames of the song. `encoded` are those of the two that need none before them: any change from
    the one to the other must sound as they do.
    """
    if min(len(old), len(new)) < _WINDOW:
        raise CannotCopy("a file ended early")
    best, found = _ALIKE, list[bytes]()
    for at in range(_CONTEXT, _CONTEXT + _TRIES):
        before = with_room_for(new[at], [frame.data for frame in old[:at]])
        if before is None:
            continue
        tried = [*before, *(frame.data for frame in new[at:])]
        around = slice(at - _CONTEXT, at + _AFTER)
        alike = _likeness(_sound(tried[around], kind), _sound([frame.data for frame in encoded[around]], kind))
        if alike > best:
            best, found = alike, tried
        if alike > _VERY_ALIKE:
            break
    if not found:
        raise CannotCopy("the frames do not meet")
    yield from found


def _sound(frames: Sequence[bytes], kind: Kind) -> bytes:
    """The last of these frames decoded, from the one before the new ones on."""
    decoder = CodecContext.create("mp3", "r")
    if not isinstance(decoder, AudioCodecContext):
        raise TypeError(decoder)
    decoded = [frame for data in frames for frame in decoder.decode(Packet(data))]
    converted = through(decoded, to_kind("s16", kind.layout, kind.rate))
    samples = b"".join(bytes(frame.planes[0])[: frame.samples * kind.bytes_each] for frame in converted)
    return samples[-(_AFTER + 1) * FRAME_SAMPLES * kind.channels * WIDTH :]


def _likeness(one: bytes, other: bytes) -> float:
    """From -1 to 1; two silences are alike, and two that differ by more than a decibel are not."""
    levels = level(one), level(other)
    if max(levels) < SILENCE:
        return 1.0
    return likeness(one, other) if max(levels) < _LEVELS_DIFFER * min(levels) else 0.0
