"""What services need for pictures, joins, previews and trimmed sources. `bot.audio.process.AudioProcess` has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bot.domain.family_pictures import Branch
from bot.domain.joins import Joined, JoinFormat, JoinPart, Previewed, Tags, Trimmed
from bot.domain.outlines import Outline


class Studio(Protocol):
    """Each call reads files in a process of its own, at most two at a time and never ahead of a waiting probe.

    All times are in seconds. `to` is written only if the call succeeds; otherwise no file is left. Every call raises a
    `BadSource`, whose sentence says why, if one of the files cannot be used.
    """

    async def draw(self, path: Path, to: Path, *, seam: float | None = None) -> Outline:
        """Draw the piece as a PNG, 1200 pixels wide, with its numbered points and its loud and quiet parts.

        With a `seam`, the seam is marked, and no points are looked for. The outline says what the picture shows;
        `bot.domain.outlines.described` puts it in words.
        """

    async def join(
        self,
        parts: Sequence[JoinPart],
        to: Path,
        *,
        audio_format: JoinFormat = JoinFormat.MP3,
        tags: Tags = Tags(),  # noqa: B008  # frozen
    ) -> Joined:
        """Join at least two parts into one file: equally loud on both sides of each seam, in time and without a click.

        If the last take already contains the rest, says so and writes nothing.
        """

    async def preview(self, parts: Sequence[JoinPart], to: Path) -> Previewed:
        """Write ten seconds around the last seam as an mp3, joined like `join`, or cut from a take that contains it."""

    async def trim(self, path: Path, to: Path, *, until_seconds: float, at_most_seconds: float) -> Trimmed:
        """Write the part before `until_seconds`, at most `at_most_seconds` long, beginning where a phrase ends.

        Shorter sources are kept from their beginning. Mp3, AAC, Ogg and FLAC keep their packets and their container; a
        file whose packets cannot be cut becomes an mp3. Name `to` without a suffix, and probe it for its format.
        """


class FamilyStudio(Protocol):
    """What draws families, in the same place and in the same turns."""

    async def draw_family(self, branches: Sequence[Branch], to: Path) -> None:
        """Draw a song's family as a PNG, 1200 pixels wide. Raises `BadSource`. `bot.chat.song.tree` has the words."""
