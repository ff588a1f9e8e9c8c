"""Watches whether PUBLIC_URL leads to the bot. While it does not, results are polled as if there were none."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.public_address import Came, Outcome, explain
from bot.domain.text import text
from bot.services.common.clock import Clock
from bot.services.operator.notices import Operator

log = logging.getLogger(__name__)

TROUBLE = "an unreachable PUBLIC_URL"
TRIES = 3
"""At a start, the web process or the proxy may still be starting."""

BEGUN = text(
    "I can't reach myself at PUBLIC_URL, so I'm polling the music service for results."
    " `encore doctor` shows what's wrong."
)
OVER = text("I can reach myself at PUBLIC_URL again, so results arrive the moment they're ready.")


class PublicAddress:
    """The step of a worker. Each process that submits jobs checks for itself; any web process may answer."""

    def __init__(
        self,
        call: Callable[[], Awaitable[Outcome]],
        operator: Operator,
        *,
        url: str,
        own_port: str,
        every_seconds: float,
        pause_seconds: float,
        clock: Clock,
    ) -> None:
        """`every_seconds` lie between two checks, `pause_seconds` between the tries of one that fails."""
        self._call = call
        self._operator = operator
        self._url = url
        self._own_port = own_port
        self._every = timedelta(seconds=every_seconds)
        self._pause = timedelta(seconds=pause_seconds)
        self._clock = clock
        self._due_at = clock() + self._pause
        self._failures = 0
        self._has_told = False  # in this process
        self.answers = True

    async def next_due(self) -> datetime:
        return self._due_at

    async def step(self) -> bool:
        outcome = await self._call()
        if outcome.came is Came.ANSWER:
            await self._answered()
        else:
            await self._failed(outcome)
        is_trying = 0 < self._failures < TRIES
        self._due_at = self._clock() + (self._pause if is_trying else self._every)
        return False

    async def _answered(self) -> None:
        is_news = self._has_told
        self._failures, self._has_told, self.answers = 0, False, True
        line = "PUBLIC_URL leads to this bot again: results are called back"
        if not await self._operator.over(TROUBLE, [OVER], log_line=line) and is_news:
            log.warning(line)

    async def _failed(self, outcome: Outcome) -> None:
        self._failures += 1
        if self._failures < TRIES or self._has_told:
            return
        self.answers = False
        found = explain(outcome, self._url, own_port=self._own_port)
        line = f"PUBLIC_URL: {found.came_back}; results are polled until it leads to this bot. {_capital(found.remedy)}"
        if not await self._operator.tell(TROUBLE, [BEGUN], log_line=line):
            log.warning(line)  # the operator knows, but this process's log does not
        self._has_told = True


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
