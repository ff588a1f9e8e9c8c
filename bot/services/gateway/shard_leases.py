"""The shards that this process serves, and when each may identify, agreed with all other gateway processes.

Times come from the clock that all of them share. Decision 25 has the reasons.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

import msgspec

from bot.domain.shards import MARGIN_SECONDS, TAKE_SECONDS, Agreed, moves
from bot.services.common.clock import Clock
from bot.services.common.lease import an_owner
from bot.services.gateway.ports import ShardStorage, ShardWork

log = logging.getLogger(__name__)

AGREED = "shards"
"""The memo with the number of shards and Discord's `max_concurrency`."""
IDENTIFY_SECONDS = 5.0
"""The pause that Discord demands between two IDENTIFYs in one bucket (docs/discord.md 6)."""
TAKE = timedelta(seconds=TAKE_SECONDS)
LATE = timedelta(seconds=MARGIN_SECONDS / 2)
"""The longest delay after which a turn may still be used."""


class ShardsDiffer(Exception):
    """This process wants or has another number of shards than the others."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The shards this process should be connected to. `has_taken`: a previous owner should disconnect now."""

    owned: frozenset[int]
    taking: int | None
    has_taken: bool

    @property
    def numbers(self) -> frozenset[int]:
        return self.owned if self.taking is None else self.owned | {self.taking}


class ShardLeases:
    """One for each process."""

    def __init__(
        self,
        storage: ShardStorage,
        clock: Clock,
        *,
        lease_seconds: float,
        identify_seconds: float = IDENTIFY_SECONDS,
        is_alone: bool = False,
    ) -> None:
        """`is_alone`: no other machine shares the database, so whatever an earlier process left is ignored."""
        self.process = an_owner("gateway")
        self._storage = storage
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._every = timedelta(seconds=identify_seconds + MARGIN_SECONDS)
        self._longest = 2 * max(self._lease, TAKE)
        self._is_alone = is_alone
        self._agreed: Agreed | None = None
        self._looked_at: datetime | None = None
        self._watching_since: datetime | None = None
        self.taking: int | None = None

    @property
    def agreed(self) -> Agreed:
        assert self._agreed is not None  # noqa: S101  # `agree` comes first
        return self._agreed

    async def agree(self, wanted: int | None, *, recommended: Agreed) -> Agreed:
        """Join the others, or set the numbers for those who come later.

        `wanted`: the operator's number; None: that of the others, or the `recommended` one.

        Raises:
            ShardsDiffer: others are at work with another number than `wanted`.
            Outage: nothing was agreed.
        """
        self._agreed = await self._storage.write(partial(self._joined, wanted, recommended))
        return self._agreed

    async def _joined(self, wanted: int | None, recommended: Agreed, work: ShardWork) -> Agreed:
        now = self._clock()
        agreed = _parsed(await work.memos.get(AGREED))
        others = [] if self._is_alone else await work.shards.processes(now=now, longest=self._longest)
        if agreed is None or not others:
            agreed = Agreed(count=wanted or recommended.count, max_concurrency=recommended.max_concurrency)
            await work.memos.put(AGREED, f"{agreed.count} {agreed.max_concurrency}")
            await work.shards.begin(agreed.count)
        elif wanted not in {None, agreed.count}:
            raise ShardsDiffer(
                f"SHARDS is {wanted}, but the gateway processes at work have {agreed.count} shards: stop all of"
                f" them before you start one with the new number, or set SHARDS={agreed.count}"
            )
        await work.shards.be_present(self.process, now=now, until=now + self._lease)
        return agreed

    async def look(self, connected: Collection[int], *, room: int) -> Look:
        """Renew what this process has, finish a hand-over to it, and claim or take what it may.

        `connected`: the shards that it can serve now. `room`: how many more it may start.

        Raises:
            ShardsDiffer: the number has been changed by others.
            Outage: nothing has changed.
        """
        look, now = await self._storage.write(partial(self._looked, connected, room))
        self._looked_at = now
        self.taking = look.taking
        return look

    async def _looked(self, connected: Collection[int], room: int, work: ShardWork) -> tuple[Look, datetime]:
        now, shards = self._clock(), work.shards
        if _parsed(await work.memos.get(AGREED)) != self.agreed:
            raise ShardsDiffer(
                f"other gateway processes have changed the number of shards from {self.agreed.count}: start this"
                " one again with the same SHARDS"
            )
        until = now + self._lease
        has_watched = self._has_watched(now)
        await shards.be_present(self.process, now=now, until=until)
        processes = await shards.processes(now=now, longest=self._longest)
        await shards.renew(self.process, until=until)
        all_now = await shards.all(now=now, longest=self._longest)
        # A hand-over ends once this process can serve the shard, or has to because nobody else does.
        to_own = [
            shard.number
            for shard in all_now
            if shard.successor == self.process and (shard.number in connected or (has_watched and shard.owner is None))
        ]
        await shards.own(to_own, self.process, until=until)
        if to_own:
            all_now = await shards.all(now=now, longest=self._longest)
        next_moves = moves(all_now, processes, self.process, room=room, has_watched=has_watched)
        await shards.own(next_moves.claim, self.process, until=until)
        if next_moves.take is not None:
            await shards.succeed(next_moves.take, self.process, until=now + TAKE)
        owned = {shard.number for shard in all_now if shard.owner == self.process} | {*next_moves.claim}
        taking = next((shard.number for shard in all_now if shard.successor == self.process), next_moves.take)
        return Look(owned=frozenset(owned), taking=taking, has_taken=bool(to_own)), now

    def _has_watched(self, now: datetime) -> bool:
        """Whether it has looked regularly for a whole lease, so that no lease lapsed because the database was away."""
        is_regular = self._looked_at is not None and timedelta(0) <= now - self._looked_at <= self._lease
        if self._watching_since is None or not is_regular:
            self._watching_since = now
        return now - self._watching_since >= self._lease

    async def take_now(self, number: int) -> None:
        """Discord does not accept a second session beside the owner's: end the hand-over, so that the owner leaves."""

        async def taken(work: ShardWork) -> None:
            if await self._holds(work, number):
                await work.shards.own([number], self.process, until=self._clock() + self._lease)

        await self._storage.write(taken)

    async def take_turn(self, number: int) -> datetime | None:
        """When the shard may identify; None if this process must not begin a session for it now.

        Raises:
            Outage: the database cannot say.
        """

        async def taken(work: ShardWork) -> datetime | None:
            if not await self._holds(work, number):
                return None
            return await work.shards.take_turn(
                self.agreed.bucket(number),
                now=self._clock(),
                every=self._every,
                longest=2 * self.agreed.count * self._every,
            )

        return await self._storage.write(taken)

    def seconds_until(self, turn: datetime) -> float:
        return (turn - self._clock()).total_seconds()

    async def leave(self) -> None:
        """Give everything back at once. After an `Outage`, the leases run out instead."""
        await self._storage.write(lambda work: work.shards.give_back(self.process))

    async def _holds(self, work: ShardWork, number: int) -> bool:
        """During a hand-over, only the successor may begin a session: the owner's could end the new one."""
        every = await work.shards.all(now=self._clock(), longest=self._longest)
        return any(shard.number == number and shard.holder == self.process for shard in every)


def _parsed(memo: str | None) -> Agreed | None:
    if memo is None:
        return None
    count, max_concurrency = map(int, memo.split())
    return Agreed(count=count, max_concurrency=max_concurrency)
