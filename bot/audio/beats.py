"""The beat of a few seconds of music, and by how much two beats are apart. Pure.

Beats are found in the onsets: how fast the differences between neighbouring samples grow, every 4 ms.
"""

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from bot.audio.samples import WIDTH, differences, level

_STEP_SECONDS = 0.004
_SHORTEST, _LONGEST = 0.28, 1.0  # seconds from beat to beat: 214 to 60 a minute
_PERIODIC = 0.35  # how like itself a beat later the music is, at least, from 0 to 1
_AS_LIKE = 0.85
_ONSET, _CREST = 0.25, 3.0  # a beat grows at least so much (a logarithm), and stands out so many times
_CLEAR = 0.5  # how alike the two sides' beats are, at least, from 0 to 1
_SAME_TEMPO = 0.02
_BEHIND, _SHORT = 3, 4  # see `_onsets`
_FLOOR = 16.0  # added to levels, so that silence has a logarithm and noise has no onsets


class Beat(NamedTuple):
    """`period` from beat to beat, in steps of `step_seconds`; `onsets`, one a step."""

    period: float
    step_seconds: float
    onsets: list[float]

    @property
    def seconds(self) -> float:
        return self.period * self.step_seconds


def step_samples(rate: int) -> int:
    return round(_STEP_SECONDS * rate)


def beat_of(samples: bytes, rate: int) -> Beat | None:
    """The beat of some seconds of mono 16-bit samples, whole steps of them; None if no beat is clear."""
    onsets = _onsets(samples, rate)
    lags = range(round(_SHORTEST / _STEP_SECONDS), round(_LONGEST / _STEP_SECONDS) + 1)
    if len(onsets) < 3 * lags[-1]:
        return None
    whole = sum(map(mul, onsets, onsets))
    if max(onsets) < max(_ONSET, _CREST * math.sqrt(whole / len(onsets))):
        return None
    likeness = {lag: _at_lag(onsets, lag, whole) for lag in lags}
    most = max(likeness.values())
    if most < _PERIODIC:
        return None
    # The music is as like itself two beats later.
    lag = next(lag for lag in lags if likeness[lag] >= _AS_LIKE * most)
    lag = max(range(lag, min(lag + 8, lags[-1]) + 1), key=likeness.__getitem__)
    return Beat(_refined(onsets, lag, whole), step_samples(rate) / rate, onsets)


def offset(first: Beat | None, second: Beat | None) -> float | None:
    """How many seconds later `second`, which follows at once, has to begin to continue the beat of `first`.

    At most half a beat either way; None if the two have no common beat.
    """
    if first is None or second is None:
        return None
    period, step_seconds = _common(first.period, second.period), first.step_seconds
    if period is None:
        return None
    bins = round(period)
    # The first side is counted back from its end, so that both are folded at the same moment, the seam. An onset is
    # that of the step `_BEHIND` later; `_SHORT` steps have none.
    before = _folded(first.onsets, period, bins, start=_BEHIND - _SHORT - len(first.onsets))
    after = _folded(second.onsets, period, bins, start=_BEHIND)
    norm = math.sqrt(sum(map(mul, before, before)) * sum(map(mul, after, after)))
    if not norm:
        return None
    scores = [sum(map(mul, before, after[-shift:] + after[:-shift])) / norm for shift in range(bins)]
    best = max(range(bins), key=scores.__getitem__)
    if scores[best] < _CLEAR:
        return None
    place = best + _peak(scores[best - 1], scores[best], scores[(best + 1) % bins])
    later = place * period / bins
    return (later - period if later > period / 2 else later) * step_seconds


def _common(first: float, second: float) -> float | None:
    """The period of both. One of them may be twice as long, because music is often more like itself two beats later."""
    for one, other in ((first, second), (first / 2, second), (first, second / 2)):
        if abs(one - other) <= _SAME_TEMPO * one:
            return (one + other) / 2
    return None


def _onsets(samples: bytes, rate: int) -> list[float]:
    """How much faster the edges are than 8 ms before, where they are; smoothed over three steps; without their mean."""
    size = step_samples(rate) * WIDTH
    steps = differences(samples)
    edges = [math.log(level(steps[at : at + size]) + _FLOOR) for at in range(0, len(steps) - size + 1, size)]
    rises = [max(0.0, now - before) for before, now in zip(edges, edges[2:], strict=False)]
    smooth = [(a + 2 * b + c) / 4 for a, b, c in zip(rises, rises[1:], rises[2:], strict=False)]
    mean = sum(smooth) / len(smooth) if smooth else 0.0
    return [rise - mean for rise in smooth]


def _at_lag(onsets: Sequence[float], lag: int, whole: float) -> float:
    shared = len(onsets) - lag
    return float(sum(map(mul, onsets, onsets[lag:]))) / whole * len(onsets) / shared


def _refined(onsets: Sequence[float], lag: int, whole: float) -> float:
    """The period in fractions of a step, from the longest multiple that the music still repeats."""
    period = float(lag)
    for times in (1, 2, 4, 8):
        near = round(period * times)
        if near + 2 > len(onsets) // 2:
            break
        around = {at: _at_lag(onsets, at, whole) for at in range(near - 3, near + 4)}
        best = max(range(near - 2, near + 3), key=around.__getitem__)
        if around[best] < _PERIODIC / 2:
            break
        period = (best + _peak(around[best - 1], around[best], around[best + 1])) / times
    return period


def _peak(left: float, middle: float, right: float) -> float:
    """Where a parabola through three neighbours is highest, beside the middle one: -0.5 to 0.5."""
    curve = left - 2 * middle + right
    return max(-0.5, min(0.5, (left - right) / (2 * curve))) if curve < 0 else 0.0


def _folded(onsets: Sequence[float], period: float, bins: int, *, start: int) -> list[float]:
    """The onsets of all beats, one on the other; bin 0 is where step 0 of the count from `start` falls."""
    folded = [0.0] * bins
    for number, onset in enumerate(onsets, start=start):
        folded[int(number % period / period * bins) % bins] += onset
    return folded
