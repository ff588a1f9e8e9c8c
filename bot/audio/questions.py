"""The messages between the bot and the audio process: a question on its command line, two lines of JSON back."""

from enum import StrEnum

import msgspec

from bot.domain.source import AudioProperties


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
    heard_seconds: float


Question = Probe | Fit
Answer = Found | Fitted | Refusal
"""The second line."""
