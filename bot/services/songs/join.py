"""How a result joins what it continues, for whoever asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

from bot.domain.jobs import Job
from bot.domain.text import text
from bot.errors import BadSource, Refused
from bot.services.common.messenger import ResultFile
from bot.services.common.one_each import OneEach
from bot.services.pipeline.join_preview import JoinPreviews
from bot.services.pipeline.posting import SMALLEST_LIMIT_BYTES, Posting

NO_PREVIEW = text("I can't show the join: the original or the music is gone, or reading them took too long.")

BUSY = text("I'm still making the last join you asked for. Try again when it's done.")
JOINS_AT_ONCE = 4
"""How many results are fetched for this at the same time."""


class Joins:
    def __init__(self, posting: Posting, previews: JoinPreviews) -> None:
        self._posting = posting
        self._previews = previews
        self._one_each = OneEach(BUSY)
        self._places = asyncio.Semaphore(JOINS_AT_ONCE)

    @asynccontextmanager
    async def shown(self, job: Job, member_id: int) -> AsyncIterator[tuple[Job, Sequence[ResultFile]]]:
        """The takes with what shows their joins, until the block is left.

        Raises:
            Refused: nothing could be made, or the member's last one isn't there yet.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(self._one_each.one(member_id))
            await stack.enter_async_context(self._places)
            try:
                fetched = await self._posting.fetched(job, stack, may_be_partial=True)
            except (BadSource, OSError) as error:
                raise Refused([NO_PREVIEW]) from error
            here = replace(job, tracks=fetched.tracks)
            files = await (await self._previews.made(here, fetched)).fitted(SMALLEST_LIMIT_BYTES)
            if all(file.join.preview is None for file in files):
                raise Refused([NO_PREVIEW])
            yield here, files
