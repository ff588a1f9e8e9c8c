"""A claim that is renewed during the work: a dead process is noticed soon, a slow one is left alone."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.errors import Outage

log = logging.getLogger(__name__)

Renew = Callable[[], Awaitable[bool]]
"""Keeps a claim for another while; False once it is somebody else's."""


class LeaseLost(Exception):
    """Somebody else has taken the work over, or finished it: leave without a word, they see to the rest."""


class Lease:
    """A claim and its owner's right to go on."""

    def __init__(self, renew: Renew) -> None:
        self._renew = renew
        self.is_lost = False

    async def check(self) -> None:
        """Right before what cannot be undone: the claim is still ours, and has just been renewed.

        Raises:
            LeaseLost: it is not.
            Outage: nobody can tell.
        """
        if self.is_lost or not await self._renew():
            self.is_lost = True
            raise LeaseLost

    async def keep(self, *, every_seconds: float) -> None:
        """Renew it until it is lost. One failed renewal ends nothing: the next one is tried in time."""
        while not self.is_lost:
            await asyncio.sleep(every_seconds)
            try:
                self.is_lost = not await self._renew()
            except Outage as error:
                log.debug("a claim could not be renewed (%s); trying again", error)
            except Exception:
                log.exception("a claim could not be renewed; trying again")


@asynccontextmanager
async def renewed(renew: Renew, *, seconds: float) -> AsyncIterator[Lease]:
    """Call `renew` three times in `seconds`, the length of the claim, until the block is left."""
    lease = Lease(renew)
    keeping = asyncio.create_task(lease.keep(every_seconds=seconds / 3), name="lease")
    try:
        yield lease
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def an_owner(of: str) -> str:
    """A name under which one service of one process claims work, unlike any other's."""
    return f"{of} {secrets.token_hex(8)}"
