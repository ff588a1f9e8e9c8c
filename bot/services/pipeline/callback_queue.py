"""When to apply which callback: new ones at once, the backlog alongside, and none in another's way.

Decision 8 gives the reasons.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.inbox_entry import CallbackEntry
from bot.domain.pace import backoff_seconds
from bot.domain.reports import TaskReport
from bot.domain.text import text
from bot.errors import Outage
from bot.services.common.bells import Bell
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.operator.notices import Operator
from bot.services.pipeline.callback_sources import PAUSE_MAX, CallbackSource, OwnInbox, SharedInbox

log = logging.getLogger(__name__)

NEW_AT_ONCE = 32
"""The provider starts at most two tasks a second, and each ends once: even if every question takes 8 s, there is a free
place for a new callback."""
OLD_AT_ONCE = 32
"""How many backlog callbacks are handled at the same time, however long it is."""
TRIES = 6
OUTAGE_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How long it may take to notice free places, and callbacks whose pause is over."""
REASON_MAX = 500


class Postponed(Exception):
    """Raised by `apply`: nothing is wrong with the callback, but it has to wait."""


@dataclass(slots=True)
class _Lane:
    """Callbacks under way, up to so many at a time."""

    places: int
    under_way: dict[asyncio.Task[None], CallbackEntry] = field(default_factory=dict)

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
        lease_seconds: float,
        backoff_base_seconds: float = 2.0,
    ) -> None:
        """`apply` may be repeated for an entry; whatever it raises concerns only that entry.

        `lease_seconds`: when another process takes over a callback; longer than `apply` takes.
        """
        self._storage = storage
        self._parse = parse
        self._apply = apply
        self._operator = operator
        self._bell = bell
        self._clock = clock
        self._backoff_base_seconds = backoff_base_seconds
        self._is_ready = False
        self._source: CallbackSource = (
            SharedInbox(storage, clock, lease_seconds=lease_seconds) if storage.is_shared else OwnInbox(storage, clock)
        )
        self._new = _Lane(NEW_AT_ONCE)
        self._old = _Lane(OLD_AT_ONCE)  # the backlog, and everything that is tried again

    async def release(self) -> None:
        """Leave to other processes what was claimed and never begun."""
        if await self._source.release():
            self._bell.ring()

    async def step(self) -> bool:
        seen = self._bell.rung
        try:
            await self._begin_more()
            under_way = {**self._new.under_way, **self._old.under_way}
            if under_way:
                await self._wait(under_way, seen)
        except asyncio.CancelledError:
            await self._abandon()
            raise
        return bool(under_way)

    async def next_due(self) -> datetime | None:
        """When to try a callback again; new ones ring the bell."""
        return await self._source.next_due()

    async def _begin_more(self) -> None:
        if not self._is_ready:
            await self._look_back()
        self._begin(self._new, await self._source.new(self._new.free))
        self._begin(self._old, await self._source.old(self._old.free))

    async def _look_back(self) -> None:
        """Retry callbacks that were set aside: a new release may be able to read them."""

        async def taken_up(work: Work) -> tuple[int, int]:
            return await work.inbox.take_up_again(), await work.inbox.newest_id()

        count, newest_id = await self._storage.write(taken_up)
        if count:
            log.info("%d callbacks that had been set aside are tried again", count)
        self._source.start(newest_id)
        self._is_ready = True

    def _begin(self, lane: _Lane, entries: Sequence[CallbackEntry]) -> None:
        for entry in entries:
            task = asyncio.create_task(self._work(entry), name=f"callback {entry.id}")
            lane.under_way[task] = entry
            task.add_done_callback(lane.under_way.pop)

    async def _wait(self, under_way: Iterable[asyncio.Task[None]], seen: int) -> None:
        """Wait until one of them is done, or the bell rings for a new callback."""
        rung = asyncio.create_task(self._bell.wait(seen=seen, timeout_seconds=LOOK_SECONDS), name="callbacks bell")
        try:
            await asyncio.wait({*under_way, rung}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rung.cancel()
            await asyncio.gather(rung, return_exceptions=True)

    async def _abandon(self) -> None:
        """Leave the ones under way pending, for the next step or start."""
        under_way = {**self._new.under_way, **self._old.under_way}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        left = [entry for task, entry in under_way.items() if task.cancelled()]
        await self._source.leave(left)
        if left:
            self._bell.ring()

    async def _work(self, entry: CallbackEntry) -> None:
        """Handle one callback; its failure does not affect the others."""
        try:
            await self._apply_or_set_aside(entry)
        except (Outage, Postponed):
            await self._source.put_off(entry, seconds=OUTAGE_SECONDS, failures=self._source.failures(entry))
        except Exception as error:  # noqa: BLE001  # whatever it is, the others must not wait for it
            await self._failed(entry, error)
        else:
            self._source.done(entry)

    async def _failed(self, entry: CallbackEntry, error: Exception) -> None:
        tries = self._source.failures(entry) + 1
        log.error("callback %d failed at try %d (%s)", entry.id, tries, error, exc_info=tries == 1)
        await self._source.put_off(entry, seconds=self._pause_seconds(tries), failures=tries)

    def _pause_seconds(self, tries: int) -> float:
        cap_seconds = PAUSE_MAX.total_seconds()
        return backoff_seconds(tries, base_seconds=self._backoff_base_seconds, cap_seconds=cap_seconds)

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
            if self._source.failures(entry) + 1 < TRIES:
                raise
            await self._set_aside(entry, f"it failed {TRIES} times: {type(error).__name__}: {error}")

    async def _set_aside(self, entry: CallbackEntry, reason: str) -> None:
        now = self._clock()

        async def set_aside(work: Work) -> int:
            await work.inbox.set_aside(entry.id, at=now, reason=reason[:REASON_MAX])
            return await work.inbox.count_set_aside()

        count = await self._storage.write(set_aside)
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
