"""Share out the few requests that Discord allows: results first, edits when nothing else needs them.

A channel allows few, and discord.py confuses the limits of posts and edits (docs/discord.md 5.1): twelve results at
once drew up to seven answers of 429. The whole bot may make 50 a second, which discord.py doesn't count. All processes
on a PostgreSQL database share these limits (decision 28).
"""

import asyncio
import heapq
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from types import SimpleNamespace

import aiohttp
import msgspec

from bot.chat.channel_budget import CALM_SECONDS, RESERVED, ChannelBudget, Kind
from bot.chat.global_budget import Urgency
from bot.chat.global_limit import GlobalLimit
from bot.chat.shared_state import Kept, Shared
from bot.services.common.messenger import RouteBusy

EXPECTED_SECONDS = 3.0
"""How long edits wait for a result that is being fetched."""
PUT_OFF_MAX_SECONDS = 30.0
LOOK_SECONDS = 0.1
"""How often to check whether another process has learnt a channel's limit."""
WAIT_MAX_SECONDS = 5.0
CLOCKS_DIFFER_SECONDS = 0.1
"""How far processes on a busy machine may disagree about the database's time."""
FRESH_SECONDS = 0.1
"""How soon an edit must be sent once it may go; after that it is counted again."""
TOO_MANY = 429
FORGET_SECONDS = 60.0
FORGET_ABOVE = 1000

_MESSAGES = re.compile(r"/channels/(?P<channel>\d+)/messages(/\d+)?$")


class _Request(msgspec.Struct):
    """What this task is about to send. `counted_until`: if it is sent by then, it has been counted already."""

    urgency: Urgency
    counted_until: float = 0.0


_request: ContextVar[_Request | None] = ContextVar("request", default=None)


class _Channel(msgspec.Struct, eq=False):
    """`budget` is the channel's, shared by all processes; everything else is this process's own."""

    budget: Kept[ChannelBudget]
    in_flight: int = 0
    waiting: list[tuple[int, int]] = msgspec.field(default_factory=list)  # a heap: most urgent first, then in order
    changed: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    calm_at: float = 0.0  # when edits may resume after a result
    promised_at: float = 0.0  # when the last postponed edit should be tried again
    used_at: float = 0.0

    def calm_seconds(self, now: float) -> float:
        """For how long edits stay away because of a result; a far longer time says that the clock was set back."""
        seconds = self.calm_at - now
        return seconds if 0 < seconds < 2 * EXPECTED_SECONDS else 0.0

    def calm(self, now: float, *, seconds: float) -> None:
        self.calm_at = now + max(self.calm_seconds(now), seconds)

    async def take(self, kind: Kind, clock: Callable[[], float], *, urgency: Urgency) -> ChannelBudget | None:
        """Count one request; the budget after it, or None if there is no room for it."""
        taken: ChannelBudget | None = None

        def one_more(budget: ChannelBudget) -> ChannelBudget | None:
            nonlocal taken
            now = clock()
            if urgency is Urgency.EDIT and now < budget.calm_at:
                taken = None
            else:
                taken = budget.taken(kind, now, reserved=RESERVED if urgency is Urgency.EDIT else 0)
            if taken is not None and urgency is Urgency.RESULT:
                taken = taken.calmed(now + CALM_SECONDS)
            return taken

        await self.budget.change(one_more)
        return taken

    async def give_back(self, kind: Kind, taken: ChannelBudget) -> None:
        """Uncount the request that led to `taken`, because it is not made."""
        await self.budget.change(lambda budget: budget.given_back(kind, taken))

    @asynccontextmanager
    async def request(self, kind: Kind, taken: ChannelBudget) -> AsyncIterator[None]:
        """Around the request that led to `taken`."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            asking_until = taken.of(kind).asking_until
            if asking_until and self.budget.state.of(kind).asking_until == asking_until:  # there was no answer
                await self.budget.change(lambda budget: budget.asked(kind, asking_until))
            self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Pacer:
    """One per client. `trace` goes into its `http_trace`, to let every request through and see every answer.

    `shared`: what all processes of the bot know; None if there is only this one.
    """

    def __init__(self, *, shared: Shared | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock if shared is None else shared.clock
        self._everything = GlobalLimit(self._clock, shared)
        self._channels: dict[int, _Channel] = {}
        self._numbers = itertools.count()

    def trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._about_to_send)
        trace.on_request_end.append(self._heard)
        return trace

    def expect(self, channel_id: int) -> None:
        """Note that a result is on its way to the channel."""
        self._channel(channel_id).calm(self._clock(), seconds=EXPECTED_SECONDS)

    async def post_wait_seconds(self, channel_id: int) -> float:
        """Until the channel's known limits leave room for a post; 0: now."""
        now = self._clock()
        return max(0.0, (await self._channel(channel_id).budget.look()).free_at(now) - now)

    @asynccontextmanager
    async def post(self, channel_id: int, urgency: Urgency) -> AsyncIterator[None]:
        """Wait for the turn of one request that must be made, such as a new message."""
        channel = self._channel(channel_id)
        taken = await self._turn(channel, urgency)
        try:
            async with channel.request(Kind.POST, taken):
                with _sending(_Request(urgency)):
                    yield
        finally:
            if urgency is Urgency.RESULT:
                channel.calm(self._clock(), seconds=CALM_SECONDS)

    @property
    def edits_wait_seconds(self) -> float:
        """For how long no edit is allowed anywhere, as far as is known here; 0: now."""
        return self._everything.edits_wait_seconds

    @asynccontextmanager
    async def edit(self, channel_id: int) -> AsyncIterator[None]:
        """Allow one edit at once or not at all, since it might be out of date by its turn.

        Raises:
            RouteBusy: requests are needed for something else; it says when to try again.
        """
        if self.edits_wait_seconds:
            raise RouteBusy(self._everything.put_off_seconds())
        channel = self._channel(channel_id)
        taken = None
        if not channel.waiting and not channel.calm_seconds(self._clock()):
            taken = await channel.take(Kind.EDIT, self._clock, urgency=Urgency.EDIT)
        if taken is None:
            raise RouteBusy(self._put_off_seconds(channel, self._clock()))
        passes = False
        try:
            passes = await self._everything.edit_passes()
        finally:
            if not passes:
                await channel.give_back(Kind.EDIT, taken)
        if not passes:
            raise RouteBusy(self._everything.put_off_seconds())
        async with channel.request(Kind.EDIT, taken):
            with _sending(_Request(Urgency.EDIT, counted_until=self._clock() + FRESH_SECONDS)):
                yield

    async def _turn(self, channel: _Channel, urgency: Urgency) -> ChannelBudget:
        """Wait until the channel has room for this post; the budget after it."""
        ticket = (int(urgency), next(self._numbers))
        heapq.heappush(channel.waiting, ticket)
        try:
            while True:
                changed = channel.changed
                if channel.waiting[0] != ticket:
                    await changed.wait()
                elif (taken := await channel.take(Kind.POST, self._clock, urgency=urgency)) is not None:
                    return taken
                else:
                    await self._wait_for_room(channel, changed, urgency)
        finally:
            channel.waiting.remove(ticket)
            heapq.heapify(channel.waiting)
            channel.tell()

    async def _wait_for_room(self, channel: _Channel, changed: asyncio.Event, urgency: Urgency) -> None:
        """Wait until there may be room; meanwhile all edits, also in other processes, wait for a result."""
        now, budget = self._clock(), channel.budget.state
        free_at = budget.free_at(now)
        if urgency is Urgency.RESULT and self._shared is not None and budget.calm_at <= free_at:
            await channel.budget.change(lambda budget: budget.calmed(free_at + CALM_SECONDS))
        if free_at > now:
            seconds: float | None = min(free_at - now, WAIT_MAX_SECONDS)
        else:
            seconds = None if self._shared is None else LOOK_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass

    def _put_off_seconds(self, channel: _Channel, now: float) -> float:
        """Spread postponed edits out, as close together as the channel allows."""
        budget = channel.budget.state
        free_at = max(now + channel.calm_seconds(now), budget.calm_at, budget.free_at(now, reserved=RESERVED))
        channel.promised_at = max(channel.promised_at + budget.edit.spacing_seconds, free_at, now + 0.1)
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
        channel = self._channels.get(channel_id)
        if channel is None:
            channel = _Channel(Kept(f"channel {channel_id}", ChannelBudget(), self._shared))
            self._channels[channel_id] = channel
        channel.used_at = now
        return channel

    async def _about_to_send(
        self,
        session: aiohttp.ClientSession,  # noqa: ARG002  # aiohttp's
        context: SimpleNamespace,  # noqa: ARG002  # aiohttp's
        params: aiohttp.TraceRequestStartParams,
    ) -> None:
        # Answers to interactions carry no token, are exempt (docs/discord.md 5.1) and cannot wait.
        if "Authorization" not in params.headers:
            return
        request = _request.get()
        if request is None:
            await self._everything.pass_through(Urgency.MESSAGE)
        elif self._clock() >= request.counted_until:
            await self._everything.pass_through(request.urgency)
        else:
            request.counted_until = 0.0  # discord.py's next try is counted again

    async def _heard(
        self,
        session: aiohttp.ClientSession,  # noqa: ARG002  # aiohttp's
        context: SimpleNamespace,  # noqa: ARG002  # aiohttp's
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        status, headers = params.response.status, params.response.headers
        if status == TOO_MANY and "X-RateLimit-Global" in headers:
            await self._everything.refused(_number(headers, "Retry-After") or 1.0)
            return
        # Limits of deletions say nothing about messages, unless one was refused for the messages' limit.
        kind = {"POST": Kind.POST, "PATCH": Kind.EDIT}.get(params.method)
        if kind is None and status == TOO_MANY:
            kind = Kind.POST
        if kind is not None and (found := _MESSAGES.search(params.url.path)):
            await self.heard(int(found["channel"]), kind, status, headers)

    async def heard(self, channel_id: int, kind: Kind, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer to a post or an edit in the channel."""
        channel = self._channels.get(channel_id)
        if channel is None:
            return
        reset_after = _number(headers, "X-RateLimit-Reset-After")
        remaining = _number(headers, "X-RateLimit-Remaining")
        limit = int(_number(headers, "X-RateLimit-Limit") or 1)
        now, uncounted = self._clock(), channel.in_flight - 1
        lasts = (reset_after or 0.0) + (CLOCKS_DIFFER_SECONDS if self._shared is not None else 0.0)

        def learned(budget: ChannelBudget) -> ChannelBudget:
            own = budget.of(kind)
            if status == TOO_MANY:
                retry_after = _number(headers, "Retry-After") or reset_after or 1.0
                if kind is Kind.EDIT and remaining:
                    return budget.without_edits(now + retry_after)
                return budget.set(kind, own.refused(now, retry_after=retry_after))
            if reset_after is None or remaining is None:
                return budget
            left = int(remaining)
            learned = own.learned(now, limit=limit, remaining=left, reset_after=lasts, uncounted=uncounted)
            return budget.set(kind, learned) if learned.says_more_than(own, now) else budget

        await channel.budget.change(learned)
        channel.tell()


@contextmanager
def _sending(request: _Request) -> Iterator[None]:
    _request.set(request)
    try:
        yield
    finally:
        _request.set(None)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        return float(headers[name])
    except (KeyError, ValueError):
        return None
