"""Notices that the system's clock jumped, so that nothing waits for a time that was meant otherwise."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage

log = logging.getLogger(__name__)

SEEN = "clock last seen"
LOOK_SECONDS = 20.0
TOLERATED_SECONDS = 5.0
"""Steps as small as these are what time services do, and harm nothing."""


class ClockWatch:
    """The step of a worker that compares the clock with one that only goes forward, and with the last run's.

    What is due later than in `grace_seconds` is made due then. Those who are at work on something renew their claims
    within that time; for the others an early look is harmless.
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
            # Nothing needs to be done: no deadline counts without several real tries on a clock that nobody sets.
            log.warning("the system's clock went forward by %.0f s; deadlines wait for a few more tries", -back_seconds)
        async with self._storage.transaction() as work:
            if back_seconds > TOLERATED_SECONDS:
                await work.jobs.hasten(until=now + self._grace)
                await work.intakes.hasten(until=now + self._grace)
                await work.progress.hasten(until=now + self._grace)
            await work.memos.put(SEEN, now.isoformat())
        self._seen = now, count_seconds
        self._due_at = now + timedelta(seconds=LOOK_SECONDS)
        if back_seconds > TOLERATED_SECONDS:
            self._bells.all_due()
        return False

    async def _expected(self, count_seconds: float) -> datetime | None:
        """What the clock should show at least; at a start, no less than when it was last seen."""
        if self._seen is not None:
            seen_at, seen_count = self._seen
            return seen_at + timedelta(seconds=count_seconds - seen_count)
        remembered = await self._storage.reading.memos.get(SEEN)
        return datetime.fromisoformat(remembered) if remembered else None
