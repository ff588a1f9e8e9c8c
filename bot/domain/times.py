"""Positions in a piece of audio: reading what members type, and writing them the same way."""

import math
import re
from decimal import Decimal

_NUMBER = r"(?:\d{1,6}(?:[.,]\d{0,9})?|[.,]\d{1,9})"
_MINUTES = r"(?:(?:m|mins?|minutes?)\.?|['\u2032\u2019])"
_SECONDS = r"(?:(?:s|secs?|seconds?)\.?|''|[\"\u2033\u201d])"
_FORMS = (  # compiled at their first use, not at the start
    rf"(?P<seconds>{_NUMBER})\s*{_SECONDS}?",
    rf"(?:(?P<hours>\d{{1,2}}):)?(?P<minutes>\d{{1,3}})?:(?P<seconds>{_NUMBER})\s*(?:{_SECONDS}|min\.?)?",
    rf"(?P<minutes>{_NUMBER})\s*{_MINUTES}(?:\s*(?:and\s|,)?\s*(?P<seconds>{_NUMBER})\s*{_SECONDS}?)?",
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # as East Asian keyboards write ASCII
_END = frozenset({"end", "the end"})


class NotAMoment(ValueError):
    """What was typed cannot be read as a position in a track."""


def parse_moment(words: str) -> float | None:
    """The seconds meant by `1:05`, `65`, `65.5`, `65s`, `1m5s`, `1 min 5`, `1'05"` or `1:02:03`; None for `end`.

    A point or a comma begins a fraction of the last number: `1.05` is just over a second. Seconds after minutes run
    to 59, and minutes after hours too: `1:75` is more likely a slip than 2:15. Only after zero minutes may they run to
    99, as on a kitchen timer: `0:65`.

    Raises:
        NotAMoment: anything else.
    """
    typed = words.translate(_FULL_WIDTH).strip().lower()
    if typed in _END:
        return None
    match = next((match for form in _FORMS if (match := re.fullmatch(form, typed))), None)
    if match is None:
        raise NotAMoment(words)
    hours, minutes, seconds = (_number(match, unit) for unit in ("hours", "minutes", "seconds"))
    seconds_end = 60 if minutes or hours is not None else 100
    if minutes is not None and (seconds or 0) >= seconds_end:
        raise NotAMoment(words)
    if hours is not None and (minutes is None or minutes >= 60):
        raise NotAMoment(words)
    return float((hours or 0) * 3600 + (minutes or 0) * 60 + (seconds or 0))


def _number(match: re.Match[str], unit: str) -> Decimal | None:
    """In decimals, so that 1.15 minutes are 69 seconds and not a hair less."""
    written = match.groupdict().get(unit)
    return None if written is None else Decimal(written.replace(",", "."))


LONGEST_SECONDS = 360_000.0


def clock(seconds: float) -> str:
    """Write seconds as `1:05`, `0:00.5` or `1:02:03`, rounded to tenths.

    NaN, infinity and anything longer than a hundred hours become `?`. `parse_moment` reads the rest back to the same
    tenth of a second.
    """
    if not math.isfinite(seconds) or abs(seconds) >= LONGEST_SECONDS:
        return "?"
    tenths = max(0, round(seconds * 10))
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    fraction = f".{tenth}" if tenth else ""
    return f"{hours}:{minute:02}:{second:02}{fraction}" if hours else f"{minute}:{second:02}{fraction}"
