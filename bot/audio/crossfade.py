"""One sound fading into another. Pure."""

from array import array
from collections.abc import Sequence

from bot.audio.stretches import Kind

_RISE_SECONDS = 0.006  # quick enough for a drum, and too slow for a click
_EDGE_SECONDS = 0.01
_BEAT = 2.0  # how much louder the beginning is, at least, if it is one


def crossfaded(before: bytes, after: bytes, kind: Kind) -> bytes:
    """Two blocks of interleaved floats of the same length, one fading into the other.

    The two shares add up to one, so no sample is further from the next than in the louder of the two. A beat at the
    very beginning of the second block rises at once, to be heard whole.
    """
    old, new, mixed = array("f", before), array("f", after), array("f", before)
    channels, steps = kind.channels, len(old) // kind.channels
    rise = _RISE_SECONDS * kind.rate if _begins_with_a_beat(new, kind) else steps
    for step in range(steps):
        falls, rises = 1 - (step + 0.5) / steps, min(1.0, (step + 0.5) / rise)
        for at in range(step * channels, (step + 1) * channels):
            mixed[at] = falls * old[at] + rises * new[at]
    return mixed.tobytes()


def _begins_with_a_beat(samples: Sequence[float], kind: Kind) -> bool:
    edge = round(_EDGE_SECONDS * kind.rate) * kind.channels
    first, last = (sum(value * value for value in part) for part in (samples[:edge], samples[-edge:]))
    return first > _BEAT * _BEAT * last
