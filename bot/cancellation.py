"""Work that must not be left half done."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def to_its_end(work: Awaitable[T]) -> T:
    """Await `work` to its end even if this task is cancelled; then raise the cancellation.

    `asyncio.run` cancels whatever is left when it ends, and with it `work` itself, unless that is a plain future, such
    as `run_in_executor` returns.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # mark it as seen; the cancellation matters more here
        raise
