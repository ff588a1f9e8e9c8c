"""Music whose beat, phrases and loudness are known, as 16-bit samples; and what is measured in it."""

import math
import random
import wave
from array import array
from functools import cache
from operator import add
from pathlib import Path

RATE = 44100


def write(path: Path, samples: "array[int]", *, channels: int = 1, rate: int = RATE) -> Path:
    """A WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def read(path: Path) -> "array[int]":
    """The samples of a WAV file with one channel."""
    with wave.open(str(path), "rb") as file:
        samples = array("h")
        samples.frombytes(file.readframes(file.getnframes()))
        assert file.getnchannels() == 1
    return samples


def tone(seconds: float, *, hertz: float = 220.0, loudness: float = 0.2) -> "array[int]":
    """A chord of three sines. `loudness`: of full scale."""
    samples = round(seconds * RATE)
    return (_second(4 * round(hertz / 4), loudness) * math.ceil(seconds))[:samples]


@cache
def _second(hertz: int, loudness: float) -> "array[int]":
    """One second, which begins again where it ends."""
    turns = [math.tau * hertz * factor / RATE for factor in (1.0, 1.25, 1.5)]
    sin, height = math.sin, 32767 * loudness / 3
    return array("h", (int(height * sum(sin(turn * i) for turn in turns)) for i in range(RATE)))


@cache
def _hit() -> "array[int]":
    """A drum: noise and a low tone, gone after a tenth of a second."""
    dice, length = random.Random(7), round(0.1 * RATE)
    return array(
        "h",
        (
            int(12000 * math.exp(-40 * i / RATE) * (0.6 * dice.uniform(-1, 1) + math.sin(math.tau * 80 * i / RATE)))
            for i in range(length)
        ),
    )


def drums(seconds: float, *, every: float = 0.5, first: float = 0.0, hertz: float = 220.0) -> "array[int]":
    """A hit at `first` and `every` so many seconds from then on, over a soft chord."""
    samples, hit, number = tone(seconds, hertz=hertz, loudness=0.05), _hit(), 0
    while (at := round((first + number * every) * RATE)) < len(samples):
        end = min(at + len(hit), len(samples))
        samples[at:end] = array("h", map(add, samples[at:end], hit))
        number += 1
    return samples


def hits(samples: "array[int]") -> list[float]:
    """When each drum is hit, in seconds, to the millisecond: louder than half of the loudest after quieter samples."""
    step = RATE // 1000
    loud = [max(map(abs, samples[at : at + step])) for at in range(0, len(samples), step)]
    limit, found = max(loud) / 2, list[float]()
    for number, height in enumerate(loud):
        seconds = number * step / RATE
        if height > limit and (not found or seconds - found[-1] > 0.12):
            found.append(seconds)
    return found


def phrases(lengths: list[float], *, gap: float = 0.25, loudness: float = 0.3) -> tuple["array[int]", list[float]]:
    """Chords that swell at once and sink slowly, each of so many seconds, with a gap before the next one.

    Also says where each but the last has ended: where the next one begins.
    """
    samples, ends = array("h"), list[float]()
    for number, length in enumerate(lengths):
        samples.extend(_sinking(length, 196 * 2 ** (number % 5 / 12), loudness))
        samples.extend(array("h", bytes(2 * round(gap * RATE))))
        ends.append(len(samples) / RATE)
    return samples, ends[:-1]


@cache
def _sinking(seconds: float, hertz: float, loudness: float) -> "array[int]":
    chord = tone(seconds, hertz=hertz, loudness=loudness)
    total = len(chord)
    return array("h", (int(value * (1 - 0.7 * i / total)) for i, value in enumerate(chord)))


def noise(seconds: float, *, loudness: float = 0.1, seed: int = 0) -> "array[int]":
    dice, height = random.Random(seed), int(32767 * loudness)
    return array("h", dice.choices(range(-height, height + 1), k=round(seconds * RATE)))
