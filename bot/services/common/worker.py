"""The loop of all background work: look for work, do it, wait for the bell or the next due time."""

import asyncio
import logging
from datetime import datetime
from typing import Protocol

from bot.domain.pace import backoff_seconds
from bot.errors import Outage
from bot.services.common.bells import IDLE_SECONDS, Bell
from bot.services.common.clock import Clock, is_due

log = logging.getLogger(__name__)

LEAST_REST_SECONDS = 0.01
OUTAGE_SECONDS = 5.0
"""The longest that it sleeps while the database cannot be used."""


class Task(Protocol):
    """One kind of work. `step` does one piece and says whether there was one; `next_due` says when to look again.

    Where several workers share a task, its `step` wakes another one as soon as it has claimed a piece: there may be
    more to do, and somebody has to find out when the next piece is due.
    """

    async def step(self) -> bool: ...

    async def next_due(self) -> datetime | None: ...


class Worker:
    """Runs a task for ever; several workers may share one."""

    def __init__(
        self,
        name: str,
        task: Task,
        bell: Bell,
        clock: Clock,
        *,
        pause_seconds: float = 0,
        asks_first: bool = False,
    ) -> None:
        """`pause_seconds`: how long it pauses after each look, however often the bell rings.

        `asks_first`: take no step before `next_due`. For tasks that find all their work by its time: most bells
        bring them nothing, and reading a time costs a fifth of a step, which begins a transaction.
        """
        self.name = name
        self._task = task
        self._bell = bell
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._asks_first = asks_first
        self._is_draining = False
        self._looked_at: float | None = None  # when it began its last look at what is due, if that succeeded

    def drain(self) -> None:
        """Take no new work: `run` returns after the current step."""
        self._is_draining = True
        self._bell.wake_another()

    async def run(self) -> None:
        """Run until cancelled or drained.

        A step that fails is logged once and retried, slower. The storage reports an outage once for all workers.
        """
        failures = 0
        has_told = False
        while not self._is_draining:
            seen, self._looked_at = self._bell.rung, None
            try:
                wait_seconds = await self._work()
                if has_told:
                    log.info("%s: working again", self.name)
                failures, has_told = 0, False
                if not wait_seconds:
                    continue
            except Outage as error:
                log.debug("%s: waits (%s)", self.name, error)
                failures += 1
                wait_seconds = backoff_seconds(failures, base_seconds=0.5, cap_seconds=OUTAGE_SECONDS)
            except Exception as error:  # noqa: BLE001  # whatever it is, other work continues
                if not has_told:
                    self._tell(error)
                failures, has_told = failures + 1, True
                wait_seconds = backoff_seconds(failures, base_seconds=0.5, cap_seconds=IDLE_SECONDS)
            if failures == 1:
                self._bell.wake_another()  # whatever it was, the others may be spared
            if self._looked_at is not None:  # before the pause, in which a deputy would look as well
                self._bell.let_others_rest(seen=seen, seconds=wait_seconds, looked_at=self._looked_at)
            await asyncio.sleep(self._pause_seconds)
            if not self._is_draining:
                await self._bell.wait(seen=seen, timeout_seconds=wait_seconds, looked_at=self._looked_at)

    def _tell(self, error: Exception) -> None:
        """Log a traceback only for a fault of the program, not of the machine."""
        is_ours = not isinstance(error, OSError)
        log.error("%s: a step failed (%s); trying again until it works", self.name, error, exc_info=is_ours)

    async def _work(self) -> float:
        """Take a step, if there may be work; how many seconds to wait then: 0 after a piece of work."""
        if self._asks_first and (rest_seconds := await self._rest_seconds()) > 0:
            return max(LEAST_REST_SECONDS, rest_seconds)
        self._looked_at = None  # the step makes that look out of date
        return 0 if await self._task.step() else max(LEAST_REST_SECONDS, await self._rest_seconds())

    async def _rest_seconds(self) -> float:
        """Seconds until work is due, from the beginning of this look; 0 if some is due by its end."""
        looked_at, now = asyncio.get_running_loop().time(), self._clock()
        due = await self._task.next_due()
        self._looked_at = looked_at
        if is_due(due, self._clock()):
            return 0
        return IDLE_SECONDS if due is None else min(IDLE_SECONDS, (due - now).total_seconds())
