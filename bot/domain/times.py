"""Moments in a track: what members type, and how Encore writes them."""

import math
import re

_CLOCK = re.compile(r"(?:(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,3}):)?(?P<seconds>\d{1,6}(?:[.,]\d{1,3})?)")


class NotAMoment(ValueError):
    """The words name no moment of a track."""


def parse_moment(words: str) -> float:
    """Seconds meant by `1:05`, `65`, `65.5`, `65,5`, `65s` or `1:02:03`.

    Raises:
        NotAMoment: anything else, minutes of 60 or more behind hours, seconds of 60 or more behind minutes.
    """
    match = _CLOCK.fullmatch(words.strip().removesuffix("s").rstrip())
    if match is None:
        raise NotAMoment(words)
    hours, minutes = match["hours"], match["minutes"]
    seconds = float(match["seconds"].replace(",", "."))
    if (minutes is not None and seconds >= 60) or (hours is not None and int(minutes) >= 60):
        raise NotAMoment(words)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


def clock(seconds: float) -> str:
    """`1:05`, `0:00.5` or `1:02:03`: read back by `parse_moment` to the same tenth of a second; `?` for no number."""
    if not math.isfinite(seconds):
        return "?"
    tenths = max(0, round(seconds * 10))
    whole, tenth = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    fraction = f".{tenth}" if tenth else ""
    return f"{hours}:{minute:02}:{second:02}{fraction}" if hours else f"{minute}:{second:02}{fraction}"
