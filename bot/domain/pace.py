"""The provider's rate, and how long to wait before trying again."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

REQUESTS_PER_WINDOW = 20
WINDOW_SECONDS = 10.0
"""The provider takes 20 new requests in 10 s per account (docs/provider.md 5)."""
MARGIN_SECONDS = 0.5
"""Requests do not take the same time on their way: two that were sent 10 s apart may arrive closer together."""


class SlidingWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Never more than `limit` in any `window_seconds`: each one waits for the `limit`-th before it to grow old.

    A leaky bucket would let nearly twice as many through within one window after a rest.
    """

    limit: int = REQUESTS_PER_WINDOW
    window_seconds: float = WINDOW_SECONDS + MARGIN_SECONDS

    def counts(self, sent_at: datetime, *, now: datetime) -> bool:
        """Whether a request of then still counts."""
        return sent_at > now - timedelta(seconds=self.window_seconds)

    def free_at(self, sent: Sequence[datetime], *, now: datetime) -> datetime:
        """When the next one may be sent: `now`, or later. None of `sent` is in the future."""
        counted = sorted(at for at in sent if self.counts(at, now=now))[-self.limit :]
        if len(counted) < self.limit:
            return now
        return counted[0] + timedelta(seconds=self.window_seconds)


def backoff_seconds(attempt: int, *, base_seconds: float, cap_seconds: float = 300.0) -> float:
    """Doubling from `base_seconds`, between half and all of it, so that many who wait do not come back together."""
    whole = min(cap_seconds, base_seconds * 2.0 ** min(attempt, 16))
    return float(whole * random.uniform(0.5, 1.0))
