"""How workers are woken early. They find their work in the database, so a missed bell costs only time."""

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from bot.domain.jobs import AT_PROVIDER_STATES, Job, JobState
from bot.services.common.clock import Clock, utc_now

RingElsewhere: TypeAlias = Callable[[str], None]
"""Rings the bell of this name in all other processes, soon; it neither waits nor fails."""

IDLE_SECONDS = 30.0
"""Some worker looks for work at least this often, and so finds what another process left without ringing."""
HANDOVER_SECONDS = 0.2
"""How long a worker that was woken is left alone with the work. Then the next one looks: the first may be held up."""


class _Rest(NamedTuple):
    """When a worker wakes unless it is rung for, and when it began the look that said so; both by the loop's clock."""

    wakes_at: float
    looked_at: float


class Bell:
    """Rung once the transaction that brings new work has ended; each ring wakes one of the waiting workers."""

    def __init__(self, ring_elsewhere: Callable[[], None] | None = None) -> None:
        """`ring_elsewhere`: rings the same bell in other processes; None: nobody listens there."""
        self._ring_elsewhere = ring_elsewhere
        self._resting: dict[asyncio.Future[None], _Rest] = {}  # in the order in which they came
        self._timer: asyncio.TimerHandle | None = None  # set for the first that wakes without a ring
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
        """Wake one more worker, if any is waiting: there may be work for several."""
        while self._resting:
            if self._wake(next(iter(self._resting))):
                return

    def let_others_rest(self, *, seen: int, seconds: float, looked_at: float) -> None:
        """Nothing is due for `seconds` after a look that began at `looked_at`, by the loop's clock.

        Everybody who looked earlier sleeps at least as long, unless the bell has been rung more than `seen` times: if
        a due time woke all of them, most would find the work taken.
        """
        if self.rung == seen:
            self._let_sleep(looked_at + seconds, who_looked_before=looked_at)
            self._set_timer()

    async def wait(self, *, seen: int, timeout_seconds: float, looked_at: float | None = None) -> None:
        """Return when woken or when the time is up; at once if the bell has been rung more than `seen` times.

        `looked_at`: when the caller began the look from which the time counts, by the loop's clock; None: its look
        failed, and the time counts from now.
        """
        if self.rung != seen:
            return
        loop = asyncio.get_running_loop()
        if looked_at is None:
            rest = _Rest(loop.time() + timeout_seconds, -math.inf)
        else:
            rest = _Rest(looked_at + timeout_seconds, looked_at)
        waiter: asyncio.Future[None] = loop.create_future()
        self._resting[waiter] = rest
        try:
            self._set_timer()
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it was woken, and will not do the work
                self.wake_another()
            raise
        finally:
            self._resting.pop(waiter, None)
            self._set_timer()

    def _let_sleep(self, until: float, *, who_looked_before: float) -> None:
        for waiter, rest in self._resting.items():
            if rest.looked_at < who_looked_before:
                self._resting[waiter] = rest._replace(wakes_at=max(rest.wakes_at, until))

    def _set_timer(self) -> None:
        first = self._first_to_wake()
        wakes_at = None if first is None else self._resting[first].wakes_at
        if self._timer is not None:
            if self._timer.when() == wakes_at:
                return
            self._timer.cancel()
            self._timer = None
        if first is not None and wakes_at is not None:
            self._timer = first.get_loop().call_at(wakes_at, self._time_is_up)

    def _first_to_wake(self) -> asyncio.Future[None] | None:
        return min(self._resting, key=lambda waiter: self._resting[waiter].wakes_at, default=None)

    def _time_is_up(self) -> None:
        self._timer = None
        if (first := self._first_to_wake()) is not None:
            self._let_sleep(first.get_loop().time() + HANDOVER_SECONDS, who_looked_before=math.inf)
            self._wake(first)

    def _wake(self, waiter: asyncio.Future[None]) -> bool:
        """Wake this one, and have another look soon, unless this one has done so by then. False if it is gone."""
        del self._resting[waiter]
        if is_there := not waiter.done():  # else its task has just been cancelled
            waiter.set_result(None)
            self._have_a_deputy_look(waiter.get_loop().time() + HANDOVER_SECONDS)
        self._set_timer()
        return is_there

    def _have_a_deputy_look(self, at: float) -> None:
        """One whose last look succeeded: the others pause after a failure, longer each time."""
        for deputy, rest in self._resting.items():
            if rest.looked_at > -math.inf:
                self._resting[deputy] = rest._replace(wakes_at=min(rest.wakes_at, at))
                return


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
        """Wake the workers that the job's new state concerns, unless they will look before it is due anyway."""
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
        """Wake the workers after the due times themselves have been changed."""
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
