"""The provider's rate limit, kept in the database so that it spans restarts and processes."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import uuid4

from bot.domain.pace import SlidingWindow
from bot.services.common.aggregates import Memos

SENT = "latest submissions"

Attempts: TypeAlias = Mapping[str, datetime]
"""Attempts by id, with the time from which each counts."""


class Rate:
    """Used in the transactions that claim a job and that write the answer down.

    Each attempt has its own entry: the provider also counts those that it refuses.
    """

    def __init__(self, window: SlidingWindow) -> None:
        self._window = window

    async def counted(self, memos: Memos, *, now: datetime) -> Attempts:
        """The attempts that count now; one in the future, from before the clock was set back, counts from now."""
        sent = attempts_in(await memos.get(SENT) or "")
        counted = {attempt_id: min(at, now) for attempt_id, at in sent.items() if self._window.counts(at, now=now)}
        if any(at > now for at in sent.values()):
            await self._write(memos, counted)
        return counted

    def free_at(self, counted: Attempts, *, now: datetime) -> datetime | None:
        """When the next submission may be sent; None: now."""
        free_at = self._window.free_at(list(counted.values()), now=now)
        return free_at if free_at > now else None

    async def take(self, memos: Memos, counted: Attempts, *, now: datetime) -> str:
        """Count a submission that is sent now, in the transaction that read `counted`; returns this attempt's id."""
        attempt_id = uuid4().hex
        await self._write(memos, {**counted, attempt_id: now})
        return attempt_id

    async def answered(self, memos: Memos, attempt_id: str, *, now: datetime) -> None:
        """Count the attempt from now: however slow it was, it has reached the provider."""
        await self._write(memos, {**await self.counted(memos, now=now), attempt_id: now})

    async def _write(self, memos: Memos, sent: Attempts) -> None:
        await memos.put(SENT, "\n".join(f"{attempt_id} {at.isoformat()}" for attempt_id, at in sent.items()))


def attempts_in(words: str) -> Attempts:
    """All that the memo's value holds, whether they still count or not."""
    return dict(filter(None, map(_attempt, words.splitlines())))


def _attempt(line: str) -> tuple[str, datetime] | None:
    """An attempt and its time; None for a line that only another release can read, which must not stop everything."""
    try:
        attempt_id, at = line.split()
        return attempt_id, datetime.fromisoformat(at)
    except ValueError:
        return None
