"""Samples into a file: mp3, WAV or FLAC, with tags and a cover. Runs in the audio process."""

import io
import os
from collections.abc import Iterator

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition

from bot.audio.mixing import through, to_kind
from bot.audio.questions import WrittenTags
from bot.audio.stretches import Kind, frames_from
from bot.domain.joins import JoinFormat

COVER_MAX_BYTES = 4_000_000
_LIMITER = ("alimiter", "limit=0.891:level=0:attack=5:release=50:latency=1")  # just below full scale, and in time
_FRAME_SAMPLES = 1152
_KILOBITS = {"stereo": 192, "mono": 96}
_TEXT_MAX = 200
_COVERS = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png"}
# The muxer, the encoder, what it takes, and its options. LAME's faster choices halve the time; nobody has heard them.
_FORMATS: dict[JoinFormat, tuple[str, str, str, dict[str, str]]] = {
    JoinFormat.MP3: ("mp3", "libmp3lame", "s16p", {"compression_level": "7"}),
    JoinFormat.WAV: ("wav", "pcm_s16le", "s16", {}),
    JoinFormat.FLAC: ("flac", "flac", "s16", {}),
}


def encode(blocks: Iterator[bytes], kind: Kind, to: int, *, audio_format: JoinFormat, tags: WrittenTags) -> float:
    """Encode blocks of samples of `kind` into the open file `to`; returns the length in seconds."""
    muxer, encoder, sample_format, options = _FORMATS[audio_format]
    samples = 0
    with io.FileIO(to, "w", closefd=False) as file, av.open(file, "w", format=muxer) as output:
        for name, words in (("title", tags.title), ("artist", tags.artist)):
            if shown := one_line(words)[:_TEXT_MAX]:
                output.metadata[name] = shown
        stream = output.add_stream(encoder, rate=kind.rate, layout=kind.layout, options=options)
        if not isinstance(stream, AudioStream):
            raise TypeError(stream)
        if audio_format is JoinFormat.MP3:
            stream.bit_rate = _KILOBITS[kind.layout] * 1000
        if tags.cover is not None and audio_format is not JoinFormat.WAV:
            _add_cover(output, _cover(tags.cover))
        whole_frames = ("asetnsamples", f"{_FRAME_SAMPLES}:p=0")
        converted = to_kind(sample_format, kind.layout, kind.rate)
        for frame in through(frames_from(blocks, kind), _LIMITER, converted, whole_frames):
            samples += frame.samples
            frame.pts = None
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return samples / kind.rate


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
