"""How long a server may take: for its answer, for each piece of the file, and in all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from bot.domain.text import Text, text
from bot.errors import SourceUnreachable
from bot.fetch.limits import FetchLimits

NO_ANSWER = text("The server behind this link took too long to answer.")
TOO_SLOW = text("The server behind this link is sending too slowly.")
TOO_LONG = text("This file took too long to download.")


class TimeLimit:
    """A time limit around one fetch. Enter it once; it cancels the block inside and raises SourceUnreachable.

    Whichever comes first: no answer after `answer_seconds`, a window in which less than a window's worth of the file
    arrived, or `total_seconds`.
    """

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._time = asyncio.get_running_loop().time
        self._piece_bytes = limits.least_bytes_per_second * limits.window_seconds
        self._arrived_bytes = 0
        self._sentence = NO_ANSWER
        self._over_at = self._time() + limits.total_seconds
        self._next_at = self._time() + limits.answer_seconds
        self._timeout = asyncio.timeout_at(min(self._next_at, self._over_at))

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            sentence = self._sentence_now()
            raise SourceUnreachable(f"fetch: {sentence.message}", sentence) from None

    def answered(self) -> None:
        """The head of the response has arrived: start the first window."""
        self._sentence = TOO_SLOW
        self._wait_until(self._time() + self._limits.window_seconds)

    def file_bytes_arrived(self, count: int) -> None:
        self._arrived_bytes += count
        if self._arrived_bytes >= self._piece_bytes:
            self._arrived_bytes = 0
            self._wait_until(self._time() + self._limits.window_seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock while our own disk is busy: that is not the server's fault."""
        began_at, next_at = self._time(), self._next_at
        self._wait_until(self._over_at)
        try:
            yield
        finally:
            self._wait_until(next_at + self._time() - began_at)

    def _wait_until(self, at: float) -> None:
        self._next_at = at
        if not self._timeout.expired():
            self._timeout.reschedule(min(at, self._over_at))

    def _sentence_now(self) -> Text:
        return TOO_LONG if self._over_at <= self._next_at else self._sentence
