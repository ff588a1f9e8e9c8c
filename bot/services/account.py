"""The pause while the provider's account is empty: no submission is tried, and the balance is asked at a slow pace."""

import logging
from datetime import datetime, timedelta

from bot.domain.text import text
from bot.errors import ProviderError
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
BACK = text("The music service has credits again: the waiting jobs go on.")


class Account:
    """Shared by the submitting workers; a restart finds the pause in the database."""

    def __init__(self, provider: Provider, operator: Operator, *, every_seconds: float, clock: Clock) -> None:
        self._provider = provider
        self._operator = operator
        self._every = timedelta(seconds=every_seconds)
        self._clock = clock
        self._looked = False
        self.ask_at: datetime | None = None  # set while the account is empty

    def pause(self) -> None:
        """A submission was refused for it."""
        self.ask_at = self._clock() + self._every

    async def tell(self) -> None:
        await self._operator.tell(
            EMPTY, [RAN_OUT], log_line="the account has no credits left: top it up; jobs wait and go on by themselves"
        )

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
        await self._operator.over(EMPTY, [BACK], log_line="credits are back: submitting goes on")
        return True
