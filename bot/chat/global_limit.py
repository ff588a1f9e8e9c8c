"""Let through as many requests a second to Discord as the whole bot may make, the most urgent first."""

import asyncio
import bisect
import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from bot.chat.global_budget import HEAD_START_SECONDS, MAY_USE, WINDOW_SECONDS, GlobalBudget, Urgency
from bot.chat.shared_state import Kept, Shared

NAME = "everything"
LATE_SECONDS = 0.1
"""If counting requests takes longer, their times are no longer right, and they are counted again."""
TRIES = 3
PUT_OFF_MAX_SECONDS = 30.0
EDIT_SPACING_SECONDS = WINDOW_SECONDS / MAY_USE[Urgency.EDIT]


class _Ticket(msgspec.Struct, eq=False):
    """A request that wants to be made. If it does not `wait`, it goes now or not at all."""

    urgency: Urgency
    number: int
    waits: bool
    passes: asyncio.Future[bool]

    @property
    def turn(self) -> tuple[int, int]:
        return self.urgency, self.number


class GlobalLimit:
    """`clock`: in seconds; that of `shared`, if there is one."""

    def __init__(self, clock: Callable[[], float], shared: Shared | None) -> None:
        self._clock = clock
        self._is_alone = shared is None
        self._budget = Kept(NAME, GlobalBudget(), shared)
        self._queue: list[_Ticket] = []  # most urgent first, then in order
        self._numbers = itertools.count()
        self._asking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._edits_at = 0.0
        self._promised_at = 0.0  # when the edit that was turned away last may be tried again

    async def pass_through(self, urgency: Urgency) -> None:
        """Wait for the turn of one request."""
        await self._passes(urgency, waits=True)

    @property
    def edits_wait_seconds(self) -> float:
        """For how long an edit would be turned away even without looking at other processes."""
        seconds = self._edits_at - self._clock()
        # Further ahead than that, perhaps because the clock was set back, a look is cheap enough.
        return seconds if 0 < seconds <= PUT_OFF_MAX_SECONDS else 0.0

    async def edit_passes(self) -> bool:
        """Whether an edit may go now; then it is counted."""
        return not self.edits_wait_seconds and await self._passes(Urgency.EDIT, waits=False)

    def put_off_seconds(self) -> float:
        """After how long an edit that was turned away may be tried again; each a little later than the one before."""
        now = self._clock()
        self._promised_at = max(self._promised_at + EDIT_SPACING_SECONDS, self._edits_at, now + EDIT_SPACING_SECONDS)
        self._promised_at = min(self._promised_at, now + PUT_OFF_MAX_SECONDS)
        return self._promised_at - now

    async def refused(self, retry_after: float) -> None:
        """Note that Discord answered a request with 429, which applies to all."""
        now = self._clock()
        await self._budget.change(lambda budget: budget.refused(now, retry_after=retry_after))

    async def _passes(self, urgency: Urgency, *, waits: bool) -> bool:
        if self._is_alone and not self._queue and await self._take([urgency]):
            return True
        passes: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(urgency, next(self._numbers), waits, passes)
        bisect.insort(self._queue, ticket, key=lambda each: each.turn)
        self._changed.set()
        if self._asking is None:
            self._asking = asyncio.create_task(self._keep_asking(), name="Discord's limit")
        try:
            return await passes
        finally:
            if ticket in self._queue:  # cancelled
                self._queue.remove(ticket)
                self._changed.set()

    async def _keep_asking(self) -> None:
        """While requests wait, ask for all of them together."""
        try:
            while self._queue:
                self._changed.clear()
                wanted = list(self._queue)
                granted = await self._take([ticket.urgency for ticket in wanted])
                self._answer(wanted, granted)
                if self._queue and not granted:
                    await self._wait_for_room()
        except Exception as error:  # noqa: BLE001  # it is theirs
            for ticket in self._undecided():
                ticket.passes.set_exception(error)
        finally:
            self._asking = None

    def _answer(self, wanted: Sequence[_Ticket], granted: int) -> None:
        """The most urgent pass, even if they came last."""
        for ticket in self._undecided()[:granted]:
            ticket.passes.set_result(True)
        for ticket in self._undecided():
            if not ticket.waits and (ticket in wanted or not granted):
                self._edits_at = self._budget.state.free_at(ticket.urgency, self._clock())
                ticket.passes.set_result(False)
        self._queue = self._undecided()

    def _undecided(self) -> list[_Ticket]:
        """Those still in line: neither answered nor cancelled."""
        return [ticket for ticket in self._queue if not ticket.passes.done()]

    async def _take(self, wanted: Sequence[Urgency]) -> int:
        """Count as many as may go now; returns how many."""
        granted, counted_at = 0, 0.0

        def taken(budget: GlobalBudget) -> GlobalBudget | None:
            nonlocal granted, counted_at
            counted_at = round(self._clock(), 3)
            after, granted = budget.taken(wanted, counted_at)
            return after if granted else None

        for _ in range(TRIES):
            await self._budget.change(taken)
            if not granted or self._clock() - counted_at < LATE_SECONDS:
                break
        return granted

    async def _wait_for_room(self) -> None:
        """Wait until the most urgent one may pass, or a more urgent one arrives."""
        urgency = self._queue[0].urgency
        free_at = self._budget.state.free_at(urgency, self._clock())
        if urgency is not Urgency.EDIT:
            self._edits_at = max(self._edits_at, free_at + HEAD_START_SECONDS)
            if not self._is_alone:
                await self._budget.change(lambda budget: budget.waited_for(free_at))
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(free_at - self._clock(), 0.001), WINDOW_SECONDS)):
                while self._queue and self._queue[0].urgency >= urgency:
                    self._changed.clear()
                    await self._changed.wait()
