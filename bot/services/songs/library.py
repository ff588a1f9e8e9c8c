"""A member's own results: found again page by page, and what is left of each."""

import msgspec

from bot.domain.actions import has_files
from bot.domain.jobs import Job, JobState
from bot.domain.library import PAGE_SIZE, Edge, LibraryPage, LibraryQuery, page_of
from bot.domain.text import text
from bot.errors import Refused
from bot.services.common.clock import Clock
from bot.services.common.messenger import ResultCopies, RouteUnavailable
from bot.services.common.ports import Storage
from bot.services.pipeline.resend import Resend


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Where a result's files still are.

    `at_provider` and `kept`: at the music service, and as the operator's copies. `in_channel`: in the message with the
    result; None if Discord doesn't say now. `has_message`: there was one that can be linked to.
    """

    at_provider: bool
    kept: bool
    in_channel: bool | None
    has_message: bool

    @property
    def can_be_sent(self) -> bool:
        return self.at_provider or self.kept or bool(self.in_channel)


class Library:
    def __init__(self, storage: Storage, resend: Resend, copies: ResultCopies, clock: Clock) -> None:
        self._storage = storage
        self._resend = resend
        self._copies = copies
        self._clock = clock

    async def page(self, member_id: int, query: LibraryQuery, edge: Edge | None = None) -> LibraryPage:
        """The page beside `edge`; the first one if there is nothing beside it any more."""
        limit = PAGE_SIZE + 1
        found = await self._storage.reading.library.page(member_id, query, edge=edge, limit=limit)
        is_short = edge is not None and (not found or (edge.is_newer and len(found) < PAGE_SIZE))
        if is_short:
            edge = None
            found = await self._storage.reading.library.page(member_id, query, edge=None, limit=limit)
        return page_of(found, query, edge)

    async def result(self, member_id: int, job_id: str) -> tuple[Job, Left]:
        """One result, and where its files still are.

        Raises:
            Refused: it is gone, or not the member's.
        """
        job = await self._storage.reading.jobs.get(job_id)
        if job is None or job.place.member_id != member_id or job.state is not JobState.DELIVERED:
            raise Refused([text("I don't have this result any more.")])
        in_channel: bool | None
        try:
            in_channel = bool(await self._copies.in_channel(job))
        except RouteUnavailable:
            in_channel = None
        return job, Left(
            at_provider=has_files(job, at=self._clock()),
            kept=await self._resend.has_copies(job),
            in_channel=in_channel,
            has_message=job.final_message_id is not None and not job.final_is_answer,
        )
