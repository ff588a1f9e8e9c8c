"""A song's family as a picture, in SVG: a row for each result, with a bar for each take. Pure.

The picture brings its own dark background, as that of a piece does. Nothing is told by colour alone: the preferred take
has a star, votes have a heart and their number, and a result whose parent is not in the picture hangs on a dashed line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.audio.lettering import lettering
from bot.domain.family_pictures import DEPTH_MAX, Bar, Branch
from bot.domain.times import clock

WIDTH = 1200
_MARGIN = 28
_INDENT = 62
_LINE = 40  # one take
_GAP = 26
_RADIUS = 20
_BARS_AT = _MARGIN + DEPTH_MAX * _INDENT + 2 * _RADIUS + 190
_BAR_MAX = WIDTH - _BARS_AT - _MARGIN - 240
_BAR_HEIGHT = 24
_TOP = 40

_BACKGROUND, _PANEL = "#1b1d27", "#262936"
_LINES, _TEXT, _DARK = "#8d93a8", "#d5d9e6", "#1b1d27"
_NUMBER, _BAR, _PREFERRED = "#ffd166", "#5b8fe0", "#8fc1ff"
_STAR = "M0 -11L3.2 -3.6L11 -3.4L4.8 1.4L7 9L0 4.6L-7 9L-4.8 1.4L-11 -3.4L-3.2 -3.6Z"
_HEART = "M0 9C-12 0 -11 -9 -5 -9C-2 -9 0 -7 0 -4C0 -7 2 -9 5 -9C11 -9 12 0 0 9Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    branch: Branch
    top: float

    @property
    def x(self) -> float:
        return _MARGIN + self.branch.depth * _INDENT + _RADIUS

    @property
    def y(self) -> float:
        return self.top + _LINE / 2

    @property
    def bottom(self) -> float:
        return self.top + max(1, len(self.branch.bars)) * _LINE


def family_svg(branches: Sequence[Branch]) -> str:
    """The picture as SVG, `WIDTH` pixels wide; its height grows with the rows."""
    rows = _rows(branches)
    height = round(rows[-1].bottom + _GAP) if rows else _TOP
    by_number = {row.branch.number: row for row in rows}
    lengths = [bar.length_seconds or 0.0 for branch in branches for bar in branch.bars]
    longest = max(lengths, default=0.0) or 1.0
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<rect width="{WIDTH}" height="{height}" rx="16" fill="{_BACKGROUND}"/>',
    ]
    for row in rows:
        pieces += _line_to(row, None if row.branch.parent is None else by_number.get(row.branch.parent))
    for row in rows:
        pieces += [*_head(row), *_bars(row, longest)]
    return "\n".join([*pieces, "</svg>\n"])


def _rows(branches: Sequence[Branch]) -> list[_Row]:
    rows: list[_Row] = []
    top = float(_TOP)
    for branch in branches:
        rows.append(_Row(branch=branch, top=top))
        top = rows[-1].bottom + _GAP
    return rows


def _line_to(row: _Row, parent: _Row | None) -> Iterator[str]:
    """From the parent down and to the right. Where both stand as far right as they may, beside them."""
    style = f'fill="none" stroke="{_LINES}" stroke-width="3"'
    if parent is not None:
        if parent.x < row.x:
            path = f"M{parent.x:.1f} {parent.y:.1f}V{row.y:.1f}H{row.x:.1f}"
        else:
            aside = row.x - _RADIUS - 12
            path = f"M{parent.x:.1f} {parent.y:.1f}H{aside:.1f}V{row.y:.1f}H{row.x:.1f}"
        yield f'<path class="line" d="{path}" {style}/>'
    elif not row.branch.is_root:
        yield f'<path class="cut" d="M{row.x:.1f} {row.y:.1f}v-{_RADIUS + 18}" {style} stroke-dasharray="6 5"/>'


def _head(row: _Row) -> Iterator[str]:
    """The number of the result, and what it continues: the number of a take in a box, and a moment."""
    branch = row.branch
    yield f'<circle cx="{row.x:.1f}" cy="{row.y:.1f}" r="{_RADIUS}" fill="{_NUMBER}"/>'
    yield lettering(str(branch.number), row.x, row.y + 8, 22, _DARK, anchor=0.5)
    at = row.x + _RADIUS + 14
    if branch.take is not None:
        yield _box(at, row.y)
        yield lettering(str(branch.take), at + 12, row.y + 7, 20, _TEXT, anchor=0.5)
        at += 36
    yield lettering(_time(branch.moment), at, row.y + 8, 22, _TEXT, anchor=0.0)


def _bars(row: _Row, longest: float) -> Iterator[str]:
    for place, bar in enumerate(row.branch.bars):
        yield from _bar(bar, row.top + place * _LINE + _LINE / 2, longest)


def _bar(bar: Bar, y: float, longest: float) -> Iterator[str]:
    yield _box(_BARS_AT - 36, y)
    yield lettering(str(bar.take), _BARS_AT - 24, y + 7, 20, _TEXT, anchor=0.5)
    at = float(_BARS_AT)
    if bar.length_seconds is not None:
        width = max(4.0, bar.length_seconds / longest * _BAR_MAX)
        colour = _PREFERRED if bar.is_preferred else _BAR
        shape = f'x="{_BARS_AT}" y="{y - _BAR_HEIGHT / 2:.1f}" width="{width:.1f}" height="{_BAR_HEIGHT}" rx="6"'
        yield f'<rect class="take" {shape} fill="{colour}"/>'
        at += width + 12
        yield lettering(_time(bar.length_seconds), at, y + 8, 22, _TEXT, anchor=0.0)
        at += 76
    if bar.votes:
        yield f'<path class="votes" d="{_HEART}" transform="translate({at + 12:.1f} {y:.1f})" fill="{_TEXT}"/>'
        yield lettering(str(bar.votes), at + 30, y + 8, 22, _TEXT, anchor=0.0)
        at += 34 + 14 * len(str(bar.votes)) + 12
    if bar.is_preferred:
        yield f'<path class="preferred" d="{_STAR}" transform="translate({at + 12:.1f} {y:.1f})" fill="{_NUMBER}"/>'


def _box(x: float, y: float) -> str:
    return f'<rect x="{x:.1f}" y="{y - 14:.1f}" width="24" height="28" rx="5" fill="{_PANEL}" stroke="{_LINES}"/>'


def _time(seconds: float) -> str:
    """Whole seconds, as there is little room; what cannot be a time is left out."""
    shown = clock(round(seconds)) if seconds < 360_000 else ""
    return shown.removesuffix("?")
