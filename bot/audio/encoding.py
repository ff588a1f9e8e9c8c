"""Samples into a file: mp3, WAV or FLAC, with tags and a cover. Runs in the audio process."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet, PacketSideData
from av.stream import Disposition

from bot.audio.mixing import through, to_kind
from bot.audio.mp3 import DELAY, FRAME_SAMPLES
from bot.audio.questions import WrittenTags
from bot.audio.stretches import Kind, frames_from
from bot.domain.joins import JoinFormat

COVER_MAX_BYTES = 4_000_000
_LIMITER = ("alimiter", "limit=0.891:level=0:attack=5:release=50:latency=1")  # just below full scale, and in time
_KILOBITS = {"stereo": 192, "mono": 96}
_TEXT_MAX = 200
_COVERS = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png"}


class _Form(NamedTuple):
    muxer: str
    encoder: str
    sample_format: str
    options: dict[str, str]


# LAME's faster choices halve the time; nobody has heard them.
_FORMATS: dict[JoinFormat, _Form] = {
    JoinFormat.MP3: _Form("mp3", "libmp3lame", "s16p", {"compression_level": "7"}),
    JoinFormat.WAV: _Form("wav", "pcm_s16le", "s16", {}),
    JoinFormat.FLAC: _Form("flac", "flac", "s16", {}),
}


def encode(blocks: Iterator[bytes], kind: Kind, to: int, *, audio_format: JoinFormat, tags: WrittenTags) -> float:
    """Encode blocks of samples of `kind` into the open file `to`; returns the length in seconds."""
    samples = 0
    with _written(to, kind, audio_format, tags) as (output, stream):
        for frame in _limited(blocks, kind, _FORMATS[audio_format].sample_format):
            samples += frame.samples
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return samples / kind.rate


def mp3_frames(blocks: Iterator[bytes], kind: Kind) -> Iterator[bytes]:
    """Blocks of samples of `kind` as the frames of an mp3, none of which needs the ones before."""
    form = _FORMATS[JoinFormat.MP3]
    encoder = CodecContext.create(form.encoder, "w")
    if not isinstance(encoder, AudioCodecContext):
        raise TypeError(encoder)
    encoder.sample_rate, encoder.layout, encoder.format = kind.rate, kind.layout, form.sample_format
    encoder.bit_rate = _KILOBITS[kind.layout] * 1000
    encoder.options = {**form.options, "reservoir": "0"}
    for frame in _limited(blocks, kind, form.sample_format):
        yield from map(bytes, encoder.encode(frame))
    yield from map(bytes, encoder.encode(None))


def write_mp3(frames: Iterator[bytes], kind: Kind, to: int, *, tags: WrittenTags) -> float:
    """Write the frames of an mp3 into the open file `to`; returns the length in seconds."""
    number = -1
    with _written(to, kind, JoinFormat.MP3, tags) as (output, stream):
        silence = next(_limited(iter([bytes(FRAME_SAMPLES * kind.bytes_each)]), kind, "s16p"))
        delay = PacketSideData.from_packet([*stream.encode(silence), *stream.encode(None)][0], "skip_samples")
        for number, frame in enumerate(frames):
            packet = Packet(frame)
            if not number:
                delay.to_packet(packet)  # how much players leave out, which goes into the file's head
            packet.stream, packet.time_base = stream, Fraction(1, kind.rate)
            packet.pts = packet.dts = number * FRAME_SAMPLES
            packet.duration = FRAME_SAMPLES
            output.mux(packet)
    return ((number + 1) * FRAME_SAMPLES - DELAY) / kind.rate


@contextmanager
def _written(
    to: int, kind: Kind, audio_format: JoinFormat, tags: WrittenTags
) -> Iterator[tuple[OutputContainer, AudioStream]]:
    """The open file as a container with its tags, cover and stream, to which frames are still to be written."""
    form = _FORMATS[audio_format]
    with io.FileIO(to, "w", closefd=False) as file, av.open(file, "w", format=form.muxer) as output:
        for name, words in (("title", tags.title), ("artist", tags.artist)):
            if shown := one_line(words)[:_TEXT_MAX]:
                output.metadata[name] = shown
        stream = output.add_stream(form.encoder, rate=kind.rate, layout=kind.layout, options=form.options)
        if not isinstance(stream, AudioStream):
            raise TypeError(stream)
        if audio_format is JoinFormat.MP3:
            stream.bit_rate = _KILOBITS[kind.layout] * 1000
        if tags.cover is not None and audio_format is not JoinFormat.WAV:
            _add_cover(output, _cover(tags.cover))
        yield output, stream


def _limited(blocks: Iterator[bytes], kind: Kind, sample_format: str) -> Iterator[AudioFrame]:
    whole_frames = ("asetnsamples", f"{FRAME_SAMPLES}:p=0")
    converted = to_kind(sample_format, kind.layout, kind.rate)
    for frame in through(frames_from(blocks, kind), _LIMITER, converted, whole_frames):
        frame.pts = None
        yield frame


def one_line(words: str) -> str:
    """Words from outside for a tag, which players show as they are: without line ends, controls and signs that turn the
    direction of writing.
    """
    return " ".join("".join(each if each.isprintable() else " " for each in words).split())


def _cover(descriptor: int) -> bytes:
    """The picture's bytes, which nothing here decodes."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with io.FileIO(descriptor, "r", closefd=False) as file:
        return file.read(COVER_MAX_BYTES + 1) or b""


def _add_cover(output: OutputContainer, picture: bytes) -> None:
    """Nothing is added if it is too large, or neither JPEG nor PNG."""
    codec = next((name for begin, name in _COVERS.items() if picture.startswith(begin)), None)
    if codec is None or len(picture) > COVER_MAX_BYTES:
        return
    stream = output.add_mux_stream(codec, width=512, height=512)
    stream.disposition = Disposition.attached_pic
    packet = Packet(picture)
    packet.stream = stream
    output.mux(packet)
