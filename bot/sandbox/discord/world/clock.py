"""The stand-in's clock, and ids that carry its time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

DISCORD_EPOCH_MS = 1_420_070_400_000
"""2015-01-01T00:00:00Z, from which snowflakes count (Discord's documents, "Snowflakes")."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Real time (or `base`), which a test can advance."""

    def __init__(self, base: Callable[[], datetime] = utc_now) -> None:
        self._base = base
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Snowflakes:
    """Ids that are unique, grow, and say when they were made, as Discord's do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def new(self) -> int:
        milliseconds = int(self._clock().timestamp() * 1000) - DISCORD_EPOCH_MS
        self._last = max(self._last + 1, milliseconds << 22)
        return self._last
