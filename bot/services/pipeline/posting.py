"""Put a job's tracks onto a route: fetch them, make them fit, post them."""

import logging
from contextlib import AsyncExitStack
from datetime import datetime

from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Job, JobEvent, JobState
from bot.errors import ProviderError, SourceUnreachable
from bot.services.common.lease import Lease
from bot.services.common.messenger import Posted, Route, RouteClosed, RouteTooSmall
from bot.services.common.ports import Provider, Storage, Work
from bot.services.pipeline.join_preview import JoinPreviews
from bot.services.pipeline.tracks import FetchedTracks, TrackFiles

log = logging.getLogger(__name__)

SMALLEST_LIMIT_BYTES = 8_000_000
"""The sizes to try if Discord takes less than it announced (docs/discord.md 3.1)."""


class Posting:
    """`joins`: how results show where they join what they continue; None: they don't."""

    def __init__(
        self, storage: Storage, provider: Provider, files: TrackFiles, joins: JoinPreviews | None = None
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._files = files
        self._joins = joins

    async def fetched(self, job: Job, stack: AsyncExitStack, *, may_be_partial: bool) -> FetchedTracks:
        """The job's tracks on disk, until `stack` closes.

        Raises:
            BadSource: a track is missing without `may_be_partial`, or all are.
            OSError: there is no room for them.
        """
        await fault_points.pause_at("while a track is fetched")
        fetched = await stack.enter_async_context(self._files.fetched(job))
        if not fetched.is_complete and job.task_id is not None:
            # The links may have expired, or come from a forged callback: ask the provider.
            again = await self._asked_again(job)
            if again is None and fetched.error is not None:
                # It may have new links to files that are gone from where we looked.
                fetched = replace(fetched, error=SourceUnreachable(str(fetched.error), fetched.error.sentence))
            if again is not None and again.tracks != job.tracks:
                fetched = await stack.enter_async_context(self._files.fetched(again))
        fetched.check(may_be_partial=may_be_partial)
        return fetched

    async def with_joins(self, job: Job, fetched: FetchedTracks, *, in_haste: bool = False) -> FetchedTracks:
        """With what shows the join, if that is wanted and can be made in time. `in_haste`: other results wait."""
        return fetched if self._joins is None else await self._joins.added(job, fetched, in_haste=in_haste)

    async def post(self, job: Job, route: Route, fetched: FetchedTracks, lease: Lease) -> Posted:
        """Post the tracks, smaller where they do not fit, and as links where nothing helps.

        `lease` is checked right before.

        Raises:
            LeaseLost: nothing was posted.
            RouteClosed, RouteUnavailable: as the route's own methods.
        """
        limit_bytes = await route.upload_limit_bytes(job)
        for limit in (limit_bytes, min(limit_bytes, SMALLEST_LIMIT_BYTES), 0):
            try:
                files = await fetched.fitted(limit)
                await fault_points.pause_at("before the post")
                await lease.check()
                posted = await route.post_result(job, files)
            except RouteTooSmall:
                log.warning("job %s: files up to %d bytes are too large for %s", job.short_id, limit, route.name)
                continue
            await fault_points.pause_at("after the post")
            return posted
        raise RouteClosed("even links were too large")

    async def has_copies(self, job: Job) -> bool:
        """Whether we kept any of its tracks."""
        return await self._files.has_copies(job)

    async def lacks_copies(self, job: Job) -> bool:
        """Whether its tracks should be kept and are not."""
        return await self._files.lacks_copies(job)

    async def keep(self, job: Job, fetched: FetchedTracks) -> None:
        """Keep copies if the operator wants them; after the post, which they must not delay."""
        await self._files.keep(job, fetched)

    async def _asked_again(self, job: Job) -> Job | None:
        """The job with the tracks that the provider names now; None where the provider cannot be asked."""
        try:
            report = await self._provider.report(job.task_id or "")
        except ProviderError as error:
            log.info("job %s: the provider cannot be asked for its tracks again (%s)", job.short_id, error)
            return None
        if not any(track.audio_url for track in report.tracks):
            return job

        async def replaced(work: Work) -> None:
            current = await work.jobs.get(job.id)
            if current is not None:
                await work.tracks.forget(job.id)  # some of the old ones may have been invented
                await work.jobs.save(replace(current, tracks=report.tracks))

        await self._storage.write(replaced)
        return replace(job, tracks=report.tracks)


def ended_in(posted: Posted, job: Job) -> Job:
    """The job with `posted` as the message that tells its end."""
    return replace(
        job,
        final_channel_id=posted.channel_id,
        final_message_id=posted.message_id,
        final_guild_id=posted.guild_id,
        final_is_answer=posted.is_answer,
    )


def notified(posted: Posted, job: Job, at: datetime) -> Job:
    """The job once its end is in the message `posted`; a result that is posted is delivered."""
    changed = replace(ended_in(posted, job), notified_at=at, due_at=None, post_tried_at=None)
    return changed if job.state is JobState.FAILED else changed.after(JobEvent.POSTED, ended_at=at)
