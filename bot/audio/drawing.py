"""A piece as a picture with its points, and a song's family. Runs in the audio process."""

import os
from collections.abc import Sequence

import resvg_py

from bot.audio.curves import BLOCK_SAMPLES, SAMPLE_RATE, Curves
from bot.audio.family import family_svg
from bot.audio.hearing import Heard
from bot.audio.picture import svg_of
from bot.audio.points import parts_of, points_of
from bot.audio.questions import Limits
from bot.audio.stretches import Kind, stretch
from bot.domain.family_pictures import Branch
from bot.domain.outlines import Outline

_KIND = Kind("s16", "mono", SAMPLE_RATE)


def draw(file_descriptor: int, to: int, *, seam: float | None, limits: Limits) -> Outline:
    """Draw one open file as a PNG into another, `to`. With a `seam`, in seconds, the seam is marked instead of points.

    Raises:
        Unusable: it cannot be decoded, or costs too much.
    """
    curves = curves_of(file_descriptor, limits)
    outline = Outline(
        length_seconds=round(curves.length_seconds, 2),
        points=points_of(curves) if seam is None else (),
        parts=parts_of(curves),
        seam=None if seam is None else min(seam, curves.length_seconds),
    )
    _write(svg_of(curves, outline), to)
    return outline


def draw_family(branches: Sequence[Branch], to: int) -> None:
    """Draw a song's family as a PNG into the open file `to`."""
    _write(family_svg(branches), to)


def _write(svg: str, to: int) -> None:
    picture = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True)
    with os.fdopen(to, "wb", closefd=False) as file:
        file.write(picture)


def curves_of(
    file_descriptor: int, limits: Limits, until_seconds: float | None = None, *, heard: Heard | None = None
) -> Curves:
    """The curves of an open file, up to `until_seconds`; `heard` is filled in. Raises like `draw`."""
    curves, samples = Curves(), 0
    end = None if until_seconds is None else round(until_seconds * SAMPLE_RATE)
    blocks = ("asetnsamples", f"{BLOCK_SAMPLES}:p=0")
    for block in stretch(file_descriptor, _KIND, limits, 0, end, after=(blocks,), heard=heard):
        curves.add(block)
        samples += len(block) // _KIND.bytes_each
    curves.length_seconds = samples / SAMPLE_RATE
    return curves
