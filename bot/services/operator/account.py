"""The provider's account: closed while it is empty or its key is refused, which only the operator can change."""

import logging
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import WaitReason
from bot.domain.models import pays_for_a_job
from bot.domain.text import Text, text
from bot.errors import ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.services.common.aggregates import Memos
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.patience import Patience
from bot.services.common.ports import Provider, Storage, Work
from bot.services.operator.notices import Operator
from bot.services.operator.pause import Pause, read_pause, write_pause

log = logging.getLogger(__name__)

SUBMISSIONS = "submissions"
PAUSE = "the pause"


class _Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is told when it begins and when it is over; `name` is remembered in the database."""

    name: str
    begun: Text
    begun_line: str
    over: Text
    over_line: str


TROUBLES = {
    WaitReason.NO_CREDITS: _Trouble(
        name="no credits",
        begun=text(
            "The music service says this bot is out of credits, so I've paused. Waiting jobs keep their places,"
            " and I'll carry on as soon as you top up the account."
        ),
        begun_line="the account is out of credits: top it up; jobs keep their places until then",
        over=text("The music service has credits again. I've started on the waiting jobs."),
        over_line="credits are back: submitting again",
    ),
    WaitReason.KEY_REFUSED: _Trouble(
        name="a refused key",
        begun=text(
            "The music service refuses this bot's key, so I've paused. Waiting jobs keep their places."
            " Check SUNO_API_KEY in `.env` and restart me, or make the key valid again and I'll carry on."
        ),
        begun_line="the provider refuses SUNO_API_KEY: check it in .env; jobs keep their places until then",
        over=text("The music service accepts this bot's key again. I've started on the waiting jobs."),
        over_line="the provider accepts the key again: submitting again",
    ),
}


def trouble_of(error: ProviderError) -> WaitReason | None:
    """Which of the two troubles `error` is, if any."""
    if isinstance(error, ProviderOutOfCredits):
        return WaitReason.NO_CREDITS
    return WaitReason.KEY_REFUSED if isinstance(error, ProviderUnauthorized) else None


class Account:
    """Shared by all who use the provider, in all processes: the pause is in the database, and this has a copy.

    A process that knows of no pause notices one when it claims a job (`is_closed`); one that knows of a pause looks
    again whenever it would submit something (`is_open`).
    """

    def __init__(
        self,
        storage: Storage,
        provider: Provider,
        operator: Operator,
        *,
        every_seconds: float,
        patience: Patience,
        long_patience: Patience,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`every_seconds`: how often a closed account is asked whether it is open again.

        Jobs past their deadline are given up after `patience` with a closed account, and after `long_patience` with an
        open one for which the provider takes nothing.
        """
        self._storage = storage
        self._provider = provider
        self._operator = operator
        self._every = timedelta(seconds=every_seconds)
        self._patience = patience
        self._long_patience = long_patience
        self._bells = bells
        self._clock = clock
        self._pause: Pause | None = None
        self._is_written = True  # the pause that began here is in the database
        self._has_looked = False

    @property
    def ask_at(self) -> datetime | None:
        """When a closed account may be asked again; None while it is open."""
        return None if self._pause is None else self._pause.ask_at

    @property
    def takes_nothing(self) -> bool:
        """Whether the provider has long put off everything that this process tried."""
        return self._long_patience.is_over(SUBMISSIONS)

    @property
    def paused_for(self) -> WaitReason | None:
        """Why nothing is submitted, once the provider has said so several times; None while the account may be open."""
        return self._pause.closed_for if self._pause is not None and self._patience.is_over(PAUSE) else None

    def took_nothing(self) -> None:
        """A submission was put off because the provider is busy, out of order or out of reach."""
        self._long_patience.failed(SUBMISSIONS)

    def took_something(self) -> None:
        """A submission was accepted, perhaps another process's."""
        self._long_patience.forget(SUBMISSIONS)

    def close(self, reason: WaitReason) -> None:
        """A submission was refused for the account's sake: stop submitting here, and after `share` everywhere."""
        refusals = 0 if self._pause is None else self._pause.refusals
        self._refused(Pause(closed_for=reason, ask_at=self._clock() + self._every, refusals=refusals + 1))
        self._is_written = False

    async def share(self, memos: Memos) -> None:
        """Write the pause down, in the transaction that puts the refused job back into the queue."""
        await write_pause(memos, self._pause)

    async def is_closed(self, memos: Memos) -> bool:
        """Whether there is a pause. Ask in the transaction that acts on it: another process may have begun one."""
        await self._look(memos)
        return self._pause is not None

    def _refused(self, pause: Pause) -> None:
        """The pause is not time in which the provider takes nothing."""
        self._long_patience.forget(SUBMISSIONS)
        self._patience.failed(PAUSE)
        self._pause = pause

    async def _look(self, memos: Memos) -> None:
        """Adopt what the database says, unless it has yet to learn what happened here."""
        pause = await read_pause(memos)
        if pause is not None or self._is_written:
            self._see(pause)

    def _see(self, pause: Pause | None) -> None:
        """Adopt the pause. A refusal that another process met counts like one of ours."""
        self._is_written = True
        if pause is None:
            self._patience.forget(PAUSE)
        elif self._pause is not None and pause.refusals > self._pause.refusals:
            self._patience.failed(PAUSE)
        self._pause = pause

    async def tell_of(self, error: ProviderError) -> None:
        """Tell the operator, once, where `error` is one of the two troubles."""
        if (reason := trouble_of(error)) is not None:
            trouble = TROUBLES[reason]
            await self._operator.tell(trouble.name, [trouble.begun], log_line=trouble.begun_line)

    async def works(self) -> None:
        """A submission was taken."""
        self.took_something()
        await self._is_over(WaitReason.KEY_REFUSED)

    async def is_open(self) -> bool:
        """Whether a submission may be tried. While the account is closed, one process asks now and then."""
        is_start = not self._has_looked
        if is_start:
            reported = [reason for reason, each in TROUBLES.items() if await self._operator.is_reported(each.name)]
            if self._has_looked:  # several submitters may come here at a start
                return self._pause is None
            if reported:
                self._pause = Pause(closed_for=reported[0], ask_at=self._clock() + self._every)
                self._is_written = False  # perhaps by an older release, which had no such memo
            self._has_looked = True
        if self._pause is None:
            return True
        if not is_start:
            await self._look(self._storage.reading.memos)
            if self._pause is None:
                return True
            if not self._pause.may_ask(self._clock(), every=self._every):
                return False
        if not await self._take_turn(is_start=is_start):
            return self._pause is None
        return await self._ask()

    async def _take_turn(self, *, is_start: bool) -> bool:
        """Whether this process asks now. One that has just started always does: it may have a new key."""

        async def taken(work: Work) -> bool:
            pause = await read_pause(work.memos)
            if pause is None and is_start:
                pause = self._pause
            now = self._clock()
            if pause is None or not (is_start or pause.may_ask(now, every=self._every)):
                self._see(pause)
                return False
            self._pause = replace(pause, ask_at=now + self._every)
            await write_pause(work.memos, self._pause)
            return True

        return await self._storage.write(taken)

    async def _ask(self) -> bool:
        try:
            credits_left = await self._provider.credits()
        except ProviderError as error:
            log.debug("credits: %s", error)
            if (reason := trouble_of(error)) is not None:
                await self._still_closed(reason)
            return False
        await self._is_over(WaitReason.KEY_REFUSED)
        if not pays_for_a_job(credits_left):
            await self._still_closed(WaitReason.NO_CREDITS)
            return False
        await self._storage.write(lambda work: write_pause(work.memos, None))
        self._see(None)
        self._bells.submit.ring()
        await self._is_over(WaitReason.NO_CREDITS)
        return True

    async def _still_closed(self, reason: WaitReason) -> None:
        """Store it, too, so that the others' patience runs out at the same time."""

        async def prolonged(work: Work) -> Pause | None:
            pause = await read_pause(work.memos)
            if pause is not None:
                pause = replace(pause, closed_for=reason, refusals=pause.refusals + 1)
                await write_pause(work.memos, pause)
            return pause

        pause = await self._storage.write(prolonged)
        if pause is None:
            self._see(None)  # another process has found it open again
        else:
            self._refused(pause)

    async def _is_over(self, reason: WaitReason) -> None:
        trouble = TROUBLES[reason]
        await self._operator.over(trouble.name, [trouble.over], log_line=trouble.over_line)
