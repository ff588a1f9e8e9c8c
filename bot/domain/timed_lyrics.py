"""When each line of a take is sung: what the provider knows of it, kept once it was paid for, and written as `.lrc`."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate

import msgspec

UNDER_WAY = timedelta(seconds=90)
"""No question takes longer: after that, one without an answer never gets one."""
LINES_MAX = 2_000
_PIECES_MAX = 5 * LINES_MAX  # with headings and empty lines
LINE_MAX = 500
"""Characters; far more than anybody sings in one breath."""
SECONDS_MAX = 86_400.0


class TimedWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word as the provider has it: with the spaces, line breaks and headings (`[Verse]`) around it.

    `begins_at` is in seconds from the beginning of the take; None where the provider could not place the word.
    """

    text: str
    begins_at: float | None


class TimedLine(msgspec.Struct, frozen=True, kw_only=True):
    """`begins_at` as above, and never before the line above."""

    begins_at: float
    text: str


class TimedLyrics(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked about one take, which is paid for: once, ever.

    `member_id` asked for it, and it counts for them on `day` (UTC). `lines` None: there is no clear answer, perhaps not
    yet. No lines at all: the provider does not know.
    """

    job_id: str
    track_id: str
    member_id: int
    day: date
    asked_at: datetime
    lines: tuple[TimedLine, ...] | None = None

    def is_under_way(self, *, at: datetime) -> bool:
        """Whether the answer may still come."""
        return self.lines is None and timedelta(0) <= at - self.asked_at < UNDER_WAY


def lines_of(words: Iterable[TimedWord]) -> tuple[TimedLine, ...]:
    """The lines that are sung, each from its first word that has a time. Headings are left out; nobody sings them."""
    pieces: list[list[tuple[str, float | None]]] = [[]]
    for word in words:
        first, *rest = word.text.split("\n")
        pieces[-1].append((first, word.begins_at))
        pieces.extend([(piece, word.begins_at)] for piece in rest[:LINES_MAX])
        if len(pieces) > _PIECES_MAX:
            break
    sung = [(_words_in(line), _beginning_of(line)) for line in pieces]
    known = [(text, begins_at) for text, begins_at in sung if text and not _is_heading(text)][:LINES_MAX]
    if all(begins_at is None for _, begins_at in known):
        return ()
    times = accumulate((begins_at or 0.0 for _, begins_at in known), max)
    return tuple(TimedLine(begins_at=at, text=text) for (text, _), at in zip(known, times, strict=True))


def lrc(lines: Sequence[TimedLine], *, title: str, length_seconds: float | None) -> str:
    """An `.lrc` file, as players for lyrics read it: `[01:05.32]line`, below a head with title and length."""
    head = [f"[ti:{_in_a_tag(title)}]"]
    if length_seconds is not None:
        minutes, seconds = divmod(round(length_seconds), 60)
        head.append(f"[length:{minutes:02}:{seconds:02}]")
    head.append("[re:Encore]")
    return "\n".join([*head, "", *(f"[{_stamp(line.begins_at)}]{line.text}" for line in lines), ""])


def _words_in(line: Sequence[tuple[str, float | None]]) -> str:
    return " ".join("".join(text for text, _ in line).split())[:LINE_MAX]


def _beginning_of(line: Sequence[tuple[str, float | None]]) -> float | None:
    return next((begins_at for text, begins_at in line if text.strip() and begins_at is not None), None)


def _is_heading(text: str) -> bool:
    """`[Verse 1]`; a line that begins like one would be taken for a time or a tag, too."""
    return text.startswith("[") and text.endswith("]")


def _in_a_tag(title: str) -> str:
    return " ".join(title.replace("[", "(").replace("]", ")").split())


def _stamp(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"
