"""What ordering lyrics needs from the storage, the provider and Discord."""

from datetime import date, datetime
from typing import Protocol

from bot.domain.jobs import Place
from bot.domain.lyrics import LyricsOrder, LyricsReport
from bot.domain.timed_lyrics import TimedLine, TimedLyrics, TimedWord


class LyricsOrders(Protocol):
    async def add(self, order: LyricsOrder) -> None:
        """Write down an offer; once, whoever makes it."""

    async def save(self, order: LyricsOrder) -> None:
        """Write all that can change, and end any claim. Only inside the transaction that read it."""

    async def get(self, order_id: str) -> LyricsOrder | None: ...

    async def by_token(self, token: str) -> LyricsOrder | None:
        """The one with this callback token."""

    async def task_is_taken(self, task_id: str, *, by_other_than: str) -> bool:
        """Whether this task already belongs to another order."""

    async def latest(self, member_id: int) -> LyricsOrder | None:
        """The member's newest one that was agreed to."""

    async def count(self, member_id: int, *, day: date) -> int:
        """How many of them count for the member on that day."""

    async def tried(self, member_id: int, *, since: datetime) -> int:
        """How many the member has agreed to that were offered since then, whatever came of them."""

    async def claim_due(self, *, now: datetime, until: datetime, owner: str) -> LyricsOrder | None:
        """The one that has been due longest, now `owner`'s until then."""

    async def is_owned(self, order_id: str, *, owner: str) -> bool: ...

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make everything due that this owner has claimed, and end its claims; returns their number."""

    async def next_due(self) -> datetime | None: ...

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more."""

    async def forget(self, *, made_before: datetime, limit: int) -> int:
        """Remove old ones to which nothing is owed, at most `limit`; returns their number."""


class LyricsProvider(Protocol):
    """Each method raises `ProviderError`s, which say whether paid work may have begun."""

    async def order_lyrics(self, idea: str, *, callback_url: str) -> str:
        """Start paid work; returns the task's id. Sent once, whatever happens."""

    async def lyrics_report(self, task_id: str) -> LyricsReport:
        """The state of a task."""


class TimedLyricsKept(Protocol):
    async def add(self, asked: TimedLyrics) -> None:
        """Write down that this is asked now. Only inside the transaction that found it was not asked before."""

    async def answered(self, asked: TimedLyrics, lines: tuple[TimedLine, ...]) -> None: ...

    async def withdraw(self, asked: TimedLyrics) -> bool:
        """It was refused, and cost nothing; False if that is written down already."""

    async def of_job(self, job_id: str) -> list[TimedLyrics]:
        """What was asked about its tracks."""

    async def count(self, member_id: int, *, day: date) -> int:
        """How many of them count for the member on that day."""


class TimedLyricsProvider(Protocol):
    async def timed_lyrics(self, task_id: str, track_id: str) -> tuple[TimedWord, ...]:
        """When the words of a track are sung. Costs credits, so it is asked once.

        Raises `ProviderError`s, which say whether it may have been charged.
        """


class LyricsMessages(Protocol):
    async def show(self, place: Place, order: LyricsOrder) -> bool:
        """Show the order, as far as it is, in the answer at `place`; False if that answer is closed.

        Raises `RouteUnavailable` if there is no clear answer this time; it may be shown again.
        """

    async def tell_directly(self, place: Place, order: LyricsOrder) -> None:
        """Tell the end of the order by direct message, as far as those are open. Raises `RouteUnavailable`."""
