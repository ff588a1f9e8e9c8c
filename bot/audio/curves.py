"""A piece as curves: what its picture shows and what its points are found by. Pure.

The samples are cut into columns of about 12 ms and measured by `audioop`, whose loops are in C: a tenth of the time that
FFmpeg's `astats` takes (docs/decisions/0037-pictures-and-joins.md).
"""

import warnings
from array import array
from dataclasses import dataclass, field

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # up to Python 3.12; after that, the package audioop-lts has it
    import audioop

SAMPLE_RATE = 44100
COLUMN_SAMPLES = 512
COLUMN_SECONDS = COLUMN_SAMPLES / SAMPLE_RATE
BLOCK_SAMPLES = 64 * COLUMN_SAMPLES
_WIDTH = 2  # bytes of a sample
_LARGEST = 32767
FULL_SCALE = 32768


@dataclass(slots=True)
class Curves:
    """One entry a column of `COLUMN_SECONDS`, about 86 a second: eight bytes each, 2.5 MB an hour.

    `lowest` and `highest`: the extremes of its samples, for drawing; `level`: their root mean square; `edge`: that of
    the differences between neighbours, so it follows the bright sounds with which notes and beats begin. All in 16-bit
    samples of the mono mix.
    """

    lowest: "array[int]" = field(default_factory=lambda: array("h"))
    highest: "array[int]" = field(default_factory=lambda: array("h"))
    level: "array[int]" = field(default_factory=lambda: array("H"))
    edge: "array[int]" = field(default_factory=lambda: array("H"))
    length_seconds: float = 0.0

    def add(self, samples: bytes) -> None:
        """Measure a block of mono 16-bit samples at `SAMPLE_RATE`. All but the last have whole columns."""
        differences = _differences(samples)
        size = COLUMN_SAMPLES * _WIDTH
        for at in range(0, len(samples), size):
            column = samples[at : at + size]
            low, high = audioop.minmax(column, _WIDTH)
            self.lowest.append(low)
            self.highest.append(high)
            self.level.append(audioop.rms(column, _WIDTH))
            self.edge.append(min(2 * audioop.rms(differences[at : at + size], _WIDTH), _LARGEST))


def _differences(samples: bytes) -> bytes:
    """Half of the difference between each sample and the one before, so that the largest one fits into 16 bits."""
    ahead = audioop.mul(samples, _WIDTH, 0.5)
    behind = audioop.mul(samples[:_WIDTH] + samples[:-_WIDTH], _WIDTH, -0.5)
    return audioop.add(ahead, behind, _WIDTH)
