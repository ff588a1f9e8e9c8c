"""What the services need from the aggregate of relays."""

from datetime import datetime
from typing import Protocol

from bot.domain.jobs import RelayTurn
from bot.domain.relays import Relay, Turn


class Relays(Protocol):
    """Relays with their turns, and a queue of those about which there may be something to tell in their threads.

    Methods that need a claim return False and write nothing if another owner has it.
    """

    async def add(self, relay: Relay) -> None:
        """In the transaction that found none open in its thread."""

    async def get(self, relay_id: str) -> Relay | None: ...

    async def open_in(self, channel_id: int) -> Relay | None:
        """The one in this thread that is not finished."""

    async def turns(self, relay_id: str) -> list[Turn]:
        """In their order."""

    async def claim_turn(self, turn: RelayTurn, member_id: int, *, at: datetime, until: datetime) -> None:
        """It is the member's until then, whoever had it before."""

    async def keep_turn(self, turn: RelayTurn, member_id: int, *, until: datetime) -> bool:
        """Keep it for the member until then; False if it is not theirs any more, or has a job."""

    async def begin_turn(self, turn: RelayTurn, member_id: int, *, job_id: str, at: datetime) -> bool:
        """Its job is accepted; False as in `keep_turn`."""

    async def finish(self, relay_id: str, *, at: datetime) -> bool:
        """False if it was finished before."""

    async def make_due(self, relay_id: str, *, at: datetime) -> None:
        """A worker looks then whether there is something to tell in the thread."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[tuple[Relay, int]]:
        """Claim relays that are due, with how often in a row they could not be told; they are `owner`'s until then."""

    async def is_claimed(self, relay_id: str, *, owner: str) -> bool: ...

    async def told(self, relay_id: str, *, owner: str) -> bool:
        """There is nothing to tell any more."""

    async def put_off(self, relay_id: str, *, owner: str, until: datetime, failures: int) -> bool: ...

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make due what this owner has claimed, and end its claims; returns how many there were."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""

    async def next_due(self) -> datetime | None: ...

    async def forget(self, *, touched_before: datetime, limit: int) -> int:
        """Remove those in which nothing has happened since; returns their number."""
