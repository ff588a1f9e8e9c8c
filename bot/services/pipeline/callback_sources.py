"""Where callbacks to apply come from: an inbox of one process alone, or one that several share."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from bot import fault_points
from bot.domain.inbox_entry import CallbackEntry
from bot.errors import Outage
from bot.services.common.clock import Clock, is_due
from bot.services.common.lease import an_owner
from bot.services.common.ports import Storage, Work

PAUSE_MAX = timedelta(minutes=5)


class CallbackSource(Protocol):
    """Gives out each callback once, until it is `done` or put off. Those beyond `limit` come next time."""

    def start(self, newest_id: int) -> None:
        """Callbacks with a higher id are new; the others are the backlog."""

    async def new(self, limit: int) -> Sequence[CallbackEntry]: ...

    async def old(self, limit: int) -> Sequence[CallbackEntry]:
        """Those whose pause is over, then the backlog."""

    def failures(self, entry: CallbackEntry) -> int:
        """How often in a row it failed before."""

    def done(self, entry: CallbackEntry) -> None:
        """It was applied or set aside."""

    async def put_off(self, entry: CallbackEntry, *, seconds: float, failures: int) -> None: ...

    async def next_due(self) -> datetime | None:
        """When to try a callback again; new ones ring the bell."""

    async def leave(self, entries: Sequence[CallbackEntry]) -> None:
        """Their work was interrupted; the next step or start does it."""

    async def release(self) -> bool:
        """Leave everything to other processes; whether there was anything."""


class OwnInbox:
    """For one process: it remembers what it has begun, so nothing has to be written down."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._newest_at_start = self._begun_new = self._begun_old = 0
        self._again_at: dict[int, datetime] = {}
        self._failures: Counter[int] = Counter()

    def start(self, newest_id: int) -> None:
        self._newest_at_start = self._begun_new = newest_id

    async def new(self, limit: int) -> Sequence[CallbackEntry]:
        if not limit:
            return []
        entries = await self._storage.reading.inbox.pending(after=self._begun_new, limit=limit)
        if entries:
            self._begun_new = entries[-1].id
        return entries

    async def old(self, limit: int) -> Sequence[CallbackEntry]:
        due = await self._due_again(limit)
        return [*due, *await self._backlog(limit - len(due))]

    async def _due_again(self, limit: int) -> Sequence[CallbackEntry]:
        now = self._clock()
        waiting = self._again_at.items()  # later than the longest pause only if the clock was set back
        due = [entry_id for entry_id, at in waiting if at <= now or at > now + PAUSE_MAX][:limit]
        entries = [await self._storage.reading.inbox.entry(entry_id) for entry_id in due]
        for entry_id in due:
            del self._again_at[entry_id]
        return [entry for entry in entries if entry is not None]  # otherwise another process has done it

    async def _backlog(self, limit: int) -> Sequence[CallbackEntry]:
        if not limit or self._begun_old >= self._newest_at_start:
            return []
        entries = await self._storage.reading.inbox.pending(
            after=self._begun_old, up_to=self._newest_at_start, limit=limit
        )
        # The backlog never grows.
        self._begun_old = entries[-1].id if entries else self._newest_at_start
        return entries

    def failures(self, entry: CallbackEntry) -> int:
        return self._failures[entry.id]

    def done(self, entry: CallbackEntry) -> None:
        self._failures.pop(entry.id, None)

    async def put_off(self, entry: CallbackEntry, *, seconds: float, failures: int) -> None:
        self._failures[entry.id] = failures
        self._again_at[entry.id] = self._clock() + timedelta(seconds=seconds)

    async def next_due(self) -> datetime | None:
        return min(self._again_at.values(), default=None)

    async def leave(self, entries: Sequence[CallbackEntry]) -> None:
        for entry in entries:
            await self.put_off(entry, seconds=0, failures=self.failures(entry))

    async def release(self) -> bool:
        return False


class SharedInbox:
    """For several processes: each claims what it begins, and takes over what a dead one had claimed."""

    def __init__(self, storage: Storage, clock: Clock, *, lease_seconds: float) -> None:
        """`lease_seconds`: longer than it takes to apply a callback, since a claim is not renewed."""
        self._storage = storage
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._owner = an_owner("callbacks")
        self._newest_at_start = 0
        self._in_hand: set[int] = set()

    def start(self, newest_id: int) -> None:
        self._newest_at_start = newest_id

    async def new(self, limit: int) -> Sequence[CallbackEntry]:
        if not limit or not await self._storage.reading.inbox.has_untouched(after=self._newest_at_start):
            return []
        claimed = await self._storage.write(
            lambda work: work.inbox.claim_untouched(
                after=self._newest_at_start, until=self._clock() + self._lease, limit=limit, owner=self._owner
            )
        )
        await fault_points.pause_at("after callbacks are claimed")
        return self._taken(claimed)

    async def old(self, limit: int) -> Sequence[CallbackEntry]:
        inbox = self._storage.reading.inbox
        may_be_due = is_due(await inbox.next_due(), self._clock())
        if not limit or not (may_be_due or await inbox.has_untouched(up_to=self._newest_at_start)):
            return []

        async def claimed(work: Work) -> list[CallbackEntry]:
            now = self._clock()
            until = now + self._lease
            due = await work.inbox.claim_due(now=now, until=until, limit=limit, owner=self._owner)
            backlog = await work.inbox.claim_untouched(
                up_to=self._newest_at_start, until=until, limit=limit - len(due), owner=self._owner
            )
            return [*due, *backlog]

        return self._taken(await self._storage.write(claimed))

    def _taken(self, claimed: Sequence[CallbackEntry]) -> Sequence[CallbackEntry]:
        """Without those that this process is still applying although their claims have run out."""
        mine = [entry for entry in claimed if entry.id not in self._in_hand]
        self._in_hand.update(entry.id for entry in mine)
        return mine

    def failures(self, entry: CallbackEntry) -> int:
        return entry.failures

    def done(self, entry: CallbackEntry) -> None:
        self._in_hand.discard(entry.id)

    async def put_off(self, entry: CallbackEntry, *, seconds: float, failures: int) -> None:
        self._in_hand.discard(entry.id)
        until = self._clock() + timedelta(seconds=seconds)
        with suppress(Outage):  # then the claim runs out
            await self._storage.write(
                lambda work: work.inbox.put_off(entry.id, owner=self._owner, until=until, failures=failures)
            )

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.inbox.next_due()

    async def leave(self, entries: Sequence[CallbackEntry]) -> None:
        self._in_hand.difference_update(entry.id for entry in entries)
        now = self._clock()

        async def left(work: Work) -> None:
            for entry in entries:
                await work.inbox.put_off(entry.id, owner=self._owner, until=now, failures=entry.failures)

        with suppress(Outage):  # as above
            await self._storage.write(left)

    async def release(self) -> bool:
        return await self._storage.write(lambda work: work.inbox.release_all(self._owner, at=self._clock())) > 0
