"""A member's results, page by page: which ones are looked for, and where a page begins."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.jobs import Job

PAGE_SIZE = 8
SEARCH_MAX = 32
"""Characters of a search. It travels in the custom id of each button, together with everything else."""
EDGE_ID_MAX = 8
"""How much of a job's id tells it from others that ended in the same millisecond."""


class LibraryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`search`: a part of title or style, in any case. `model` and `guild_id`: only results made with it, or there."""

    search: str = ""
    model: str = ""
    guild_id: int | None = None

    @property
    def is_narrow(self) -> bool:
        return bool(self.search or self.model or self.guild_id is not None)


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page begins: beside the job that ended at `at` and whose id begins with `job_id`, without that job."""

    at: datetime
    job_id: str
    is_newer: bool = False

    @classmethod
    def beside(cls, job: Job, *, is_newer: bool) -> "Edge":
        return cls(at=job.ended_at or job.accepted_at, job_id=job.id[:EDGE_ID_MAX], is_newer=is_newer)


class LibraryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some results, newest first; `newer` and `older` lead to the pages beside it, None: there is no such page."""

    query: LibraryQuery
    jobs: tuple[Job, ...]
    newer: Edge | None = None
    older: Edge | None = None


def page_of(found: Sequence[Job], query: LibraryQuery, edge: Edge | None) -> LibraryPage:
    """The page of `found`, which are the `PAGE_SIZE` + 1 jobs nearest to the edge, newest first."""
    is_newer = edge is not None and edge.is_newer
    has_more = len(found) > PAGE_SIZE
    jobs = tuple(found[-PAGE_SIZE:] if is_newer else found[:PAGE_SIZE])
    if not jobs:
        return LibraryPage(query=query, jobs=())
    return LibraryPage(
        query=query,
        jobs=jobs,
        newer=Edge.beside(jobs[0], is_newer=True) if (has_more if is_newer else edge is not None) else None,
        older=Edge.beside(jobs[-1], is_newer=False) if (is_newer or has_more) else None,
    )
