"""What the gateway's services need from storage. mypy checks that it fits."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from bot.domain.shards import Shard
from bot.services.common.aggregates import Memos

T = TypeVar("T")


class Shards(Protocol):
    """The shards of the gateway connection. A claim that ends later than `longest` from now does not count."""

    async def processes(self, *, now: datetime, longest: timedelta) -> list[str]:
        """The gateway processes that are alive."""

    async def be_present(self, process: str, *, now: datetime, until: datetime) -> None:
        """Count as alive until then, and forget those whose time is over."""

    async def begin(self, count: int) -> None:
        """Start over with `count` shards, which nobody serves, and no processes."""

    async def all(self, *, now: datetime, longest: timedelta) -> Sequence[Shard]:
        """By number, with their live owners and successors."""

    async def renew(self, process: str, *, until: datetime) -> None:
        """Keep everything that the process owns."""

    async def own(self, numbers: Collection[int], process: str, *, until: datetime) -> None:
        """Make the process the owner, which ends a hand-over."""

    async def succeed(self, number: int, process: str, *, until: datetime) -> None:
        """Begin a hand-over of the shard to the process."""

    async def give_back(self, process: str) -> None:
        """Remove the process, with everything that it owns or is taking over."""

    async def take_turn(self, bucket: int, *, now: datetime, every: timedelta, longest: timedelta) -> datetime:
        """When the caller may identify: now, or `every` after the previous turn, but within `longest`."""


class ShardWork(Protocol):
    @property
    def shards(self) -> Shards: ...
    @property
    def memos(self) -> Memos: ...


class ShardStorage(Protocol):
    async def write(self, piece: Callable[[ShardWork], Coroutine[Any, Any, T]]) -> T:
        """See `bot.services.common.ports.Storage`."""
