"""Write down what nobody else knows, such as what the provider answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.domain.pace import backoff_seconds
from bot.errors import Outage

T = TypeVar("T")


async def surely(write: Callable[[], Awaitable[T]]) -> T:
    """Call `write` until it succeeds, however long the database is away."""
    failures = 0
    while True:
        try:
            return await write()
        except Outage:
            failures += 1
            await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=5))
