"""Keeps the database from growing for ever: erases secrets once they are useless, and removes old jobs."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from bot.domain.drafts import DRAFTS_KEPT
from bot.domain.jobs import FILES_KEPT
from bot.domain.lyrics import LYRICS_KEPT
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Rows of one kind in one transaction: so few that nobody waits for them."""
BREATH_SECONDS = 0.5
REST_SECONDS = 600.0
REPLAYED = timedelta(days=1)
"""Discord may deliver an interaction again within minutes; a day is plenty."""
LINKS_ERASED = "links erased until"
_DISCORD_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


class HousekeepingTimes(msgspec.Struct, frozen=True, kw_only=True):
    """`answer_seconds`: how long a command can be answered; for the days see the settings of these names."""

    answer_seconds: float
    keep_jobs_days: int
    keep_tracks_days: int


class Housekeeping:
    """The step of a worker."""

    def __init__(self, storage: Storage, *, times: HousekeepingTimes, clock: Clock) -> None:
        self._storage = storage
        self._answer_time = timedelta(seconds=times.answer_seconds)
        self._keep_jobs = timedelta(days=times.keep_jobs_days)
        self._keep_links = max(FILES_KEPT, timedelta(days=times.keep_tracks_days))
        self._clock = clock
        self._due_at = clock()

    async def next_due(self) -> datetime:
        return self._due_at

    async def step(self) -> bool:
        """A few rows of each kind. Takes a breath between two steps, even where there is more to do."""
        now = self._clock()
        done = await self._storage.write(partial(self._tidied, now))
        self._due_at = now + timedelta(seconds=BREATH_SECONDS if max(done) == AT_ONCE else REST_SECONDS)
        return False

    async def _tidied(self, now: datetime, work: Work) -> list[int]:
        return [
            await work.housekeeping.erase_tokens(received_before=now - self._answer_time, limit=AT_ONCE),
            await work.housekeeping.forget_commands(before_interaction=_first_id_of(now - REPLAYED), limit=AT_ONCE),
            await work.drafts.forget(made_before=now - DRAFTS_KEPT, limit=AT_ONCE),
            await work.lyrics.forget(made_before=now - LYRICS_KEPT, limit=AT_ONCE),
            await self._erase_links(work, now),
            await work.housekeeping.remove_jobs(ended_before=now - self._keep_jobs, limit=AT_ONCE),
        ]

    async def _erase_links(self, work: Work, now: datetime) -> int:
        """The provider's files are gone by now. How far the links are erased already is remembered."""
        remembered = await work.memos.get(LINKS_ERASED)
        since = datetime.fromisoformat(remembered) if remembered else _DISCORD_EPOCH
        until = await work.housekeeping.erase_links(
            ended_after=since, ended_before=now - self._keep_links, limit=AT_ONCE
        )
        if until is None:
            return 0
        await work.memos.put(LINKS_ERASED, until.isoformat())
        return AT_ONCE


def _first_id_of(at: datetime) -> int:
    """The smallest id that Discord could give to an interaction then (docs/discord.md 2.1)."""
    return max(0, (at - _DISCORD_EPOCH) // timedelta(milliseconds=1)) << 22
