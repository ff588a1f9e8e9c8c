"""How one worker wakes another early. Work is found in the database, so a missed bell costs only time."""

import asyncio
import math
from collections.abc import Callable
from typing import TypeAlias

from bot.domain.jobs import AT_PROVIDER_STATES, Job, JobState
from bot.services.common.clock import Clock, utc_now

RingElsewhere: TypeAlias = Callable[[str], None]
"""Rings the bell of this name in all other processes, soon; it neither waits nor fails."""
_Waiters: TypeAlias = dict[asyncio.Future[None], float]
"""In the order in which they came, each with the time by the loop's clock at which it goes on unwoken."""

IDLE_SECONDS = 30.0
"""The longest that a worker sleeps, and so until it finds work from another process."""


class Bell:
    """Rung for new work, after its transaction has ended; each ring wakes one of the listening workers."""

    def __init__(self, ring_elsewhere: Callable[[], None] | None = None) -> None:
        """`ring_elsewhere`: rings the same bell in other processes; None: nobody listens there."""
        self._ring_elsewhere = ring_elsewhere
        self._resting: _Waiters = {}  # until somebody wakes them
        self._timed: _Waiters = {}
        self.rung = 0

    def ring(self) -> None:
        """Wake one worker, or keep the next one from going to sleep; the same in other processes."""
        self.ring_here()
        if self._ring_elsewhere is not None:
            self._ring_elsewhere()

    def ring_here(self) -> None:
        """Wake one worker of this process, or keep the next one from going to sleep."""
        self.rung += 1
        self.wake_another()

    def wake_another(self) -> None:
        """Wake one more worker: there may be work for several."""
        if not _woke_one(self._resting):
            _woke_one(self._timed)

    async def wait(self, *, seen: int, timeout_seconds: float) -> None:
        """Return when woken or after the time; at once if the bell was rung more than `seen` times.

        Only the waiter with the earliest time goes on by itself; any later one rests until it is woken. Otherwise each
        due time would wake all the workers, for work that one of them does. The one that goes on waits again after its
        look, or wakes another before it starts working (`Task`).
        """
        if self.rung != seen:
            return
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_seconds
        is_timed = ends_at < min(self._timed.values(), default=math.inf)
        waiter: asyncio.Future[None] = loop.create_future()
        waiters = self._timed if is_timed else self._resting
        waiters[waiter] = ends_at
        try:
            async with asyncio.timeout_at(ends_at if is_timed else None):
                await waiter
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if is_timed:
                _woke_one(self._resting)
            raise
        finally:
            waiters.pop(waiter, None)


def _woke_one(waiters: _Waiters) -> bool:
    """Wake the first that can still be woken; False if there is none."""
    while waiters:
        waiter = next(iter(waiters))
        del waiters[waiter]
        if not waiter.done():
            waiter.set_result(None)
            return True
    return False


class Bells:
    """One bell per kind of work."""

    def __init__(self, ring_elsewhere: RingElsewhere | None = None, *, clock: Clock = utc_now) -> None:
        """`ring_elsewhere`: how other processes on the same database hear of it; None: there are none."""
        self._clock = clock
        self._by_name: dict[str, Bell] = {}
        self._elsewhere = ring_elsewhere
        self.submit = self._bell("submit")
        self.callbacks = self._bell("callbacks")
        self.watch = self._bell("watch")
        self.deliver = self._bell("deliver")
        self.progress = self._bell("progress")
        self.intake = self._bell("intake")
        self.votes = self._bell("votes")
        self.complaints = self._bell("complaints")
        self.relays = self._bell("relays")
        self.whole_songs = self._bell("whole songs")
        self.lyrics = self._bell("lyrics")
        self.shards = self._bell("shards")

    def _bell(self, name: str) -> Bell:
        elsewhere = self._elsewhere
        bell = Bell() if elsewhere is None else Bell(lambda: elsewhere(name))
        self._by_name[name] = bell
        return bell

    def job_changed(self, job: Job) -> None:
        """Wake the workers concerned with the job's new state, unless they will look before it is due anyway."""
        self.progress.ring()
        if job.due_at is None or (job.due_at - self._clock()).total_seconds() > IDLE_SECONDS:
            return
        if job.state is JobState.ACCEPTED:
            self.submit.ring()
        elif job.state in AT_PROVIDER_STATES:
            self.watch.ring()
        else:
            self.deliver.ring()

    def all_due(self) -> None:
        """Wake them after the due times themselves have changed."""
        due = (self.submit, self.watch, self.deliver, self.progress, self.intake, self.votes, self.relays, self.lyrics)
        for bell in due:
            bell.ring()

    def ring_here(self, name: str) -> None:
        """Another process rang: wake this one's worker. A name that only a newer version knows wakes nobody."""
        if name in self._by_name:
            self._by_name[name].ring_here()

    def ring_all_here(self) -> None:
        """Other processes may have rung unheard: let every kind of worker of this process look for work."""
        for bell in self._by_name.values():
            bell.ring_here()
