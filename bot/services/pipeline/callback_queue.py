"""When to apply which callback: new ones at once, the backlog alongside, and none in another's way.

Decision 8 gives the reasons.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.inbox_entry import NEWEST, CallbackEntry
from bot.domain.pace import backoff_seconds
from bot.domain.reports import TaskReport
from bot.domain.text import text
from bot.errors import Outage
from bot.services.common.bells import Bell
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage
from bot.services.operator.notices import Operator

log = logging.getLogger(__name__)

NEW_AT_ONCE = 32
"""The provider starts at most two tasks a second, and each ends once: even if every question takes 8 s, there is a free
place for a new callback."""
OLD_AT_ONCE = 32
"""How many backlog callbacks are handled at the same time, however long it is."""
TRIES = 6
PAUSE_MAX = timedelta(minutes=5)
OUTAGE_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How long it may take to notice free places, and callbacks whose pause is over."""
REASON_MAX = 500


class Postponed(Exception):
    """Raised by `apply`: nothing is wrong with the callback, but it has to wait."""


@dataclass(slots=True)
class _Lane:
    """The part of the inbox with `after` < id <= `up_to`; `after` advances as callbacks are begun."""

    places: int
    after: int = 0
    up_to: int = NEWEST
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def free(self) -> int:
        return self.places - len(self.under_way)


class CallbackQueue:
    """The step of the callbacks worker: fill the free places, then wait until something changes."""

    def __init__(
        self,
        storage: Storage,
        parse: Callable[[bytes], TaskReport],
        apply: Callable[[CallbackEntry, TaskReport], Awaitable[None]],
        operator: Operator,
        bell: Bell,
        clock: Clock,
        *,
        backoff_base_seconds: float = 2.0,
    ) -> None:
        """`apply` may be repeated for an entry; whatever it raises concerns only that entry."""
        self._storage = storage
        self._parse = parse
        self._apply = apply
        self._operator = operator
        self._bell = bell
        self._clock = clock
        self._backoff_base_seconds = backoff_base_seconds
        self._is_ready = False
        self._new = _Lane(NEW_AT_ONCE)
        self._old = _Lane(OLD_AT_ONCE)  # the backlog, and everything that is tried again
        self._again_at: dict[int, datetime] = {}
        self._failures: Counter[int] = Counter()

    async def step(self) -> bool:
        seen = self._bell.rung
        try:
            await self._begin_more()
            under_way = self._new.under_way | self._old.under_way
            if under_way:
                await self._wait(under_way, seen)
        except asyncio.CancelledError:
            await self._abandon()
            raise
        return bool(under_way)

    async def next_due(self) -> datetime | None:
        """When to try a callback again; new ones ring."""
        return min(self._again_at.values(), default=None)

    async def _begin_more(self) -> None:
        if not self._is_ready:
            await self._look_back()
        self._begin(self._new, await self._next_of(self._new))
        self._begin(self._old, await self._due_again())
        self._begin(self._old, await self._next_of(self._old))

    async def _look_back(self) -> None:
        """Retry callbacks that were set aside: a new release may be able to read them."""
        async with self._storage.transaction() as work:
            count = await work.inbox.take_up_again()
            newest_id = await work.inbox.newest_id()
        if count:
            log.info("%d callbacks that had been set aside are tried again", count)
        self._old.up_to = self._new.after = newest_id
        self._is_ready = True

    async def _next_of(self, lane: _Lane) -> list[CallbackEntry]:
        if lane.after >= lane.up_to or not lane.free:
            return []
        entries = await self._storage.reading.inbox.pending(after=lane.after, up_to=lane.up_to, limit=lane.free)
        if entries:
            lane.after = entries[-1].id
        elif lane is self._old:
            lane.after = lane.up_to  # the backlog is done, and nothing is ever added to it
        return list(entries)

    async def _due_again(self) -> list[CallbackEntry]:
        now = self._clock()
        waiting = self._again_at.items()  # later than the longest pause only if the clock was set back
        due = [entry_id for entry_id, at in waiting if at <= now or at > now + PAUSE_MAX][: self._old.free]
        entries = [await self._storage.reading.inbox.entry(entry_id) for entry_id in due]
        for entry_id in due:
            del self._again_at[entry_id]
        return [entry for entry in entries if entry is not None]  # otherwise another process has done it

    def _begin(self, lane: _Lane, entries: list[CallbackEntry]) -> None:
        for entry in entries:
            task = asyncio.create_task(self._work(entry), name=f"callback {entry.id}")
            lane.under_way.add(task)
            task.add_done_callback(lane.under_way.discard)

    async def _wait(self, under_way: set[asyncio.Task[None]], seen: int) -> None:
        """Wait until one of them is done, or the bell rings for a new callback."""
        rung = asyncio.create_task(self._bell.wait(seen=seen, timeout_seconds=LOOK_SECONDS), name="callbacks bell")
        try:
            await asyncio.wait({*under_way, rung}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            await asyncio.gather(rung, return_exceptions=True)

    async def _abandon(self) -> None:
        """Leave the ones under way pending, for the next step or start."""
        under_way = self._new.under_way | self._old.under_way
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _work(self, entry: CallbackEntry) -> None:
        """Handle one callback; its failure does not affect the others."""
        try:
            await self._apply_or_set_aside(entry)
        except (Outage, Postponed):
            self._put_off(entry, OUTAGE_SECONDS)
        except asyncio.CancelledError:
            self._put_off(entry, 0)
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the others must not wait for it
            self._failed(entry, error)
        else:
            self._failures.pop(entry.id, None)

    def _failed(self, entry: CallbackEntry, error: Exception) -> None:
        self._failures[entry.id] += 1
        tries = self._failures[entry.id]
        log.error("callback %d failed at try %d (%s)", entry.id, tries, error, exc_info=tries == 1)
        self._put_off(entry, self._pause_seconds(tries))

    def _pause_seconds(self, tries: int) -> float:
        cap_seconds = PAUSE_MAX.total_seconds()
        return backoff_seconds(tries, base_seconds=self._backoff_base_seconds, cap_seconds=cap_seconds)

    def _put_off(self, entry: CallbackEntry, seconds: float) -> None:
        self._again_at[entry.id] = self._clock() + timedelta(seconds=seconds)

    async def _apply_or_set_aside(self, entry: CallbackEntry) -> None:
        try:
            reported = self._parse(entry.body)
        except Exception as error:  # noqa: BLE001  # every try would end the same
            await self._set_aside(entry, f"it cannot be read: {error}")
            return
        try:
            await self._apply(entry, reported)
        except (Outage, Postponed):
            raise
        except Exception as error:
            if self._failures[entry.id] + 1 < TRIES:
                raise
            await self._set_aside(entry, f"it failed {TRIES} times: {type(error).__name__}: {error}")

    async def _set_aside(self, entry: CallbackEntry, reason: str) -> None:
        now = self._clock()
        async with self._storage.transaction() as work:
            await work.inbox.set_aside(entry.id, at=now, reason=reason[:REASON_MAX])
            count = await work.inbox.count_set_aside()
        line = f"callback {entry.id} of job {entry.job_id[:8]} was set aside, {count} in all; {reason}"
        await self._operator.tell_hourly(
            "callback",
            f"callback {entry.id} set aside",
            [
                text(
                    "I can't use a message from the music service (callback {callback}), so I set it aside. Its job"
                    " is still being watched, and everything else keeps running. Set aside in all: {count}. The log"
                    " says why; I'll try again once when I'm restarted.",
                    callback=str(entry.id),
                    count=count,
                )
            ],
            log_line=line,
        )
