"""The provider's account: a refused key, and the pause while it is empty. Both only the operator can mend."""

import logging
from datetime import datetime, timedelta

from bot.domain.text import text
from bot.errors import ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.services.clock import Clock
from bot.services.operator import Operator
from bot.services.ports import Provider

log = logging.getLogger(__name__)

CREDITS_PER_JOB = 12
"""What one extension costs (fact sheet, section 5)."""

EMPTY = "no credits"
RAN_OUT = text(
    "The music service has no credits left for this bot, so nothing new is submitted. Jobs wait in their places."
    " Top the account up; they go on by themselves."
)
FILLED = text("The music service has credits again: the waiting jobs go on.")

REFUSED = "a refused key"
KEY_REFUSED = text(
    "The music service refuses this bot's key, so nothing can be made. Check SUNO_API_KEY in `.env`"
    " and start the bot again."
)
KEY_TAKEN = text("The music service takes this bot's key again.")


class Account:
    """Shared by all who use the provider; a restart finds the pause in the database."""

    def __init__(self, provider: Provider, operator: Operator, *, every_seconds: float, clock: Clock) -> None:
        """`every_seconds`: how often an empty account is asked whether it was filled."""
        self._provider = provider
        self._operator = operator
        self._every = timedelta(seconds=every_seconds)
        self._clock = clock
        self._looked = False
        self.ask_at: datetime | None = None  # set while the account is empty

    def pause(self) -> None:
        """A submission was refused for the credits: no other one is tried."""
        self.ask_at = self._clock() + self._every

    async def tell_of(self, error: ProviderError) -> None:
        """Tell the operator where `error` is one of the two troubles."""
        if isinstance(error, ProviderOutOfCredits):
            line = "the account has no credits left: top it up; jobs wait and go on by themselves"
            await self._operator.tell(EMPTY, [RAN_OUT], log_line=line)
        elif isinstance(error, ProviderUnauthorized):
            line = "the provider refuses SUNO_API_KEY: check the key in .env"
            await self._operator.tell(REFUSED, [KEY_REFUSED], log_line=line)

    async def works(self) -> None:
        """A submission was taken."""
        await self._operator.over(REFUSED, [KEY_TAKEN], log_line="the provider takes the key again")

    async def has_credits(self) -> bool:
        """Whether a submission may be tried. While the account is empty, asks whether it was filled, one at a time."""
        if not self._looked:
            self._looked = True
            if await self._operator.is_told(EMPTY):
                self.ask_at = self._clock()
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
            return False
        if credits_left < CREDITS_PER_JOB:
            return False
        self.ask_at = None
        await self._operator.over(EMPTY, [FILLED], log_line="credits are back: submitting goes on")
        return True
