"""What the services need from the aggregates about results: votes, clicks, complaints, whole songs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.clicks import Click, Standing
from bot.domain.complaints import Complaint
from bot.domain.votes import OutdatedVotes, Vote
from bot.domain.whole_songs import ClaimedOrder, WholeSongOrder


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

    async def of_song(self, song_id: str, *, limit: int) -> list[Vote]:
        """The latest votes below all messages of the song's jobs."""

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
    async def begin(self, click: Click, action: str, *, at: datetime, since: datetime) -> Standing:
        """Note the click, unless the member did the same since `since` or another process has this very click."""


class Complaints(Protocol):
    async def add(self, complaint: Complaint) -> bool:
        """False if the member complained about this message before."""

    async def untold(self, *, limit: int) -> list[Complaint]:
        """The oldest ones of which the operator has not been told."""

    async def told(self, complaints: Sequence[Complaint], *, at: datetime) -> None: ...


class WholeSongOrders(Protocol):
    """A queue of whole songs that were asked for. Methods that need a claim do nothing once it is another owner's."""

    async def add(self, order: WholeSongOrder, *, at: datetime) -> None: ...

    async def of_member(self, member_id: int) -> list[WholeSongOrder]:
        """What the member has asked for and not got yet."""

    async def at_message(self, message_id: int) -> list[WholeSongOrder]:
        """What was asked for below this message and is not posted yet."""

    async def claim_due(self, *, now: datetime, until: datetime, owner: str) -> ClaimedOrder | None:
        """Claim the order that has waited longest; it is `owner`'s until `until`."""

    async def renew(self, interaction_id: int, *, owner: str, until: datetime) -> bool:
        """Keep the claim until then; False if it is no longer this owner's."""

    async def tried(self, interaction_id: int, *, owner: str, at: datetime) -> bool:
        """Note, before the first post, that it may be there from now on; False without a claim."""

    async def put_off(self, interaction_id: int, *, owner: str, until: datetime) -> None:
        """End the claim; it is due again at `until`."""

    async def end(self, interaction_id: int, *, owner: str) -> None:
        """The member has it, or knows why not."""

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every order due that this owner was working on, and end its claims; returns their number."""

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""

    async def next_due(self) -> datetime | None: ...
