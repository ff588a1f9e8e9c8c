"""Notice when the system's clock jumps, so that nothing waits for a wrong time."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work

log = logging.getLogger(__name__)

SEEN = "clock last seen"
LOOK_SECONDS = 20.0
TOLERATED_SECONDS = 5.0
"""Time services make steps this small, which do no harm."""


class ClockWatch:
    """A worker's step: compare the clock with one that only goes forward, and with the last run's time.

    After a step back, everything becomes due within `grace_seconds`. Active workers renew their claims in that time;
    for the rest, an early look is harmless.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        grace_seconds: float,
        bells: Bells,
        clock: Clock,
        steady_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._grace = timedelta(seconds=grace_seconds)
        self._bells = bells
        self._clock = clock
        self._steady_seconds = steady_seconds
        self._seen: tuple[datetime, float] | None = None
        self._due_at = clock()

    async def next_due(self) -> datetime:
        return self._due_at

    async def step(self) -> bool:
        now, count_seconds = self._clock(), self._steady_seconds()
        expected = await self._expected(count_seconds)
        back_seconds = (expected - now).total_seconds() if expected is not None else 0.0
        if back_seconds > TOLERATED_SECONDS:
            log.warning(
                "the system's clock went back by %.0f s; everything that waits is looked at again", back_seconds
            )
        if self._seen is not None and -back_seconds > TOLERATED_SECONDS:
            # No action needed: no deadline counts without several real tries on a clock that nobody sets.
            log.warning("the system's clock went forward by %.0f s; deadlines wait for a few more tries", -back_seconds)

        async def looked(work: Work) -> None:
            if back_seconds > TOLERATED_SECONDS:
                await work.jobs.hasten(until=now + self._grace)
                await work.intakes.hasten(until=now + self._grace)
                await work.progress.hasten(until=now + self._grace)
                await work.votes.hasten(until=now + self._grace)
                await work.relays.hasten(until=now + self._grace)
                await work.whole_songs.hasten(until=now + self._grace)
                await work.inbox.hasten(until=now + self._grace)
                await work.lyrics.hasten(until=now + self._grace)
            await work.memos.put(SEEN, now.isoformat())

        await self._storage.write(looked)
        self._seen = now, count_seconds
        self._due_at = now + timedelta(seconds=LOOK_SECONDS)
        if back_seconds > TOLERATED_SECONDS:
            self._bells.all_due()
        return False

    async def _expected(self, count_seconds: float) -> datetime | None:
        """The least that the clock should show; at a start, the time when it was last seen."""
        if self._seen is not None:
            seen_at, seen_count = self._seen
            return seen_at + timedelta(seconds=count_seconds - seen_count)
        remembered = await self._storage.reading.memos.get(SEEN)
        return datetime.fromisoformat(remembered) if remembered else None
