"""The part of a piece before a moment, as long as a model takes, with its packets copied. Runs in the audio process."""

import io
import os
from collections.abc import Iterator

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from bot.audio.drawing import curves_of
from bot.audio.encoding import encode
from bot.audio.hearing import Heard, opened, sound_track
from bot.audio.points import phrase_ends_of
from bot.audio.questions import Limits, Problem, Unusable, WrittenTags
from bot.audio.stretches import common_kind, stretch
from bot.domain.joins import JoinFormat, Trimmed

_SOONEST_SHARE = 0.25
"""A phrase end in the first quarter of what the model takes is worth the loss of what is before it."""
# Demuxer: the muxer that keeps its packets. FLAC declares its length in its packets' head, and sounds the same anew.
_MUXERS = {
    "aac": "adts",
    "matroska,webm": "webm",
    "mov,mp4,m4a,3gp,3g2,mj2": "ipod",
    "mp3": "mp3",
    "ogg": "ogg",
    "wav": "wav",
}


def trim(file_descriptor: int, to: int, *, until_seconds: float, at_most_seconds: float, limits: Limits) -> Trimmed:
    """Write the part before `until_seconds` of one open file into another, `to`.

    Raises:
        Unusable: it cannot be decoded, ends too early, or costs too much.
    """
    heard = Heard()
    begin, end = _bounds(file_descriptor, until_seconds, at_most_seconds, limits, heard)
    os.lseek(file_descriptor, 0, os.SEEK_SET)
    with opened(file_descriptor) as source:
        # Packets are chosen by the file's clock, and moments are counted in samples.
        muxer = _MUXERS.get(source.format.name) if heard.keeps_time else None
        copied = _copied(source, to, muxer, begin, end) if muxer else None
    if copied is not None:
        return copied
    kind = common_kind([file_descriptor]).of("flt")
    first, last = round(begin * kind.rate), round(end * kind.rate)
    os.lseek(to, 0, os.SEEK_SET)
    os.ftruncate(to, 0)
    blocks = stretch(file_descriptor, kind, limits, first, last)
    kept = JoinFormat.FLAC if source.format.name == "flac" else JoinFormat.MP3
    length = encode(blocks, kind, to, audio_format=kept, tags=WrittenTags())
    return Trimmed(began_at=first / kind.rate, length_seconds=length, is_copied=False)


def _bounds(
    file_descriptor: int, until_seconds: float, at_most_seconds: float, limits: Limits, heard: Heard
) -> tuple[float, float]:
    """From where to where: from the first phrase end after which what is left is short enough, if there is one soon."""
    curves = curves_of(file_descriptor, limits, until_seconds, heard=heard)
    end = min(until_seconds, curves.length_seconds)
    soonest = end - at_most_seconds
    if soonest <= 0:
        return 0.0, end
    latest = soonest + at_most_seconds * _SOONEST_SHARE
    ends = [seconds for seconds in phrase_ends_of(curves) if soonest <= seconds <= latest]
    return (min(ends) if ends else soonest), end


def _copied(source: InputContainer, to: int, muxer: str, begin: float, end: float) -> Trimmed | None:
    """The packets between two moments, in a container of the same kind; None if they cannot be copied."""
    stream = sound_track(source)
    first: float | None = None
    until = 0.0
    try:
        with io.FileIO(to, "w", closefd=False) as file, av.open(file, "w", format=muxer) as output:
            copy = output.add_stream_from_template(stream)
            if not isinstance(copy, AudioStream):
                return None
            for packet, at, length in _packets(source, stream):
                if at < begin - 1e-6:
                    continue
                if at + length > end + 1e-6:
                    break
                if first is None:
                    first = at
                until = at + length
                offset = round(first / float(packet.time_base))
                packet.pts = None if packet.pts is None else packet.pts - offset
                packet.dts = packet.pts
                packet.stream = copy
                output.mux(packet)
    except (av.FFmpegError, ValueError):
        return None
    if first is None:
        raise Unusable(Problem.EMPTY, "nothing before the moment")
    return Trimmed(began_at=first, length_seconds=until - first, is_copied=True)


def _packets(source: InputContainer, stream: AudioStream) -> "Iterator[tuple[Packet[AudioStream], float, float]]":
    """The packets with sound, when each begins, in seconds after the first one, and how long it is."""
    start: float | None = None
    for packet in source.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        base = float(packet.time_base)
        at = packet.pts * base
        start = at if start is None else start
        yield packet, at - start, (packet.duration or 0) * base
