"""Rate limits: per route and channel, and over all that carries the bot's token (Discord reference, section 5.1)."""

import hashlib
import time
from collections import defaultdict, deque
from dataclasses import dataclass

from bot.sandbox.discord.calls import Route
from bot.sandbox.discord.options import DiscordOptions, RateLimit

WIDE = RateLimit(10_000, 1.0)
"""What the headers of unlimited routes show: without any, discord.py sends one request at a time (reference, 5.2)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after` in seconds; None: let through."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class Rates:
    def __init__(self, options: DiscordOptions) -> None:
        self._options = options
        self._used: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._all: deque[float] = deque()

    def ask(self, route: Route, params: dict[str, str]) -> Verdict:
        """Count this request, or refuse it."""
        now = time.monotonic()
        if (wait := self._wait_for_all(route, now)) is not None:
            return Verdict({"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}, wait, is_global=True)
        limit = self._options.rate_limits.get((route.method, route.template))
        bucket = hashlib.md5(f"{route.method} {route.template}".encode(), usedforsecurity=False).hexdigest()
        if limit is None:
            return Verdict(self._headers(WIDE, WIDE.requests - 1, WIDE.seconds, bucket))
        used = self._used[route.template + route.method, next(iter(params.values()), "")]
        _forget(used, now - limit.seconds)
        reset_after = limit.seconds - (now - used[0]) if used else limit.seconds
        if len(used) >= limit.requests:
            headers = self._headers(limit, 0, reset_after, bucket)
            return Verdict({**headers, "X-RateLimit-Scope": "user"}, reset_after)
        used.append(now)
        return Verdict(self._headers(limit, limit.requests - len(used), reset_after, bucket))

    def _wait_for_all(self, route: Route, now: float) -> float | None:
        most = self._options.requests_per_second
        if most is None or route.open:
            return None
        _forget(self._all, now - 1.0)
        if len(self._all) >= most:
            return 1.0 - (now - self._all[0])
        self._all.append(now)
        return None

    def _headers(self, limit: RateLimit, remaining: int, reset_after: float, bucket: str) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": bucket,
        }


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] <= before:
        times.popleft()
