"""A claim that is renewed during the work: a dead process is noticed soon, a slow one is left alone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.errors import Outage

log = logging.getLogger(__name__)


class Lease:
    """`is_lost` once somebody else has taken over or finished the work."""

    def __init__(self) -> None:
        self.is_lost = False


@asynccontextmanager
async def renewed(renew: Callable[[], Awaitable[bool]], *, seconds: float) -> AsyncIterator[Lease]:
    """Call `renew` three times per `seconds`, the length of the claim, until the block ends.

    `renew` says whether the work is still ours. One failed renewal does no harm: the next comes in time.
    """
    lease = Lease()

    async def keep() -> None:
        while not lease.is_lost:
            await asyncio.sleep(seconds / 3)
            try:
                lease.is_lost = not await renew()
            except Outage as error:
                log.debug("a claim could not be renewed (%s); trying again", error)
            except Exception:
                log.exception("a claim could not be renewed; trying again")

    keeping = asyncio.create_task(keep(), name="lease")
    try:
        yield lease
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
