"""Tells the operator about trouble that only they can end: once when it begins, once when it is over."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from bot.domain.text import Text
from bot.services.common.clock import Clock
from bot.services.common.messenger import Messenger
from bot.services.common.ports import Storage, Work

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)


class Operator:
    """What was told is remembered in the database: neither a restart nor another process tells it again."""

    def __init__(self, storage: Storage, messenger: Messenger, clock: Clock) -> None:
        self._storage = storage
        self._messenger = messenger
        self._clock = clock
        # By kind; only a copy, which saves the database thousands of questions.
        self._told_at: dict[str, datetime | None] = {}

    async def is_reported(self, trouble: str) -> bool:
        return bool(await self._storage.reading.memos.get(_name(trouble)))

    async def tell(self, trouble: str, sentences: Sequence[Text], *, log_line: str) -> bool:
        """`trouble` has begun; nothing happens where that is known. Whether it was news."""
        is_news = await self._turn(trouble, self._clock().isoformat())
        if is_news:
            log.error(log_line)
            await self._messenger.tell_operator(sentences)
        return is_news

    async def tell_hourly(self, kind: str, trouble: str, sentences: Sequence[Text], *, log_line: str) -> None:
        """Like `tell`, but within an hour of another trouble of this kind, only the log has it.

        A release that can read or show none of them would write thousands of messages.
        """
        now = self._clock()
        is_quiet, is_news = _is_within_the_hour(now, self._told_at.get(kind)), False
        if not is_quiet:
            told_at, is_news = await self._storage.write(partial(_turned_hourly, kind, trouble, now))
            is_quiet = _is_within_the_hour(now, told_at)
            self._told_at[kind] = now if is_news else told_at
        if is_quiet or is_news:
            log.error(log_line)
        if is_news:
            await self._messenger.tell_operator(sentences)

    async def over(self, trouble: str, sentences: Sequence[Text], *, log_line: str) -> bool:
        """`trouble` is over; does nothing if the operator was never told of it. Whether it was news."""
        is_news = await self.is_reported(trouble) and await self._turn(trouble, "")
        if is_news:
            log.warning(log_line)
            await self._messenger.tell_operator(sentences)
        return is_news

    async def _turn(self, trouble: str, to: str) -> bool:
        return await self._storage.write(lambda work: _turned(work, trouble, to))


async def _turned_hourly(kind: str, trouble: str, now: datetime, work: Work) -> tuple[datetime | None, bool]:
    """When the operator was last told of this kind, and whether the trouble is news that may be told now."""
    told_at = _time(await work.memos.get(_hour_name(kind)))
    is_news = not _is_within_the_hour(now, told_at) and await _turned(work, trouble, now.isoformat())
    if is_news:
        await work.memos.put(_hour_name(kind), now.isoformat())
    return told_at, is_news


async def _turned(work: Work, trouble: str, to: str) -> bool:
    """Store since when the trouble has lasted (`to`), or that it is over (empty); whether that is news."""
    before = await work.memos.get(_name(trouble)) or ""
    is_news = bool(before) != bool(to)
    if is_news:
        await work.memos.put(_name(trouble), to)
    return is_news


def _is_within_the_hour(now: datetime, told_at: datetime | None) -> bool:
    return told_at is not None and timedelta(0) <= now - told_at < HOUR


def _time(remembered: str | None) -> datetime | None:
    return datetime.fromisoformat(remembered) if remembered else None


def _name(trouble: str) -> str:
    return f"operator told of {trouble}"


def _hour_name(kind: str) -> str:
    return f"operator told of any {kind}"
