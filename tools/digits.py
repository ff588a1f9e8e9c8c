"""Writes bot/audio/digits.py: the outlines of digits, from a font file.

`python -m tools.digits NotoSans-Bold.ttf`, then `make format`. Needs the package fonttools. Debian has the font
in fonts-noto-core.
"""

import sys
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

TO = Path(__file__).parents[1] / "bot" / "audio" / "digits.py"
HEAD = '''\
"""The characters of times and numbers as outlines, so that a picture needs no font. Written by tools/digits.py.

From Noto Sans Bold, Copyright 2015 Google LLC, under the SIL Open Font License 1.1 (digits-OFL.txt).
"""
# ruff: noqa: E501

from collections.abc import Mapping
from types import MappingProxyType

UNITS = 1000
"""To the em. The baseline is at 0, and capitals are 714 high, upwards negative."""
GLYPHS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
'''


def main() -> None:
    font = TTFont(sys.argv[1])
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    lines = []
    for character in "0123456789:.":
        glyph, pen = glyphs[names[ord(character)]], SVGPathPen(glyphs, ntos=lambda number: str(round(number)))
        glyph.draw(TransformPen(pen, (1, 0, 0, -1, 0, 0)))
        lines.append(f"        {character!r}: ({round(glyph.width)}, {pen.getCommands()!r}),\n")
    text = HEAD + "".join(lines).replace("'", '"') + "    }\n)\n"
    TO.write_text(text + '"""Each character\'s width and outline."""\n', encoding="utf-8")


if __name__ == "__main__":
    main()
