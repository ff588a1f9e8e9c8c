"""A claim that is renewed while its work goes on: a dead process is noticed soon, a slow one is not disturbed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def renewed(renew: Callable[[], Awaitable[None]], *, seconds: float) -> AsyncIterator[None]:
    """Call `renew` three times in `seconds`, the length of the claim, until the block is left."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(seconds / 3)
            await renew()

    keeping = asyncio.create_task(keep(), name="lease")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
