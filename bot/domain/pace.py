"""The provider's rate, and how long to wait before trying again."""

import random
from collections import deque

REQUESTS_PER_WINDOW = 20
WINDOW_SECONDS = 10.0
"""The provider takes 20 new requests in 10 s per account (fact sheet, section 5)."""


class SlidingWindow:
    """Never more than `limit` in any `window_seconds`: each one waits for the `limit`-th before it to grow old.

    A leaky bucket would let nearly twice as many through within one window after a rest.
    """

    def __init__(self, *, limit: int = REQUESTS_PER_WINDOW, window_seconds: float = WINDOW_SECONDS) -> None:
        self._taken: deque[float] = deque(maxlen=limit)
        self._window_seconds = window_seconds

    def take(self, now: float) -> float:
        """Reserve the next place; the seconds to wait from `now` until it may be used. `now` is monotonic."""
        free_at = now
        if len(self._taken) == self._taken.maxlen:
            free_at = max(now, self._taken[0] + self._window_seconds)
        self._taken.append(free_at)
        return free_at - now


def backoff_seconds(attempt: int, *, base_seconds: float, cap_seconds: float = 300.0) -> float:
    """Doubling from `base_seconds`, between half and all of it, so that many who wait do not come back together."""
    whole = min(cap_seconds, base_seconds * 2.0 ** min(attempt, 16))
    return float(whole * random.uniform(0.5, 1.0))
