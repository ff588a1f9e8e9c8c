"""Waiting for something to become true, without polling."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from bot.sandbox.patience import PATIENCE_SECONDS

Found = TypeVar("Found")


class NeverHappened(AssertionError):
    """It did not happen in time; the text lists what happened instead."""


class Changes:
    """Wakes everyone who waits for a change."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(
        self,
        find: Callable[[], Found | None],
        *,
        timeout: float = PATIENCE_SECONDS,
        wanted: str,
        seen: Callable[[], str],
    ) -> Found:
        """Return what `find` returns as soon as that is truthy.

        Raises:
            NeverHappened: after `timeout` seconds; says what was `wanted` and what was `seen` instead.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    found = find()
                    if found:
                        return found
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.add(future)
                    try:
                        await future
                    finally:
                        self._waiting.discard(future)
        except TimeoutError:
            raise NeverHappened(f"{wanted}: not within {timeout:g} s. Seen: {seen() or 'nothing'}") from None
