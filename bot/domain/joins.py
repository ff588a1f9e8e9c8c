"""One whole song from several files: what goes into a join, and what comes out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from bot.domain.measured import MeasuredSeconds


class JoinFormat(StrEnum):
    MP3 = "mp3"
    WAV = "wav"
    FLAC = "flac"


class JoinPart(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is heard up to `until_seconds`, in its own time; None: to its end. Only the last part may be None.

    The original comes first with its seam, then each take with the moment from which the next one continues it.
    """

    path: Path
    until_seconds: float | None = None


class Tags(msgspec.Struct, frozen=True, kw_only=True):
    """Written into the joined file; empty ones are left out. `cover` is a JPEG or PNG file."""

    title: str = ""
    artist: str = ""
    cover: Path | None = None


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """`seams`: where each continuation begins in the result, in seconds, in order; `length_seconds` is the result's.

    If the last take already contains everything before it, nothing was joined: `is_whole_already` is true, no file was
    written, and the times are the take's own. A take in the middle of a chain may contain what comes before it, too: it
    then begins the result, and its seam is still among `seams`.
    """

    length_seconds: MeasuredSeconds
    seams: Annotated[tuple[MeasuredSeconds, ...], msgspec.Meta(min_length=1)]
    is_whole_already: bool = False


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """A short file around the last seam: `seam_seconds` is where the seam is in it, `length_seconds` how long it is."""

    length_seconds: MeasuredSeconds
    seam_seconds: MeasuredSeconds


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a piece: it began at `began_at` of the piece and is `length_seconds` long.

    A moment in the part is `began_at` later in the piece. `is_copied`: the packets were copied, so no quality was lost,
    and the part may end a packet (26 to 90 ms) before the chosen moment.
    """

    began_at: MeasuredSeconds
    length_seconds: MeasuredSeconds
    is_copied: bool
