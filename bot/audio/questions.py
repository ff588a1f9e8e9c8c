"""The messages between the bot and the audio process: a question in JSON, two lines of JSON back.

The bot sends the fork server a byte, `FORK`, with open files beside it: the server's end of the leash, the process's
end of the pipe for the answer, the question, the source, and the others. The server writes `ENDED` to the leash. It
never reads a question: every later fork would have it in its memory, too.
"""

import struct
from enum import StrEnum

import msgspec

from bot.domain.family_pictures import Branch
from bot.domain.joins import Joined, JoinFormat, Previewed, Trimmed
from bot.domain.measured import MeasuredSeconds
from bot.domain.outlines import Outline
from bot.domain.source import AudioProperties

FORK = b"f"
ENDED = struct.Struct("=id")  # exit code, negative for a signal; seconds of CPU time
FIRST_FILE = 3
"""The descriptor of the first other file in the audio process; the source is 0, the answer 1."""


class Problem(StrEnum):
    """Why a file cannot be used; the bot turns it into a `BadSource`."""

    EMPTY = "empty"
    NOT_AUDIO = "not_audio"
    NO_AUDIO_TRACK = "no_audio_track"
    TRUNCATED = "truncated"
    TOO_LONG = "too_long"
    TOO_COSTLY = "too_costly"


class Unusable(Exception):
    """Raised inside the audio process. `heard_seconds` is how much was decoded before."""

    def __init__(self, problem: Problem, log_line: str, *, heard_seconds: float = 0.0) -> None:
        super().__init__(log_line)
        self.problem = problem
        self.log_line = log_line
        self.heard_seconds = heard_seconds


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one file may cost. The parent measures `wall_seconds`; the audio process enforces the others."""

    memory_bytes: int = 1 << 29  # address space besides the source; the libraries alone take about 150 MiB of it
    cpu_seconds: int = 20
    wall_seconds: float = 60.0
    heard_seconds: int = 3600  # decoding stops here; the length of anything shorter is exact


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag="probe"):
    """What is the file on standard input?"""

    limits: Limits


class Fit(msgspec.Struct, frozen=True, kw_only=True, tag="fit"):
    """Write the file on standard input as an mp3 of at most `limit_bytes` to the open file `to`, a descriptor."""

    limits: Limits
    limit_bytes: int
    to: int


class Draw(msgspec.Struct, frozen=True, kw_only=True, tag="draw"):
    """Draw the file on standard input as a PNG of at most `limit_bytes` into the open file `to`, a descriptor."""

    limits: Limits
    limit_bytes: int
    to: int
    seam: float | None = None  # in seconds; with one, no points are looked for


class DrawFamily(msgspec.Struct, frozen=True, kw_only=True, tag="draw_family"):
    """Draw a song's family as a PNG into the open file `to`. Nothing is on standard input."""

    limits: Limits
    limit_bytes: int
    to: int
    branches: tuple[Branch, ...]


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """An open file that is heard up to `until_seconds`; None: to its end."""

    descriptor: int
    until_seconds: float | None = None


class WrittenTags(msgspec.Struct, frozen=True, kw_only=True):
    """`cover`: the descriptor of an open picture."""

    title: str = ""
    artist: str = ""
    cover: int | None = None


class Join(msgspec.Struct, frozen=True, kw_only=True, tag="join"):
    """Join the open files into the open file `to`, of at most `limit_bytes`. Nothing is on standard input."""

    limits: Limits
    limit_bytes: int
    to: int
    pieces: tuple[Stretch, ...]
    audio_format: JoinFormat
    tags: WrittenTags


class Preview(msgspec.Struct, frozen=True, kw_only=True, tag="preview"):
    """Write what is around the last seam into the open file `to`. Nothing is on standard input."""

    limits: Limits
    limit_bytes: int
    to: int
    pieces: tuple[Stretch, ...]


class Trim(msgspec.Struct, frozen=True, kw_only=True, tag="trim"):
    """Write the part of the file on standard input before `until_seconds` into the open file `to`."""

    limits: Limits
    limit_bytes: int
    to: int
    until_seconds: float
    at_most_seconds: float


class Confined(msgspec.Struct, frozen=True, kw_only=True):
    """The first line, written before the file is read: the limits and layers that this system could not provide."""

    missing: tuple[str, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True, tag="found"):
    properties: AudioProperties


class Fitted(msgspec.Struct, frozen=True, kw_only=True, tag="fitted"):
    fits: bool


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    problem: Problem
    log_line: str
    heard_seconds: MeasuredSeconds


class Drew(msgspec.Struct, frozen=True, kw_only=True, tag="drew"):
    outline: Outline


class DrewFamily(msgspec.Struct, frozen=True, kw_only=True, tag="drew_family"):
    pass


class HasJoined(msgspec.Struct, frozen=True, kw_only=True, tag="joined"):
    joined: Joined


class HasPreviewed(msgspec.Struct, frozen=True, kw_only=True, tag="previewed"):
    previewed: Previewed


class HasTrimmed(msgspec.Struct, frozen=True, kw_only=True, tag="trimmed"):
    trimmed: Trimmed


Work = Fit | Draw | DrawFamily | Join | Preview | Trim
"""What writes a file, `to`, of at most `limit_bytes`."""
Question = Probe | Work
Answer = Found | Fitted | Drew | DrewFamily | HasJoined | HasPreviewed | HasTrimmed | Refusal
"""The second line."""
