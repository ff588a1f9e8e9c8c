"""Which process serves which shard: fair shares, moved one shard at a time."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

MARGIN_SECONDS = 0.5
"""Two IDENTIFYs may not take equally long to arrive. Half of this is also how late one may be sent."""
TAKE_SECONDS = 60.0
"""How long a hand-over may take; after that, the previous owner has the shard to itself again."""


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What all gateway processes have agreed on."""

    count: int
    max_concurrency: int
    """How many shards may identify at the same time: those with different `bucket`s (docs/discord.md 6)."""

    def bucket(self, number: int) -> int:
        return number % self.max_concurrency


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` serves it; `successor` is connecting to take it over. None: nobody, or no longer.

    `is_lapsed`: its owner has not renewed it in time, because it is dead or could not.
    """

    number: int
    owner: str | None = None
    successor: str | None = None
    is_lapsed: bool = False

    @property
    def holder(self) -> str | None:
        """Who will serve it once every hand-over is done."""
        return self.successor or self.owner


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """What a process may do now. `claim`: shards that nobody serves. `take`: one that another process hands over."""

    claim: tuple[int, ...] = ()
    take: int | None = None


def moves(
    shards: Sequence[Shard], processes: Collection[str], me: str, *, room: int, has_watched: bool = True
) -> Moves:
    """The next moves of `me`, one of the live `processes`, which may start `room` more shards at the same time.

    `has_watched`: it has looked regularly for a whole lease. Otherwise the database may have been away for all, and
    processes whose leases lapsed meanwhile may be alive, so it claims none of their shards.

    Every process may claim its share rounded up, so no shard is left over. Then a process with at least two fewer than
    another takes one from the process with the most, until all shares differ by one at most.
    """
    held = Counter(shard.holder for shard in shards)
    free = [shard.number for shard in shards if shard.holder is None and (has_watched or not shard.is_lapsed)]
    if free:
        share = -(-len(shards) // len(processes))
        return Moves(claim=tuple(free[: max(0, min(room, share - held[me]))]))
    if room <= 0 or any(shard.successor == me for shard in shards):
        return Moves()
    given = [
        shard
        for shard in shards
        if shard.owner is not None and shard.successor is None and held[shard.owner] - held[me] >= 2
    ]
    if not given:
        return Moves()
    return Moves(take=max(given, key=lambda shard: (held[shard.owner], shard.owner, shard.number)).number)


def is_live(until: datetime | None, now: datetime, *, longest: timedelta) -> bool:
    """Whether a claim still counts. One that ends later than possible shows that the clock was set back."""
    return until is not None and now < until <= now + longest
