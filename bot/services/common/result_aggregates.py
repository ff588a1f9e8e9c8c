"""What the services need from the aggregates about results: votes, clicks, complaints."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.complaints import Complaint
from bot.domain.votes import OutdatedVotes, Vote


class Votes(Protocol):
    """Votes for takes, and a queue of the messages that show other counts than there are.

    An edit needs a claim. Methods that end a claim return False and write nothing if another owner has it.
    """

    async def of_member(self, message_id: int, member_id: int) -> Vote | None:
        """The member's vote below this message."""

    async def put(self, vote: Vote) -> None:
        """In place of the member's earlier vote below the same message."""

    async def withdraw(self, message_id: int, member_id: int) -> None: ...

    async def below(self, message_id: int) -> Mapping[int, int]:
        """How many votes each take has below this message."""

    async def of_job(self, job_id: str, *, limit: int) -> list[Vote]:
        """The latest votes below all messages of the job."""

    async def touch(self, message_id: int, *, job_id: str, channel_id: int, at: datetime) -> None:
        """Note that the message shows other counts than there are."""

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[OutdatedVotes]:
        """Claim messages with outdated counts, the longest overdue first; they are `owner`'s until `until`."""

    async def claimed_until(self, message_id: int, *, owner: str) -> datetime | None:
        """When the owner's claim runs out; None if it is no longer this owner's."""

    async def shown(self, outdated: OutdatedVotes, *, owner: str, next_edit_at: datetime) -> bool:
        """The message shows the votes as of `outdated.version`; it is not edited again before `next_edit_at`."""

    async def put_off(self, outdated: OutdatedVotes, *, owner: str, until: datetime) -> bool:
        """Try again at `until`; `outdated.failures` is stored."""

    async def leave(self, message_id: int, *, owner: str) -> bool:
        """Leave the message as it is until the next vote."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every message due that this owner was editing, and end its claims; returns their number."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""

    async def next_due(self) -> datetime | None: ...


class Clicks(Protocol):
    async def begin(self, message_id: int, member_id: int, action: str, *, at: datetime, since: datetime) -> bool:
        """Note the click; False if the member did the same since `since`, as a double click does."""


class Complaints(Protocol):
    async def add(self, complaint: Complaint) -> bool:
        """False if the member complained about this message before."""

    async def untold(self, *, limit: int) -> list[Complaint]:
        """The oldest ones of which the operator has not been told."""

    async def told(self, complaints: Sequence[Complaint], *, at: datetime) -> None: ...
