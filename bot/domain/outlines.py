"""What a picture of a piece shows, as values: where phrases end, what is loud and what is quiet, and where the seam is.

The same values make the picture's alt text, so people who can't see it read what others see.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from bot.domain.measured import MeasuredSeconds
from bot.domain.text import Text, counted, text

POINTS_MAX = 5
"""More buttons than this do not fit into one row below a picture."""
MAGNIFIED_SECONDS = 60.0
"""In a long piece, this much of its end is drawn a second time, larger."""
LONG_SECONDS = 120.0
"""A piece of at least this length is long."""
_STRETCHES_MAX = 4  # of each level: Discord's descriptions have up to 1,024 characters, in any language


class Level(StrEnum):
    """How loud a part is beside the rest of the piece."""

    LOUD = "loud"
    MIDDLE = "middle"
    QUIET = "quiet"
    SILENT = "silent"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of about the same level; times in seconds from the piece's beginning."""

    begins_at: MeasuredSeconds
    ends_at: MeasuredSeconds
    level: Level


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """`points`: up to `POINTS_MAX` moments where a phrase ends, in seconds, sorted; empty if the piece has none.

    `parts` follow each other without gaps from the beginning to the end. `seam`: where the continuation begins, if the
    picture marks it.
    """

    length_seconds: MeasuredSeconds
    points: Annotated[tuple[MeasuredSeconds, ...], msgspec.Meta(max_length=POINTS_MAX)] = ()
    parts: tuple[Part, ...] = ()
    seam: MeasuredSeconds | None = None

    @property
    def is_magnified(self) -> bool:
        """Whether the picture shows the end a second time."""
        return self.length_seconds >= LONG_SECONDS


def in_words(seconds: float) -> Text:
    """A length or a position for the ear: `1 minute 5 seconds`, to the nearest second."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    in_minutes = counted("{count} minute", "{count} minutes", count=minutes)
    in_seconds = counted("{count} second", "{count} seconds", count=second)
    if not minutes:
        return in_seconds
    return Text("{minutes} {seconds}", {"minutes": in_minutes, "seconds": in_seconds}) if second else in_minutes


def moment_in_words(seconds: float) -> Text:
    """A position for the ear, to the tenth as `clock` writes it: `1 minute 5.5 seconds`."""
    tenths = max(0, round(seconds * 10))
    if tenths % 10 == 0:
        return in_words(tenths / 10)
    minutes, rest = divmod(tenths, 600)
    in_seconds = text("{seconds} seconds", seconds=rest / 10)
    if not minutes:
        return in_seconds
    in_minutes = counted("{count} minute", "{count} minutes", count=minutes)
    return Text("{minutes} {seconds}", {"minutes": in_minutes, "seconds": in_seconds})


def described(outline: Outline) -> tuple[Text, ...]:
    """The picture's alt text: what it shows, in sentences. Joined by spaces, they have fewer than 1,024 characters."""
    said = [text("Waveform of a piece {length} long.", length=in_words(outline.length_seconds))]
    if outline.seam is not None:
        said.append(text("The continuation begins at {moment}.", moment=moment_in_words(outline.seam)))
    if outline.points:
        points = [
            text("{number} at {moment}", number=number, moment=moment_in_words(point))
            for number, point in enumerate(outline.points, start=1)
        ]
        said.append(text("Numbered points where a phrase ends: {points}.", points=points))
    if loud := _stretches(outline, Level.LOUD):
        said.append(text("Loud: {stretches}.", stretches=loud))
    if quiet := _stretches(outline, Level.QUIET):
        said.append(text("Quiet: {stretches}.", stretches=quiet))
    if silent := _stretches(outline, Level.SILENT):
        said.append(text("Silent: {stretches}.", stretches=silent))
    if outline.is_magnified:
        said.append(text("The last minute is shown a second time, larger."))
    return tuple(said)


def _stretches(outline: Outline, level: Level) -> list[Text]:
    """The longest stretches of `level`, in their order."""
    stretches = [part for part in outline.parts if part.level is level]
    longest = sorted(stretches, key=lambda part: part.begins_at - part.ends_at)[:_STRETCHES_MAX]
    return [
        text("{begin} to {end}", begin=in_words(part.begins_at), end=in_words(part.ends_at))
        for part in sorted(longest, key=lambda part: part.begins_at)
    ]
