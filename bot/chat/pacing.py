"""Share out the few requests that Discord allows in a channel: results first, edits when nothing else needs them.

Posts and edits name the same bucket, whether or not Discord counts them together, and discord.py confuses the limits of
the two (docs/discord.md 5.1): twelve results at once drew up to seven answers of 429. Here a request is sent only if
the known limits of both kinds leave room for it.
"""

import asyncio
import heapq
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import SimpleNamespace

import aiohttp

from bot.services.common.messenger import RouteBusy

CALM_SECONDS = 1.0
"""After a result, edits wait: the next one may already be on its way."""
EXPECTED_SECONDS = 3.0
"""How long edits wait for a result that is being fetched."""
RETRY_SECONDS = 0.25
"""discord.py repeats a request refused with 429; the others let it go first."""
SAME_WINDOW_SECONDS = 0.5
RESERVED = 2
"""How many requests of a window edits leave for results that may come."""
SPACING_SECONDS = 1.0
"""Between two postponed edits, while the channel's limit is unknown."""
PUT_OFF_MAX_SECONDS = 30.0
TOO_MANY = 429
FORGET_SECONDS = 60.0
FORGET_ABOVE = 1000

_MESSAGES = re.compile(r"/channels/(?P<channel>\d+)/messages(/\d+)?$")


class Urgency(IntEnum):
    RESULT = 0
    MESSAGE = 1


class Kind(StrEnum):
    POST = "post"
    EDIT = "edit"


@dataclass
class _Budget:
    """How many requests of one kind a channel allows, from the latest answer; valid until `resets_at`."""

    limit: int = 1
    remaining: int = 0
    resets_at: float = 0.0
    window_seconds: float = 0.0
    is_asking: bool = False  # a request is out whose answer will show the current limit

    def is_known(self, now: float) -> bool:
        return now < self.resets_at

    def has_left(self, now: float, *, reserved: int) -> bool:
        """Whether the known limits allow one more request."""
        return not self.is_known(now) or self.remaining > min(reserved, self.limit - 1)

    def learn(self, now: float, *, limit: int, remaining: int, reset_after: float, uncounted: int) -> None:
        """Learn from an answer, which may not count `uncounted` other requests yet."""
        resets_at = now + reset_after
        if self.is_known(now) and resets_at < self.resets_at + SAME_WINDOW_SECONDS:
            self.remaining = min(self.remaining, remaining)  # answers may overtake each other
        else:
            self.remaining = max(0, remaining - uncounted)
        self.limit, self.resets_at, self.is_asking = max(1, limit), resets_at, False
        self.window_seconds = max(self.window_seconds, reset_after)

    def refused(self, now: float, *, retry_after: float) -> None:
        self.remaining, self.is_asking = 0, False
        self.resets_at = max(self.resets_at, now + retry_after + RETRY_SECONDS)

    @property
    def spacing_seconds(self) -> float:
        return self.window_seconds / self.limit if self.window_seconds else SPACING_SECONDS


@dataclass
class _Channel:
    budgets: dict[Kind, _Budget] = field(default_factory=lambda: {kind: _Budget() for kind in Kind})
    in_flight: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)  # a heap: most urgent first, then in order
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    calm_at: float = 0.0  # when edits may resume after a result
    promised_at: float = 0.0  # when the last postponed edit should be tried again
    used_at: float = 0.0

    def has_room(self, kind: Kind, now: float, *, reserved: int = 0) -> bool:
        """Whether a request may go now. While its kind's limit is unknown, requests go one by one."""
        own = self.budgets[kind]
        if not own.is_known(now) and own.is_asking:
            return False
        return all(budget.has_left(now, reserved=reserved) for budget in self.budgets.values())

    def free_at(self, now: float, *, reserved: int = 0) -> float:
        """When the known limits leave room again."""
        full = [each.resets_at for each in self.budgets.values() if not each.has_left(now, reserved=reserved)]
        return max(full, default=now)

    @contextmanager
    def request(self, kind: Kind, now: float) -> Iterator[None]:
        """Count a request while it is made."""
        own = self.budgets[kind]
        asks = not own.is_known(now)
        own.is_asking = own.is_asking or asks
        for budget in self.budgets.values():
            if budget.is_known(now):
                budget.remaining -= 1
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if asks:
                own.is_asking = False  # whether or not there was an answer
            self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Pacer:
    """One per client. `trace` goes into its `http_trace`, to see every answer."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._channels: dict[int, _Channel] = {}
        self._numbers = itertools.count()

    def trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._heard)
        return trace

    def expect(self, channel_id: int) -> None:
        """Note that a result is on its way to the channel."""
        channel = self._channel(channel_id)
        channel.calm_at = max(channel.calm_at, self._clock() + EXPECTED_SECONDS)

    @asynccontextmanager
    async def post(self, channel_id: int, urgency: Urgency) -> AsyncIterator[None]:
        """Wait for the turn of one request that must be made, such as a new message."""
        channel = self._channel(channel_id)
        ticket = (int(urgency), next(self._numbers))
        heapq.heappush(channel.waiting, ticket)
        with ExitStack() as request:
            try:
                await self._wait_for_turn(channel, ticket)
                request.enter_context(channel.request(Kind.POST, self._clock()))
            finally:
                channel.waiting.remove(ticket)
                heapq.heapify(channel.waiting)
                channel.tell()
            try:
                yield
            finally:
                if urgency is Urgency.RESULT:
                    channel.calm_at = max(channel.calm_at, self._clock() + CALM_SECONDS)

    @asynccontextmanager
    async def edit(self, channel_id: int) -> AsyncIterator[None]:
        """Allow one edit at once or not at all, since it might be out of date by its turn.

        Raises:
            RouteBusy: the channel's requests are needed for something else; it says when to try again.
        """
        channel, now = self._channel(channel_id), self._clock()
        is_free = not channel.waiting and now >= channel.calm_at
        if not is_free or not channel.has_room(Kind.EDIT, now, reserved=RESERVED):
            raise RouteBusy(self._put_off_seconds(channel, now))
        with channel.request(Kind.EDIT, now):
            yield

    async def _wait_for_turn(self, channel: _Channel, ticket: tuple[int, int]) -> None:
        while True:
            now = self._clock()
            is_first = channel.waiting[0] == ticket
            if is_first and channel.has_room(Kind.POST, now):
                return
            changed = channel.changed
            free_at = channel.free_at(now) if is_first else now
            try:
                async with asyncio.timeout(free_at - now if free_at > now else None):
                    await changed.wait()
            except TimeoutError:
                continue

    def _put_off_seconds(self, channel: _Channel, now: float) -> float:
        """Spread postponed edits out, as close together as the channel allows."""
        free_at = max(channel.calm_at, channel.free_at(now, reserved=RESERVED))
        spacing_seconds = channel.budgets[Kind.EDIT].spacing_seconds
        channel.promised_at = max(channel.promised_at + spacing_seconds, free_at, now + 0.1)
        channel.promised_at = min(channel.promised_at, now + PUT_OFF_MAX_SECONDS)
        return channel.promised_at - now

    def _channel(self, channel_id: int) -> _Channel:
        now = self._clock()
        if len(self._channels) > FORGET_ABOVE:
            self._channels = {
                known_id: known
                for known_id, known in self._channels.items()
                if known.waiting or known.in_flight or now - known.used_at < FORGET_SECONDS
            }
        channel = self._channels.setdefault(channel_id, _Channel())
        channel.used_at = now
        return channel

    async def _heard(
        self,
        session: aiohttp.ClientSession,  # noqa: ARG002  # aiohttp's
        context: SimpleNamespace,  # noqa: ARG002  # aiohttp's
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        # Limits of deletions say nothing about messages, unless one was refused for the messages' limit.
        kind = {"POST": Kind.POST, "PATCH": Kind.EDIT}.get(params.method)
        if kind is None and params.response.status == TOO_MANY:
            kind = Kind.POST
        if kind is not None and (found := _MESSAGES.search(params.url.path)):
            self.heard(int(found["channel"]), kind, params.response.status, params.response.headers)

    def heard(self, channel_id: int, kind: Kind, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer to a post or an edit in the channel."""
        channel = self._channels.get(channel_id)
        if channel is None:
            return
        now, budget = self._clock(), channel.budgets[kind]
        reset_after = _number(headers, "X-RateLimit-Reset-After")
        remaining = _number(headers, "X-RateLimit-Remaining")
        if status == TOO_MANY:
            budget.refused(now, retry_after=_number(headers, "Retry-After") or reset_after or 1.0)
        elif reset_after is not None and remaining is not None:
            budget.learn(
                now,
                limit=int(_number(headers, "X-RateLimit-Limit") or 1),
                remaining=int(remaining),
                reset_after=reset_after,
                uncounted=channel.in_flight - 1,
            )
        channel.tell()


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return float(headers[name])
    except (KeyError, ValueError):
        return None
