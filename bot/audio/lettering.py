"""Digits and times in a picture, drawn as outlines: no font is loaded in a process that can open no file."""

from bot.audio.digits import GLYPHS, UNITS


def lettering(words: str, x: float, baseline: float, size: int, colour: str, *, anchor: float) -> str:
    """Digits as outlines. `anchor`: the share of their width that is left of `x`."""
    scale = size / UNITS
    at = x - anchor * scale * sum(GLYPHS[character][0] for character in words)
    pieces = []
    for character in words:
        width, outline = GLYPHS[character]
        pieces.append(f'<path transform="translate({at:.1f} {baseline:.1f}) scale({scale})" d="{outline}"/>')
        at += width * scale
    return f'<g fill="{colour}" aria-label="{words}">{"".join(pieces)}</g>'
