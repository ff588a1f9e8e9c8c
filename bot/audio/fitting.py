"""Make a file small enough to post. Runs in the audio process."""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream

from bot.audio.encoding import one_line
from bot.audio.hearing import Heard, frames_of, hear, opened, readable, sound_track
from bot.audio.questions import Limits, Problem, Unusable


@dataclass(frozen=True, slots=True)
class Quality:
    kilobits: int  # per second
    layout: str


# Best first. Two channels below 64 kb/s sound worse than one; below 32 kb/s music is no longer acceptable.
QUALITIES = (
    *(Quality(kilobits, "stereo") for kilobits in (256, 224, 192, 160, 128, 112, 96, 80, 64)),
    *(Quality(kilobits, "mono") for kilobits in (56, 48, 40, 32)),
)
_SAMPLE_RATES = (48000, 44100, 32000)  # MPEG-1, where every bit rate above exists
_FRAME_SAMPLES = 1152
_TITLE_MAX = 200
_TAG_BYTES = 2048  # ID3 with the title, and the Info frame


def fit(file_descriptor: int, to: int, *, limit_bytes: int, limits: Limits) -> bool:
    """Encode one open file into another, `to`, as the best mp3 within `limit_bytes`; False if none is small enough.

    Raises:
        Unusable: it cannot be decoded, or would cost too much.
    """
    with opened(file_descriptor) as container:
        heard = hear(container, sound_track(container), limits)
    if heard.is_noise or not heard.samples_at:
        raise Unusable(Problem.NOT_AUDIO, "nothing to encode")
    rate = heard.sample_rate if heard.sample_rate in _SAMPLE_RATES else 44100
    for quality in qualities_within(limit_bytes, seconds=heard.seconds, sample_rate=rate, channels=heard.channels):
        for descriptor in (file_descriptor, to):
            os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(to, 0)
        _encode(file_descriptor, to, quality=quality, sample_rate=rate, limits=limits)
        if os.fstat(to).st_size <= limit_bytes:
            return True
    return False


def qualities_within(limit_bytes: int, *, seconds: float, sample_rate: int, channels: int) -> Iterator[Quality]:
    """The qualities that fit into `limit_bytes`, best first. At a constant bit rate the size is known in advance.

    Mono stays mono.
    """
    frames = math.ceil(seconds * sample_rate / _FRAME_SAMPLES) + 2
    for quality in QUALITIES:
        frame_bytes = _FRAME_SAMPLES // 8 * quality.kilobits * 1000 / sample_rate
        if math.ceil(frames * frame_bytes) + _TAG_BYTES <= limit_bytes:
            yield quality if channels > 1 else Quality(quality.kilobits, "mono")


def _encode(file_descriptor: int, to: int, *, quality: Quality, sample_rate: int, limits: Limits) -> None:
    with (
        opened(file_descriptor) as source,
        io.FileIO(to, "w", closefd=False) as file,  # PyAV 18 cannot write to "fd:"
        av.open(file, "w", format="mp3") as output,
    ):
        if title := one_line(readable(source.metadata.get("title", "")))[:_TITLE_MAX]:
            output.metadata["title"] = title
        stream = output.add_stream("libmp3lame", rate=sample_rate, layout=quality.layout)
        if not isinstance(stream, AudioStream):
            raise TypeError(stream)
        stream.bit_rate = quality.kilobits * 1000
        for frame in frames_of(source, sound_track(source), limits, Heard()):
            frame.pts = None  # gaps in the source's clock are not filled
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
