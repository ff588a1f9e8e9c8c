"""Rate limits: per route and channel, and across all requests with the bot's token (docs/discord.md 5.1).

As the headers describe it, a limit counts in a window that opens with its first request and starts empty again after
it closes. Each channel, server or webhook ("top-level resource") has windows of its own.
"""

import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.sandbox.discord.options import MESSAGE, MESSAGES, DiscordOptions, RateLimit
from bot.sandbox.discord.wire.calls import Route

WIDE = RateLimit(10_000, 1.0)
"""Headers of unlimited routes; without them, discord.py sends one request at a time (docs/discord.md 5.2)."""
OF_ONE_CHANNEL = frozenset({("POST", MESSAGES), ("PATCH", MESSAGE), ("DELETE", MESSAGE)})
"""What `shared_channel_bucket` counts together."""
ALIKE = frozenset({("POST", MESSAGES), ("PATCH", MESSAGE)})
"""They name the same bucket whether or not they are counted together (discord-api-docs#1442, #8073)."""
TOP_LEVEL = ("channel_id", "guild_id", "webhook_id", "webhook_token")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after` in seconds; None: let through."""

    headers: Mapping[str, str]
    retry_after: float | None = None
    is_global: bool = False


@dataclass(slots=True)
class _Window:
    closes_at: float = 0.0
    used: int = 0

    def take(self, limit: RateLimit, now: float) -> bool:
        """Count one more request; False if the window is full."""
        if now >= self.closes_at:
            self.closes_at, self.used = now + limit.seconds, 0
        if self.used >= limit.requests:
            return False
        self.used += 1
        return True


class Rates:
    """`now` returns monotonic seconds."""

    def __init__(self, options: DiscordOptions, now: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._now = now
        self._windows: dict[tuple[str, ...], _Window] = defaultdict(_Window)
        self._everything = _Window()

    def ask(self, route: Route, params: Mapping[str, str]) -> Verdict:
        """Count this request, or refuse it."""
        now = self._now()
        most = self._options.requests_per_second
        if most is not None and not route.open and not self._everything.take(RateLimit(most, 1.0), now):
            return Verdict(global_headers(), self._everything.closes_at - now, is_global=True)
        limit = self._limit(route)
        if limit is None:
            return Verdict(_headers(WIDE, WIDE.requests - 1, WIDE.seconds, _bucket(route)))
        window = self._windows[self._counted_as(route), *(params.get(name, "") for name in TOP_LEVEL)]
        passes = window.take(limit, now)
        reset_after = window.closes_at - now
        headers = _headers(limit, limit.requests - window.used, reset_after, _bucket(route))
        if passes:
            return Verdict(headers)
        return Verdict({**headers, "X-RateLimit-Scope": "user"}, reset_after)

    def _limit(self, route: Route) -> RateLimit | None:
        key = (route.method, route.template)
        if self._options.shared_channel_bucket and key in OF_ONE_CHANNEL:
            key = ("POST", MESSAGES)
        return self._options.rate_limits.get(key)

    def _counted_as(self, route: Route) -> str:
        if self._options.shared_channel_bucket and (route.method, route.template) in OF_ONE_CHANNEL:
            return "messages of a channel"
        return f"{route.method} {route.template}"


class OldEdits:
    """Edits of messages older than an hour, counted in each channel (30046; the documents name no number)."""

    OLD = timedelta(hours=1)

    def __init__(self, limit: RateLimit | None, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._clock = clock
        self._at: dict[int, deque[datetime]] = defaultdict(deque)

    def wait_seconds(self, channel_id: int, created_at: datetime) -> float | None:
        """How many seconds an edit of this message must wait; None: it passes, and is counted."""
        now = self._clock()
        if self._limit is None or now - created_at < self.OLD:
            return None
        times = self._at[channel_id]
        window = timedelta(seconds=self._limit.seconds)
        while times and times[0] <= now - window:
            times.popleft()
        if len(times) >= self._limit.requests:
            return (times[0] + window - now).total_seconds()
        times.append(now)
        return None


def global_headers() -> dict[str, str]:
    return {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}


def exhausted_headers(route: Route, retry_after: float) -> dict[str, str]:
    """The headers of a 429 on demand."""
    return {**_headers(RateLimit(1, retry_after), 0, retry_after, _bucket(route)), "X-RateLimit-Scope": "user"}


def _headers(limit: RateLimit, remaining: int, reset_after: float, bucket: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit.requests),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
        "X-RateLimit-Reset-After": f"{reset_after:.3f}",
        "X-RateLimit-Bucket": bucket,
    }


def _bucket(route: Route) -> str:
    """A hash, like Discord's own names for buckets."""
    key = (route.method, route.template)
    name = "messages" if key in ALIKE else " ".join(key)
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
