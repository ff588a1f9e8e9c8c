"""A piece as a picture: its waveform over a time axis, in SVG. Pure: curves and an outline in, text out.

The picture brings its own dark background, so it looks the same in Discord's light and dark themes. Texts are digits
alone, drawn as outlines: nothing to translate, and no font to load in a process that can open no file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.audio.curves import COLUMN_SECONDS, Curves
from bot.audio.lettering import lettering
from bot.audio.samples import FULL_SCALE
from bot.domain.outlines import MAGNIFIED_SECONDS, Level, Outline, Part
from bot.domain.times import clock

WIDTH = 1200
_MARGIN = 28
_WAVE_HEIGHT = 200
_AXIS_HEIGHT = 44
_ROW_HEIGHT = 40  # of numbered points
_GAP = 30
_PIXEL = 2  # of one waveform column
_LABEL_PIXELS = 120  # a tick's time, with room around it
_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)

_BACKGROUND, _PANEL = "#1b1d27", "#262936"
_AXIS, _TEXT = "#8d93a8", "#d5d9e6"
_POINT, _ON_POINT = "#ffd166", "#1b1d27"
_SEAM = "#ff7b8a"
_COLOURS = {Level.LOUD: "#8fc1ff", Level.MIDDLE: "#5b8fe0", Level.QUIET: "#4468a8", Level.SILENT: "#4468a8"}
_CONTINUED = {Level.LOUD: "#8ff0b6", Level.MIDDLE: "#4fc286", Level.QUIET: "#3a8a62", Level.SILENT: "#3a8a62"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A stretch of the piece, in seconds, on a panel whose upper edge is at `top`, in pixels. `rows`: of points."""

    begin: float
    end: float
    top: int
    rows: int

    @property
    def wave_top(self) -> int:
        return self.top + self.rows * _ROW_HEIGHT

    @property
    def middle(self) -> float:
        return self.wave_top + _WAVE_HEIGHT / 2

    @property
    def wave_end(self) -> int:
        return self.wave_top + _WAVE_HEIGHT

    @property
    def bottom(self) -> int:
        return self.wave_end + _AXIS_HEIGHT

    def x(self, seconds: float) -> float:
        return _MARGIN + (seconds - self.begin) / (self.end - self.begin) * (WIDTH - 2 * _MARGIN)

    def shows(self, seconds: float) -> bool:
        return self.begin <= seconds <= self.end


def svg_of(curves: Curves, outline: Outline) -> str:
    """The picture as SVG, `WIDTH` pixels wide; its height depends on what it shows."""
    length = max(outline.length_seconds, COLUMN_SECONDS)
    views = [_view(0.0, length, _GAP, outline)]
    if outline.is_magnified:
        views.append(_view(length - MAGNIFIED_SECONDS, length, views[0].bottom + _GAP, outline))
    height = views[-1].bottom + _GAP // 2
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<rect width="{WIDTH}" height="{height}" rx="16" fill="{_BACKGROUND}"/>',
    ]
    if outline.is_magnified:
        pieces.append(_lens(*views))
    for view in views:
        pieces += [*_panel(view), *_waves(view, curves, outline), *_axis(view), *_marks(view, outline)]
    return "\n".join([*pieces, "</svg>\n"])


def _view(begin: float, end: float, top: int, outline: Outline) -> _View:
    bare = _View(begin=begin, end=end, top=top, rows=0)
    rows = _rows([bare.x(point) for point in outline.points if bare.shows(point)])
    marks = max(rows, default=-1) + 1
    return _View(begin=begin, end=end, top=top, rows=max(marks, 1 if outline.seam is not None else 0))


def _rows(places: Sequence[float]) -> list[int]:
    """For each point, the row in which its number and time have room; row 0 is next to the waveform.

    From the right, because a point's time is on its right, where no line of another may cross it.
    """
    begins: list[float] = []
    rows = []
    for place in reversed(places):
        row = next((row for row, begin in enumerate(begins) if place + _LABEL_PIXELS <= begin), len(begins))
        begins = [min(begin, place - 20) for begin in begins[:row]] + [place - 20] + begins[row + 1 :]
        rows.append(row)
    return rows[::-1]


def _panel(view: _View) -> Iterator[str]:
    width = WIDTH - 2 * _MARGIN
    yield f'<rect x="{_MARGIN}" y="{view.wave_top}" width="{width}" height="{_WAVE_HEIGHT}" rx="8" fill="{_PANEL}"/>'


def _lens(whole: _View, end: _View) -> str:
    """Shows which stretch of the upper view the lower one magnifies."""
    left, right, top = whole.x(end.begin), whole.x(end.end), whole.wave_end
    corners = f"M{left:.1f} {top}L{right:.1f} {top}L{WIDTH - _MARGIN} {end.wave_top}L{_MARGIN} {end.wave_top}Z"
    return f'<path d="{corners}" fill="{_PANEL}" fill-opacity="0.55"/>'


def _waves(view: _View, curves: Curves, outline: Outline) -> Iterator[str]:
    """The waveform, a path for each part: louder parts are lighter, and what follows the seam has another colour."""
    loudest = max(max(curves.highest, default=0), -min(curves.lowest, default=0), FULL_SCALE // 64)
    for part, colour in _coloured(outline):
        begin, end = max(part.begins_at, view.begin), min(part.ends_at, view.end)
        if begin < end:
            path = _wave(view, curves, begin, end, loudest)
            yield f'<path class="{part.level}" d="{path}" fill="{colour}"/>'


def _coloured(outline: Outline) -> Iterator[tuple[Part, str]]:
    """The parts with their colours, divided at the seam."""
    seam = outline.length_seconds if outline.seam is None else outline.seam
    for part in outline.parts:
        before, after = min(part.ends_at, seam), max(part.begins_at, seam)
        if part.begins_at < before:
            yield Part(begins_at=part.begins_at, ends_at=before, level=part.level), _COLOURS[part.level]
        if after < part.ends_at:
            yield Part(begins_at=after, ends_at=part.ends_at, level=part.level), _CONTINUED[part.level]


def _wave(view: _View, curves: Curves, begin: float, end: float, loudest: int) -> str:
    """The outline of the waveform: its upper edge forwards, its lower edge back."""
    left, right = view.x(begin), view.x(end)
    steps = max(1, round((right - left) / _PIXEL))
    last = len(curves.lowest)
    bounds = [min(last, int((begin + (end - begin) * step / steps) / COLUMN_SECONDS)) for step in range(steps + 1)]
    above, below = [], []
    for step, (begins, ends) in enumerate(pairwise(bounds)):
        columns = slice(min(begins, last - 1), max(ends, begins + 1))
        high = max(curves.highest[columns]) / loudest * (_WAVE_HEIGHT / 2 - 6)
        low = min(curves.lowest[columns]) / loudest * (_WAVE_HEIGHT / 2 - 6)
        x = left + (right - left) * step / max(1, steps - 1)
        above.append(f"{x:.1f} {view.middle - max(high, 1):.1f}")
        below.append(f"{x:.1f} {view.middle - min(low, -1):.1f}")
    return f"M{'L'.join([*above, *reversed(below)])}Z"


def _axis(view: _View) -> Iterator[str]:
    """A tick and a time at round moments, as many as there is room for."""
    room = (WIDTH - 2 * _MARGIN) / _LABEL_PIXELS
    step = next((step for step in _TICK_SECONDS if (view.end - view.begin) / step <= room), _TICK_SECONDS[-1])
    moment = -(-view.begin // step) * step
    while moment <= view.end:
        x = view.x(moment)
        yield f'<path d="M{x:.1f} {view.wave_end}v8" stroke="{_AXIS}" stroke-width="2"/>'
        yield lettering(clock(moment), x, view.wave_end + 32, 22, _TEXT, anchor=_anchor(x))
        moment += step


def _anchor(x: float) -> float:
    """Times at the edges stay inside the picture."""
    return 0.0 if x < _MARGIN + 20 else 1.0 if x > WIDTH - _MARGIN - 20 else 0.5


def _marks(view: _View, outline: Outline) -> Iterator[str]:
    points = [(number, point) for number, point in enumerate(outline.points, start=1) if view.shows(point)]
    rows = _rows([view.x(point) for _, point in points])
    for (number, point), row in zip(points, rows, strict=True):
        x, y = view.x(point), view.wave_top - _ROW_HEIGHT * (row + 0.5)
        yield f'<path d="M{x:.1f} {y:.1f}V{view.wave_end}" stroke="{_POINT}" stroke-width="2"/>'
        left = x > WIDTH - _MARGIN - _LABEL_PIXELS + 20
        yield lettering(clock(point), x + (-20 if left else 20), y + 8, 22, _POINT, anchor=1.0 if left else 0.0)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="15" fill="{_POINT}"/>'
        yield lettering(str(number), x, y + 8, 22, _ON_POINT, anchor=0.5)
    if outline.seam is not None and view.shows(outline.seam):
        yield from _seam_mark(view, outline.seam)


def _seam_mark(view: _View, seam: float) -> Iterator[str]:
    x, top = view.x(seam), view.wave_top
    yield f'<path d="M{x:.1f} {top}V{view.wave_end}" stroke="{_SEAM}" stroke-width="4" stroke-dasharray="10 6"/>'
    yield f'<path class="seam" d="M{x - 11:.1f} {top - 20}h22L{x:.1f} {top - 2}Z" fill="{_SEAM}"/>'
    left = x > WIDTH - _MARGIN - _LABEL_PIXELS + 20
    yield lettering(clock(seam), x + (-20 if left else 20), top - 4, 22, _SEAM, anchor=1.0 if left else 0.0)
