"""A piece as curves: what its picture shows and what its points are found by. Pure.

The samples are cut into columns of about 12 ms. Measuring them takes a fifth of the time that FFmpeg's `astats` takes
(docs/decisions/0037-pictures-and-joins.md).
"""

from array import array
from dataclasses import dataclass, field

from bot.audio.samples import WIDTH, differences, extremes, level

SAMPLE_RATE = 44100
COLUMN_SAMPLES = 512
COLUMN_SECONDS = COLUMN_SAMPLES / SAMPLE_RATE
BLOCK_SAMPLES = 64 * COLUMN_SAMPLES


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
        columns = _columns_of(samples)
        both = [extremes(column) for column in columns]
        self.lowest.extend([low for low, _ in both])
        self.highest.extend([high for _, high in both])
        self.level.extend([level(column) for column in columns])
        self.edge.extend([level(steps) for steps in _columns_of(differences(samples))])


def _columns_of(samples: bytes) -> list[bytes]:
    size = COLUMN_SAMPLES * WIDTH
    return [samples[at : at + size] for at in range(0, len(samples), size)]
