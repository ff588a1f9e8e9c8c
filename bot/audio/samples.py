"""Blocks of 16-bit samples: how loud they are, and how alike. Pure; the loops are those of `audioop`, in C."""

import math
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # up to Python 3.12; after that, discord.py brings audioop-lts
    import audioop

WIDTH = 2
"""Bytes of a sample."""
FULL_SCALE = 32768
_INVERTED = bytes(255 - value for value in range(256))
SILENCE = 33
"""A root mean square below this is silence: -60 dB."""


def level(samples: bytes) -> int:
    """The root mean square."""
    return audioop.rms(samples, WIDTH)


def extremes(samples: bytes) -> tuple[int, int]:
    return audioop.minmax(samples, WIDTH)


def differences(samples: bytes) -> bytes:
    """The difference between each sample and the one before, as far as it fits into 16 bits; one less, to be quick."""
    before = samples[:WIDTH] + samples[:-WIDTH]
    return audioop.add(samples, before.translate(_INVERTED), WIDTH)  # -1 - x is the inverted x


def mono(stereo: bytes) -> bytes:
    return audioop.tomono(stereo, WIDTH, 0.5, 0.5)


def likeness(one: bytes, other: bytes) -> float:
    """The correlation of two blocks of the same length, from -1 to 1; 0 if either is silent."""
    if not one or len(one) != len(other) or level(one) < SILENCE or level(other) < SILENCE:
        return 0.0
    there, back = audioop.findfactor(one, other), audioop.findfactor(other, one)
    return math.copysign(math.sqrt(abs(there * back)), there)


def best_place(sought: bytes, within: bytes) -> tuple[int, float]:
    """Where a part of `within` is most like `sought`: the sample at which it begins, and how alike they are."""
    if not sought or len(within) < len(sought) or level(sought) < SILENCE:
        return 0, 0.0
    place, _ = audioop.findfit(within, sought)
    return place, likeness(within[place * WIDTH : place * WIDTH + len(sought)], sought)
