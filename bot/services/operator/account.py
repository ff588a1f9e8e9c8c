"""The provider's account: closed while it is empty or its key is refused, which only the operator can change."""

import logging
from datetime import datetime, timedelta

import msgspec

from bot.domain.jobs import WaitReason
from bot.domain.models import CREDITS_PER_JOB
from bot.domain.text import Text, text
from bot.errors import ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.services.common.clock import Clock
from bot.services.common.patience import Patience
from bot.services.common.ports import Provider
from bot.services.operator.notices import Operator

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
    """Shared by all who use the provider; a restart finds the pause in the database."""

    def __init__(
        self,
        provider: Provider,
        operator: Operator,
        *,
        every_seconds: float,
        patience: Patience,
        long_patience: Patience,
        clock: Clock,
    ) -> None:
        """`every_seconds`: how often a closed account is asked whether it is open again.

        Jobs past their deadline are given up after `patience` with a closed account, and after `long_patience` with an
        open one for which the provider takes nothing.
        """
        self._provider = provider
        self._operator = operator
        self._patience = patience
        self._long_patience = long_patience
        self._every = timedelta(seconds=every_seconds)
        self._clock = clock
        self._has_looked = False
        self.ask_at: datetime | None = None  # set while the account is closed
        self._closed_for: WaitReason | None = None  # by the provider's latest clear answer

    @property
    def takes_nothing(self) -> bool:
        """Whether submissions have failed for so long that waiting has no point; otherwise every job has its turn."""
        return self._long_patience.is_over(SUBMISSIONS)

    @property
    def paused_for(self) -> WaitReason | None:
        """Why nothing is submitted, once the provider has said so several times; None while the account may be open."""
        return self._closed_for if self._patience.is_over(PAUSE) else None

    def took_nothing(self) -> None:
        """A submission was put off because the provider is busy, out of order or out of reach."""
        self._long_patience.failed(SUBMISSIONS)

    def close(self, reason: WaitReason) -> None:
        """A submission was refused for the account's sake: no other one is tried."""
        self._refused(reason)
        self.ask_at = self._clock() + self._every

    def _refused(self, reason: WaitReason) -> None:
        """The pause is not time in which the provider takes nothing."""
        self._long_patience.forget(SUBMISSIONS)
        self._patience.failed(PAUSE)
        self._closed_for = reason

    async def tell_of(self, error: ProviderError) -> None:
        """Tell the operator, once, where `error` is one of the two troubles."""
        if (reason := trouble_of(error)) is not None:
            trouble = TROUBLES[reason]
            await self._operator.tell(trouble.name, [trouble.begun], log_line=trouble.begun_line)

    async def say_balance(self) -> None:
        """Log the credits once, so that a wrong key or address is noticed at the start and not at the first command."""
        try:
            credits_left = await self._provider.credits()
        except ProviderUnauthorized as error:
            log.error("SUNO_API_KEY is refused (%s): check it in .env", error)  # noqa: TRY400  # one line is enough
        except ProviderError as error:
            log.warning(
                "cannot ask the music service for its credits (%s): if this lasts, check SUNO_API_URL and the network",
                error,
            )
        except Exception:
            log.exception("cannot ask the music service for its credits")
        else:
            if credits_left < CREDITS_PER_JOB:
                log.warning("%g credits left, and an extension costs %d: top up", credits_left, CREDITS_PER_JOB)
            else:
                log.info("%g credits left; an extension costs %d", credits_left, CREDITS_PER_JOB)

    async def works(self) -> None:
        """A submission was taken."""
        self._long_patience.forget(SUBMISSIONS)
        await self._is_over(WaitReason.KEY_REFUSED)

    async def is_open(self) -> bool:
        """Whether a submission may be tried. While the account is closed, asks now and then, one at a time."""
        if not self._has_looked:
            is_closed = any([await self._operator.is_reported(trouble.name) for trouble in TROUBLES.values()])
            if is_closed and not self._has_looked:  # several submitters may come here at a start
                self.ask_at = self._clock()
            self._has_looked = True
        if self.ask_at is None:
            return True
        now = self._clock()
        if timedelta(0) < self.ask_at - now <= self._every:  # later than that only after the clock was set back
            return False
        self.ask_at = now + self._every
        try:
            credits_left = await self._provider.credits()
        except ProviderError as error:
            log.debug("credits: %s", error)
            if (reason := trouble_of(error)) is not None:
                self._refused(reason)
            return False
        await self._is_over(WaitReason.KEY_REFUSED)
        if credits_left < CREDITS_PER_JOB:
            self._refused(WaitReason.NO_CREDITS)
            return False
        self.ask_at = None
        self._patience.forget(PAUSE)
        await self._is_over(WaitReason.NO_CREDITS)
        return True

    async def _is_over(self, reason: WaitReason) -> None:
        trouble = TROUBLES[reason]
        await self._operator.over(trouble.name, [trouble.over], log_line=trouble.over_line)
