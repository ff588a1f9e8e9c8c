"""Small pieces of music, made on the spot: for the stand-ins' answers, the demo and the tests.

Everything is deterministic: the same seed gives the same piece. PyAV is imported only when a file is read or written.
"""

import math
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate, repeat
from operator import add, mul
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.source import AudioFormat

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

SAMPLE_RATE = 24000  # every codec used here takes it, Opus included
_CROSSFADE_SECONDS = 0.25
_FADE_OUT_SECONDS = 0.4
_BREATH_SECONDS = 0.5
_CHUNK_SAMPLES = 4800

# Steps above the tonic in half tones: I-vi-IV-V and its relatives, which go together in any order.
_PROGRESSIONS = (
    ((0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14)),
    ((0, 4, 7), (7, 11, 14), (-3, 0, 4), (5, 9, 12)),
    ((-3, 0, 4), (5, 9, 12), (0, 4, 7), (7, 11, 14)),
    ((0, 4, 7), (5, 9, 12), (-3, 0, 4), (7, 11, 14)),
)
_TONICS = (57, 59, 60, 62, 64)  # MIDI numbers around middle C
_PATTERNS = ((0, 1, 2, 1), (0, 2, 1, 2), (2, 1, 0, 1))
_NOTES_PER_CHORD = 8


@dataclass(frozen=True, slots=True)
class _Recipe:
    """`muxer` and `codec` are FFmpeg's names."""

    muxer: str
    codec: str
    sample_rate: int = SAMPLE_RATE
    layout: str = "mono"
    bit_rate: int | None = None
    film: bool = False


_OPUS = _Recipe("ogg", "libopus", bit_rate=64000)
_RECIPES = MappingProxyType(
    {
        ".mp3": _Recipe("mp3", "libmp3lame", bit_rate=64000),
        ".wav": _Recipe("wav", "pcm_s16le"),
        ".flac": _Recipe("flac", "flac"),
        # FFmpeg's own Vorbis encoder knows two channels only.
        ".ogg": _Recipe("ogg", "vorbis", sample_rate=44100, layout="stereo"),
        ".opus": _OPUS,
        ".m4a": _Recipe("ipod", "aac", bit_rate=64000),
        ".aac": _Recipe("adts", "aac", bit_rate=64000),
        ".webm": _Recipe("webm", "libopus", bit_rate=64000),
        ".mp4": _Recipe("mp4", "aac", bit_rate=64000, film=True),
    }
)


def compose(
    path: Path, *, seconds: float, seed: int = 0, container: AudioFormat | None = None, title: str = ""
) -> None:
    """Write a piece of `seconds` to `path`, as `container`, or as the path's suffix says.

    Suffixes: .mp3 .wav .flac .ogg (Vorbis) .opus .m4a .aac .webm .mp4 (a film: a tiny picture with sound).

    Raises:
        KeyError: no container was given and the suffix is none of these.
    """
    suffix = path.suffix.lower()
    if container is not None and not (container is AudioFormat.OGG and suffix == ".opus"):
        suffix = f".{container}"
    _write(path, _RECIPES[suffix], _piece(seconds, seed), title=title)


def compose_phrases(path: Path, *phrases: tuple[float, float], seed: int = 0, title: str = "") -> None:
    """As `compose`, a piece of phrases, each with its seconds and its loudness (up to 1), and a breath after each."""
    whole = array("h")
    for number, (seconds, loudness) in enumerate(phrases):
        phrase = _piece(seconds - _BREATH_SECONDS, seed + number)
        _fade_out(phrase, round(_FADE_OUT_SECONDS * SAMPLE_RATE))
        whole.extend(array("h", (round(loudness * sample) for sample in phrase)))
        whole.extend(array("h", bytes(2 * round(_BREATH_SECONDS * SAMPLE_RATE))))
    _write(path, _RECIPES[path.suffix.lower()], whole, title=title)


def continue_piece(
    source: Path, to: Path, *, continue_at: float, seconds: float, seed: int, is_alone: bool = False
) -> float:
    """Write an mp3 to `to`: the source up to `continue_at` (seconds), then `seconds` of new music; or that alone.

    Returns its length in seconds. A source that ends earlier is continued from its end. New music that is alone begins
    under the last notes of the source, too.
    """
    fade = round(_CROSSFADE_SECONDS * SAMPLE_RATE)
    at = round(continue_at * SAMPLE_RATE)
    heard = _read(source, at + fade)
    at = min(at, len(heard))
    piece = _piece(seconds, seed)
    _fade_in(piece, fade)
    tail = heard[at : at + min(fade, len(piece))]
    _fade_out(tail, len(tail))
    piece[: len(tail)] = array("h", map(add, piece, tail))
    whole = piece if is_alone else heard[:at] + piece
    _write(to, _RECIPES[".mp3"], whole, title="")
    return len(whole) / SAMPLE_RATE


def silent_mp3_of_size(path: Path, size_bytes: int) -> None:
    """Write a valid, silent mp3 of at least `size_bytes`; 40 kB last a second."""
    # Without bit reservoir and header every frame stands alone, so the same second can be repeated.
    options = {"write_xing": "0", "id3v2_version": "0"}
    recipe = _Recipe("mp3", "libmp3lame", sample_rate=44100, layout="stereo", bit_rate=320_000)
    _write(path, recipe, array("h", bytes(2 * SAMPLE_RATE)), title="", muxer_options=options)
    second = path.read_bytes()
    with path.open("wb") as file:
        for _ in range(math.ceil(size_bytes / len(second))):
            file.write(second)


def _piece(seconds: float, seed: int) -> "array[int]":
    """A slow chord and an arpeggio over it, ending softly; 16-bit samples."""
    choice = random.Random(seed)
    tonic, progression = choice.choice(_TONICS), choice.choice(_PROGRESSIONS)
    pattern, step_seconds = choice.choice(_PATTERNS), choice.choice((0.2, 0.22, 0.25))
    step = round(step_seconds * SAMPLE_RATE)
    swing = choice.randrange(step // 4)  # samples; so fine that no two takes are the same
    chord_length = _NOTES_PER_CHORD * step
    cycle = chord_length * len(progression)
    total = round(seconds * SAMPLE_RATE)
    # Only the first round differs: all later ones start under the last notes of the round before.
    rendered = min(total, 2 * cycle)
    # Room for the notes that still sound at the end; they are cut with it.
    samples = array("h", bytes(2 * (rendered + chord_length + SAMPLE_RATE)))
    for number, start in enumerate(range(0, rendered, chord_length)):
        chord = progression[number % len(progression)]
        _mix(samples, start, _pad(tuple(tonic - 12 + tone for tone in chord), chord_length))
        for beat in range(_NOTES_PER_CHORD):
            tone = chord[pattern[beat % len(pattern)]]
            octave = 12 if beat % 4 == 3 else 0
            late = swing if beat % 2 else 0
            _mix(samples, start + beat * step + late, _pluck(tonic + tone + octave))
    samples = samples[:rendered] + samples[cycle : 2 * cycle] * math.ceil((total - rendered) / cycle)
    del samples[total:]
    _fade_out(samples, min(total, round(_FADE_OUT_SECONDS * SAMPLE_RATE)))
    return samples


def _mix(samples: "array[int]", at: int, note: "array[int]") -> None:
    end = min(at + len(note), len(samples))
    samples[at:end] = array("h", map(add, samples[at:end], note))


def _turns_per_sample(midi_number: int) -> float:
    return float(440.0 * 2.0 ** ((midi_number - 69) / 12) * math.tau / SAMPLE_RATE)


@cache
def _pluck(midi_number: int) -> "array[int]":
    """A plucked string: two overtones, fading away within 0.9 s."""
    turn = _turns_per_sample(midi_number)
    length = round(0.9 * SAMPLE_RATE)
    attack = round(0.005 * SAMPLE_RATE)
    rise = [i / attack for i in range(attack)] + [1.0] * (length - attack)
    loudness = map(mul, rise, accumulate(repeat(math.exp(-4.5 / length), length - 1), mul, initial=5200.0))
    first, second, third = (_sine(overtone * turn, length) for overtone in (1, 2, 3))
    tones = map(add, map(add, first, map((0.4).__mul__, second)), map((0.15).__mul__, third))
    wave = array("h", map(int, map(mul, loudness, tones)))
    _fade_out(wave, attack * 4)
    return wave


@cache
def _pad(midi_numbers: tuple[int, ...], length: int) -> "array[int]":
    """A soft chord that swells and sinks within `length` samples."""
    swell = map((1300.0).__mul__, _sine(math.pi / length, length))
    chord = map(sum, zip(*(_sine(_turns_per_sample(number), length) for number in midi_numbers), strict=True))
    return array("h", map(int, map(mul, swell, chord)))


def _sine(turn: float, length: int) -> Iterator[float]:
    return map(math.sin, map(turn.__mul__, range(length)))


def _fade_in(samples: "array[int]", length: int) -> None:
    length = min(length, len(samples))
    for i in range(length):
        samples[i] = samples[i] * i // length


def _fade_out(samples: "array[int]", length: int) -> None:
    for i in range(1, length + 1):
        samples[-i] = samples[-i] * (i - 1) // length


def _write(
    path: Path,
    recipe: _Recipe,
    samples: "array[int]",
    *,
    title: str,
    muxer_options: dict[str, str] | None = None,
) -> None:
    import av  # noqa: PLC0415  # this module is imported by processes that never write
    from av.audio.stream import AudioStream  # noqa: PLC0415

    with av.open(f"file:{path}", "w", format=recipe.muxer, container_options=muxer_options) as output:
        mp3 = {"reservoir": "0", "compression_level": "9"}  # quick rather than good
        options = {"vorbis": {"strict": "experimental"}, "libmp3lame": mp3}.get(recipe.codec)
        stream = output.add_stream(recipe.codec, rate=recipe.sample_rate, layout=recipe.layout, options=options)
        if not isinstance(stream, AudioStream):
            raise TypeError(stream)
        if recipe.bit_rate:
            stream.bit_rate = recipe.bit_rate
        if title:
            # Ogg keeps titles with the stream, the others with the file.
            (stream if recipe.muxer == "ogg" else output).metadata["title"] = title
        if recipe.film:
            _add_pictures(output, len(samples) / SAMPLE_RATE)
        _add_sound(output, stream, samples)


def _add_sound(output: "OutputContainer", stream: "AudioStream", samples: "array[int]") -> None:
    from av import AudioFrame  # noqa: PLC0415

    for at in range(0, len(samples), _CHUNK_SAMPLES):
        chunk = samples[at : at + _CHUNK_SAMPLES]
        frame = AudioFrame(format="s16", layout="mono", samples=len(chunk))
        plane = frame.planes[0]
        plane.update(chunk.tobytes().ljust(plane.buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, Fraction(1, SAMPLE_RATE)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _add_pictures(output: "OutputContainer", seconds: float) -> None:
    """One grey picture a second, lighter each time."""
    from av import VideoFrame  # noqa: PLC0415

    stream = output.add_stream("mpeg4", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    for second in range(math.ceil(seconds)):
        frame = VideoFrame(64, 64, "yuv420p")
        for plane, shade in zip(frame.planes, (40 + second % 180, 128, 128), strict=True):
            plane.update(bytes([shade]) * plane.buffer_size)
        frame.pts, frame.time_base = second, Fraction(1)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _read(path: Path, samples_max: int) -> "array[int]":
    """The file's sound, at most its first `samples_max` samples."""
    import av  # noqa: PLC0415

    samples = array("h")
    with av.open(f"file:{path}", "r") as source:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for frame in source.decode(source.streams.audio[0]):
            for piece in resampler.resample(frame):
                samples.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
            if len(samples) >= samples_max:
                break
    return samples[:samples_max]
