"""Exact stretches of a file's sound, converted to one kind. Runs in the audio process."""

import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.audio.frame import AudioFrame

from bot.audio.hearing import Heard, frames_of, opened, sound_track
from bot.audio.mixing import Filter, packed, through, to_kind
from bot.audio.questions import Limits, Problem, Unusable
from bot.audio.samples import mono
from bot.audio.seams import SLOW_RATE, Excerpt

_FRAME_SAMPLES = 4096
_SAMPLE_BYTES = {"s16": 2, "flt": 4}
_RATES = (48000, 44100, 32000)  # what an mp3 of the best quality can have


@dataclass(frozen=True, slots=True)
class Kind:
    """Interleaved samples: `sample_format` is `s16` or `flt`, `layout` is `mono` or `stereo`, `rate` in Hz."""

    sample_format: str
    layout: str
    rate: int

    @property
    def channels(self) -> int:
        return 2 if self.layout == "stereo" else 1

    @property
    def bytes_each(self) -> int:
        """Of one sample of every channel."""
        return _SAMPLE_BYTES[self.sample_format] * self.channels

    def of(self, sample_format: str) -> "Kind":
        return Kind(sample_format, self.layout, self.rate)


def common_kind(descriptors: Iterable[int]) -> Kind:
    """The rate of the first file, and stereo unless all of them are mono.

    Raises:
        Unusable: one of the files is not audio.
    """
    rates, channels = [], 1
    for descriptor in descriptors:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with opened(descriptor) as container:
            decoder = sound_track(container).codec_context
            rates.append(decoder.sample_rate)
            channels = max(channels, decoder.channels)
    return Kind("s16", "stereo" if channels > 1 else "mono", rates[0] if rates[0] in _RATES else 44100)


def stretch(
    descriptor: int,
    kind: Kind,
    limits: Limits,
    begin: int = 0,
    end: int | None = None,
    *,
    before: tuple[Filter, ...] = (),
    after: tuple[Filter, ...] = (),
    heard: Heard | None = None,
) -> Generator[bytes, None, None]:
    """The samples from `begin` to `end` of the file, counted at `kind.rate`; None: to the end of the file.

    `before` and `after` are further filters on either side of the conversion to `kind`; `heard` is filled in.

    Raises:
        Unusable: nothing can be decoded, or it costs too much.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    heard, at = heard or Heard(), 0
    converted = to_kind(kind.sample_format, kind.layout, kind.rate)
    with opened(descriptor) as container:
        frames = frames_of(container, sound_track(container), limits, heard)
        for frame in through(frames, *before, converted, *after):
            first, last = max(begin - at, 0), frame.samples if end is None else min(end - at, frame.samples)
            if first < last:
                yield bytes(frame.planes[0])[first * kind.bytes_each : last * kind.bytes_each]
            at += frame.samples
            if end is not None and at >= end:
                return
    if heard.is_noise or not heard.samples_at:
        raise Unusable(Problem.NOT_AUDIO, "nothing to decode")


def frames_from(blocks: Iterable[bytes], kind: Kind) -> Iterator[AudioFrame]:
    """Blocks of samples as frames."""
    at = 0
    for block in blocks:
        size = _FRAME_SAMPLES * kind.bytes_each
        for begin in range(0, len(block), size):
            piece = block[begin : begin + size]
            frame = AudioFrame(format=kind.sample_format, layout=kind.layout, samples=len(piece) // kind.bytes_each)
            frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.time_base, frame.pts = kind.rate, Fraction(1, kind.rate), at
            at += frame.samples
            yield frame


def excerpt(samples: bytes, kind: Kind, begin: int) -> Excerpt:
    """Samples of the 16-bit `kind` as an excerpt that begins at the file's sample `begin`."""
    one = mono(samples) if kind.channels > 1 else samples
    frames = frames_from([one], Kind("s16", "mono", kind.rate))
    slow = b"".join(packed(frame) for frame in through(frames, to_kind("s16", "mono", SLOW_RATE)))
    return Excerpt(begin=begin, rate=kind.rate, samples=one, slow=slow)


def loudness(samples: bytes, kind: Kind) -> float | None:
    """The short-term loudness of up to three seconds of samples, in LUFS (EBU Tech 3341); None for silence."""
    loudest = None
    for frame in through(frames_from([samples], kind), ("ebur128", "metadata=1")):
        measured = frame.metadata.get("lavfi.r128.S")
        loudest = float(measured) if measured is not None else loudest
    return loudest if loudest is not None and loudest > -60.0 else None
