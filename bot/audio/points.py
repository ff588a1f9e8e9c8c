"""Where phrases end, and which parts are loud or quiet. Pure: curves in, times out.

A phrase ends in a dip of the smoothed level, after which something begins within a third of a second; or in a silence.
"""

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate

from bot.audio.curves import COLUMN_SECONDS, Curves
from bot.audio.samples import SILENCE
from bot.domain.outlines import POINTS_MAX, Level, Part

APART_SECONDS = 4.0
"""Points are at least this far from each other."""
LAST_SECONDS = 1.0
"""No point is as near as this to the end, because nothing could be cut off there, nor to the beginning."""
ONSET_WITHIN_SECONDS = 0.35

_SMOOTH_SECONDS = 0.2
_PHRASE_SECONDS = 2.0  # the level of the phrase that ends is that of its last two seconds
_DIP_DECIBELS = 3.0
_ONSET_DECIBELS = 4.0
_DIP_MOST, _ONSET_MOST = 30.0, 20.0  # more than this makes an end no clearer
_FLOOR = 1.0  # added to powers, so that silence has a logarithm


def _columns(seconds: float) -> int:
    return max(1, round(seconds / COLUMN_SECONDS))


def _decibels(power: float, beside: float) -> float:
    return 10 * math.log10((power + _FLOOR) / (beside + _FLOOR))


class _Powers:
    """Mean powers of any stretch of a curve, each in constant time."""

    def __init__(self, curve: Sequence[int]) -> None:
        self._sums = [0, *accumulate(value * value for value in curve)]
        self._last = len(self._sums) - 1

    def mean(self, begin: int, end: int) -> float:
        begin, end = max(0, begin), min(end, self._last)
        return (self._sums[end] - self._sums[begin]) / (end - begin) if end > begin else 0.0

    def smoothed(self, columns: int) -> list[float]:
        """The mean over `columns` around each column."""
        half, sums, last = columns // 2, self._sums, self._last
        return [
            (sums[end] - sums[begin]) / (end - begin)
            for begin, end in ((max(0, at - half), min(last, at + half + 1)) for at in range(last))
        ]


def points_of(curves: Curves) -> tuple[float, ...]:
    """The clearest phrase ends, at most `POINTS_MAX`, in seconds, sorted; empty if there are none."""
    return _clearest(curves, POINTS_MAX)


def phrase_ends_of(curves: Curves) -> tuple[float, ...]:
    """All phrase ends that are far enough apart, in seconds, sorted."""
    return _clearest(curves, len(curves.level))


def _clearest(curves: Curves, most: int) -> tuple[float, ...]:
    chosen: list[float] = []
    for _, seconds in sorted(_phrase_ends(curves), reverse=True):
        at = bisect(chosen, seconds)
        if all(abs(seconds - near) >= APART_SECONDS for near in chosen[max(0, at - 1) : at + 1]):
            chosen.insert(at, seconds)
        if len(chosen) == most:
            break
    return tuple(round(seconds, 2) for seconds in chosen)


def _phrase_ends(curves: Curves) -> Iterator[tuple[float, float]]:
    """Every phrase end: how clear it is, in decibels, and where it is, in seconds."""
    levels, edges = _Powers(curves.level), _Powers(curves.edge)
    smooth = levels.smoothed(_columns(_SMOOTH_SECONDS))
    phrase = _columns(_PHRASE_SECONDS)
    for at in _valleys(smooth, _columns(ONSET_WITHIN_SECONDS)):
        depth = _decibels(levels.mean(at - phrase, at - 4), smooth[at])
        if depth < _DIP_DECIBELS:
            continue
        onset, strength = _onset_after(at, levels, edges)
        if strength >= _ONSET_DECIBELS:
            seconds = onset * COLUMN_SECONDS
        elif smooth[at] < SILENCE**2:
            seconds = _silent_from(at, curves.level) * COLUMN_SECONDS
        else:
            continue
        if LAST_SECONDS < seconds < curves.length_seconds - LAST_SECONDS:
            yield min(depth, _DIP_MOST) + min(strength, _ONSET_MOST), seconds


def _valleys(smooth: Sequence[float], reach: int) -> Iterator[int]:
    """The columns below everything within `reach` on either side; of a flat bottom, the last one."""
    at = 0
    while at < len(smooth):
        window = smooth[at : at + reach]
        low = min(window)
        place = at + len(window) - 1 - window[::-1].index(low)
        if low <= min(smooth[max(0, place - reach) : place + reach + 1]):
            yield place
        at += reach


def _onset_after(at: int, levels: _Powers, edges: _Powers) -> tuple[int, float]:
    """The clearest beginning within `ONSET_WITHIN_SECONDS` after a column: its column, and by how much it is louder."""
    best, clearest = at, 1.0
    for column in range(at, at + _columns(ONSET_WITHIN_SECONDS)):
        louder = (levels.mean(column, column + 3) + _FLOOR) / (levels.mean(column - 4, column) + _FLOOR)
        brighter = (edges.mean(column, column + 3) + _FLOOR) / (edges.mean(column - 4, column) + _FLOOR)
        if louder * brighter > clearest:
            best, clearest = column, louder * brighter
    return best, 5 * math.log10(clearest)  # the mean of both, in decibels


def _silent_from(at: int, level: Sequence[int]) -> int:
    while at > 0 and level[at - 1] < SILENCE:
        at -= 1
    return at


_PART_SECONDS = 1.0
_PART_MIN_SECONDS = 3.0
_LOUD_DECIBELS, _QUIET_DECIBELS = 1.5, -6.0  # beside the piece's mean power


def parts_of(curves: Curves) -> tuple[Part, ...]:
    """The piece in stretches of about the same level, each a few seconds long at least, unless the piece is shorter."""
    powers, step = _Powers(curves.level), _columns(_PART_SECONDS)
    mean = powers.mean(0, len(curves.level))
    levels = [
        _level_of(powers.mean(at - step, at + 2 * step), mean) for at in range(0, max(1, len(curves.level)), step)
    ]
    stretches: list[tuple[int, Level]] = []  # where each begins, in steps
    for number, level in enumerate(levels):
        if stretches and number - stretches[-1][0] < _PART_MIN_SECONDS / _PART_SECONDS:
            continue
        if not stretches or level is not stretches[-1][1]:
            stretches.append((number, level))
    begins = [begin * step * COLUMN_SECONDS for begin, _ in stretches]
    ends = [*begins[1:], curves.length_seconds]
    return tuple(
        Part(begins_at=round(begin, 2), ends_at=round(end, 2), level=level)
        for (_, level), begin, end in zip(stretches, begins, ends, strict=True)
    )


def _level_of(power: float, mean: float) -> Level:
    if power < SILENCE**2:
        return Level.SILENT
    beside = _decibels(power, mean)
    if beside >= _LOUD_DECIBELS:
        return Level.LOUD
    return Level.QUIET if beside <= _QUIET_DECIBELS else Level.MIDDLE
