"""Waiting for something to become true, without looking again and again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 10.0
"""How long the user side waits unless it is told otherwise."""


class NeverHappened(AssertionError):
    """What was waited for did not come in time; the text lists what came instead."""


class Changes:
    """Tells everyone who waits that something may have changed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(
        self, find: Callable[[], Found | None], *, timeout: float, wanted: str, seen: Callable[[], str]
    ) -> Found:
        """What `find` gives, as soon as that is something true.

        Raises:
            NeverHappened: `timeout` seconds have passed; names `wanted` and what is `seen` by then.
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
