"""What the gateway's services need from storage. mypy checks that it fits."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.shards import Shard
from bot.services.common.aggregates import Memos


class Shards(Protocol):
    """The shards of the gateway connection. A claim that ends later than `longest` from now does not count."""

    async def processes(self, *, now: datetime, longest: timedelta) -> list[str]:
        """The gateway processes that are alive."""

    async def be_present(self, process: str, *, now: datetime, until: datetime) -> None:
        """Count as alive until then; those whose time is over are forgotten."""

    async def begin(self, count: int) -> None:
        """Forget all shards and processes; then there are `count` shards, which nobody serves."""

    async def all(self, *, now: datetime, longest: timedelta) -> Sequence[Shard]:
        """By number, with their live owners and successors."""

    async def renew(self, process: str, *, until: datetime) -> None:
        """Keep everything that the process owns."""

    async def own(self, numbers: Collection[int], process: str, *, until: datetime) -> None:
        """Make the process the owner; a hand-over ends with that."""

    async def succeed(self, number: int, process: str, *, until: datetime) -> None:
        """The process is going to take the shard over."""

    async def give_back(self, process: str) -> None:
        """The process leaves: it owns nothing, takes nothing over, and no longer counts."""

    async def take_turn(self, bucket: int, *, now: datetime, every: timedelta, longest: timedelta) -> datetime:
        """When the caller may identify: now, or `every` after the turn before. None is further away than `longest`."""


class ShardWork(Protocol):
    @property
    def shards(self) -> Shards: ...
    @property
    def memos(self) -> Memos: ...


class ShardStorage(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[ShardWork]:
        """See `bot.services.common.ports.Storage`."""
