"""Tells a thread how its relay goes: that a turn is free, and in the end who made the song.

A relay is due in the database when there may be something to tell, and every few seconds while a turn is being made,
then ever less often.
Telling it needs a claim there: one process does it, also after a restart.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

import msgspec

from bot.domain.pace import backoff_seconds
from bot.domain.relays import CLAIM, Relay, Stand
from bot.services.common.clock import Clock
from bot.services.common.lease import an_owner
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage, Work
from bot.services.songs.relays import RelayView, look_at

log = logging.getLogger(__name__)

AT_ONCE = 4
POST_SECONDS = 12.0
"""How long one message may take."""
SLOWER = 10
"""A turn that has been under way for this many times as long as `every` is looked at less often."""
RAREST = timedelta(minutes=1)
"""Its job may wait for days, until the account is open or the thread can be posted in."""
TRIES = 20
"""After so many failures in a row the thread is told nothing; `/relay status` still works."""

Record: TypeAlias = Callable[[Work], Coroutine[Any, Any, bool]]


class RelayPosts(Protocol):
    """How a thread hears of its relay; `bot.chat.song` does it through Discord."""

    async def tell(self, view: RelayView) -> None:
        """The same news is posted once, within minutes. Raises `RouteClosed` and `RouteUnavailable`."""


class RelayTimes(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds. `every`: how often a turn's job is looked at, at first; `lease`: of a dead worker's claim."""

    every: float
    lease: float = 30
    backoff_base: float = 2


class RelayNews:
    """The step of a worker."""

    def __init__(self, storage: Storage, posts: RelayPosts, *, times: RelayTimes, clock: Clock) -> None:
        self._storage = storage
        self._posts = posts
        self._times = times
        self._clock = clock
        self._owner = an_owner("relays")

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.relays.next_due()

    async def release(self) -> None:
        """Leave interrupted work to other processes at once, before the claims run out."""
        await self._storage.write(lambda work: work.relays.release_all(self._owner, at=self._clock()))

    async def step(self) -> bool:
        """Look at a few relays; False if none is due."""
        now = self._clock()
        until = now + timedelta(seconds=self._times.lease)
        claimed = await self._storage.write(
            lambda work: work.relays.claim_due(now=now, until=until, limit=AT_ONCE, owner=self._owner)
        )
        await asyncio.gather(*(self._look(relay, failures) for relay, failures in claimed))
        return bool(claimed)

    async def _look(self, relay: Relay, failures: int) -> None:
        record = await self._outcome(relay, failures)
        if not await self._storage.write(record):
            log.info("relay %s: something happened meanwhile; somebody else looks at it again", relay.id)

    async def _outcome(self, relay: Relay, failures: int) -> Record:
        """What to write down once the thread is told."""
        view = await self._storage.read(lambda work: look_at(work, relay))
        if (again_at := self._too_early(view)) is not None:
            return self._put_off(relay, again_at)
        if not _is_news(view) or not await self._storage.reading.relays.is_claimed(relay.id, owner=self._owner):
            return self._told(relay)
        try:
            async with asyncio.timeout(POST_SECONDS):
                await self._posts.tell(view)
        except RouteClosed as error:
            log.info("relay %s: its thread is closed (%s)", relay.id, error)
        except (RouteUnavailable, TimeoutError) as error:
            if failures + 1 < TRIES:
                pause_seconds = backoff_seconds(failures + 1, base_seconds=self._times.backoff_base)
                return self._put_off(relay, self._clock() + timedelta(seconds=pause_seconds), failures=failures + 1)
            log.warning("relay %s: its thread could not be told (%s)", relay.id, error)
        return self._told(relay)

    def _too_early(self, view: RelayView) -> datetime | None:
        """When to look again, as long as somebody has the turn."""
        position, now = view.position, self._clock()
        if position.stand is Stand.MAKING and position.turn is not None:
            sent_off_at = position.turn.until - CLAIM
            return now + min(max(timedelta(seconds=self._times.every), (now - sent_off_at) / SLOWER), RAREST)
        if position.stand is Stand.CLAIMED and position.turn is not None and now < position.turn.until:
            return position.turn.until
        return None

    def _put_off(self, relay: Relay, until: datetime, *, failures: int = 0) -> Record:
        return lambda work: work.relays.put_off(relay.id, owner=self._owner, until=until, failures=failures)

    def _told(self, relay: Relay) -> Record:
        return lambda work: work.relays.told(relay.id, owner=self._owner)


def _is_news(view: RelayView) -> bool:
    """Nobody needs to hear that there is nothing to continue, or of the end of a relay that they never heard of."""
    if view.position.stand is Stand.FINISHED:
        return bool(view.made) or view.relay.opening.source is None
    return view.position.stand is not Stand.GONE
