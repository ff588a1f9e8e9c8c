"""Count real tries before giving up, on a clock that nobody sets."""

import time
from collections.abc import Callable

import msgspec

TRIES = 3
REMEMBERED = 20_000
"""How many keys are remembered. Those that were tried longest ago are forgotten first: most have ended since."""


class _Failed(msgspec.Struct, frozen=True):
    tries: int
    first_seconds: float


class Patience:
    """Counts failed attempts since this process started. A deadline alone proves nothing: after a long downtime or a
    jump of the clock, it has passed for everything at once, before anything was tried.
    """

    def __init__(
        self, *, spread_seconds: float, tries: int = TRIES, steady_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Runs out after `tries` failures in a row, the first and last at least `spread_seconds` apart."""
        self._spread_seconds = spread_seconds
        self._tries = tries
        self._steady_seconds = steady_seconds
        self._failed: dict[str, _Failed] = {}

    def failed(self, key: str) -> bool:
        """One more attempt failed; whether patience is over."""
        before = self._failed.pop(key, None)
        tries, first_seconds = (before.tries, before.first_seconds) if before else (0, self._steady_seconds())
        self._failed[key] = _Failed(tries + 1, first_seconds)
        if len(self._failed) > REMEMBERED:
            del self._failed[next(iter(self._failed))]
        return self.is_over(key)

    def is_over(self, key: str) -> bool:
        failed = self._failed.get(key)
        if failed is None or failed.tries < self._tries:
            return False
        return self._steady_seconds() - failed.first_seconds >= self._spread_seconds

    def forget(self, key: str) -> None:
        """It succeeded, or is no longer tried."""
        self._failed.pop(key, None)
