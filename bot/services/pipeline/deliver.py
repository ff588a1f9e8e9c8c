"""Posts what is owed: the tracks of finished jobs, and the news of failed ones. Each exactly once."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.jobs import Failure, FailureReason, Job, JobEvent, JobState, WaitReason
from bot.domain.pace import backoff_seconds
from bot.domain.text import text
from bot.errors import BadSource
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock, is_due
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import (
    HistoryClosed,
    Messenger,
    Posted,
    Route,
    RouteClosed,
    RouteUnavailable,
    is_nonce_known,
)
from bot.services.common.patience import Patience
from bot.services.common.ports import Storage, Work
from bot.services.operator.isolation import Isolation
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.posting import Posting, notified
from bot.services.pipeline.tracks import CLEARLY_GONE, FetchedTracks

log = logging.getLogger(__name__)

OWED = (JobState.FINISHED, JobState.UNCOLLECTED, JobState.FAILED)
PATIENCE = 5
"""Tries after which a result is posted without the tracks that cannot be fetched."""
PAUSE_MAX_SECONDS = 300.0
COLLECT_AGAIN_SECONDS = 300.0
COLLECT_AGAIN_MAX_SECONDS = 6 * 3600.0
"""How soon an uncollected result is tried again at first, and how rarely in the end."""

FETCH_AGAIN_MAX_SECONDS = 3600.0
"""How often at least unreachable tracks are tried again once the deadline has passed."""

Change = Callable[[Job, datetime], Job]

NOWHERE = text(
    "Your music is ready, but I can't post it here or send you a direct message."
    " `/jobs` has it, and I'll try again when this channel opens up."
)


class DeliveryTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. `give_up`: how long to keep trying a post, or tracks that are gone; `lease`: when a dead worker's job is
    free for another.
    """

    lease: float
    give_up: float
    backoff_base: float


class Delivery:
    """The step of the delivering workers."""

    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        posting: Posting,
        kept: KeptTracks,
        isolation: Isolation,
        *,
        times: DeliveryTimes,
        patience: Patience,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`patience`: how many tries must fail after the deadline before the job is given up."""
        self._storage = storage
        self._messenger = messenger
        self._posting = posting
        self._kept = kept
        self._isolation = isolation
        self._times = times
        self._patience = patience
        self._bells = bells
        self._clock = clock
        self._began_at = clock()
        self._owner = an_owner("delivering")
        self._in_hand: set[str] = set()

    async def next_due(self) -> datetime | None:
        return await self._storage.reading.jobs.next_due(OWED)

    async def release(self) -> None:
        """Leave interrupted deliveries to other processes at once, before the claims run out."""
        count = await self._storage.write(lambda work: work.jobs.release_all(self._owner, at=self._clock()))
        if count:
            self._bells.deliver.ring()

    async def step(self) -> bool:
        claimed = await self._storage.write(self._claim)
        if claimed:
            self._bells.deliver.wake_another()
        for job in claimed:
            if job.id not in self._in_hand:
                await self._deliver_isolated(replace(job, attempts=job.attempts + 1))
        return bool(claimed)

    async def _claim(self, work: Work) -> Sequence[Job]:
        """The jobs as they were before this try."""
        now = self._clock()
        until = now + timedelta(seconds=self._times.lease)
        claimed = await work.jobs.claim_due(OWED, now=now, until=until, limit=1, owner=self._owner)
        for job in claimed:
            # After a jump of the clock, a claim may run out while this process is still editing.
            if job.id not in self._in_hand:
                # Written down before the post, so that after a crash the channel is searched first.
                tried_at = job.post_tried_at or now
                await work.jobs.save(replace(job, attempts=job.attempts + 1, post_tried_at=tried_at))
        return claimed

    async def _deliver_isolated(self, job: Job) -> None:
        """`job.post_tried_at` is that of an earlier try, if there was one."""
        self._in_hand.add(job.id)
        try:
            async with self._isolation.around(job, doing="delivering it"):
                await self._deliver(job)
        finally:
            self._in_hand.discard(job.id)

    async def _deliver(self, job: Job) -> None:
        try:
            async with renewed(partial(self._renew, job), seconds=self._times.lease) as lease:
                outcome = await self._tell(job, lease)
            await self._settle(job, outcome)
        except LeaseLost:
            log.warning("job %s: somebody else has taken its delivery over", job.short_id)

    async def _settle(self, job: Job, outcome: Posted | Change) -> None:
        """Record the outcome. A post counts even if the job has a new owner by now, who would otherwise post again.

        Raises:
            LeaseLost: nothing was posted here, and another owner is working on it or has ended it.
        """
        change = partial(notified, outcome) if isinstance(outcome, Posted) else outcome

        async def settled(work: Work) -> tuple[Job, Job]:
            is_ours = await work.jobs.release(job.id, owner=self._owner)
            current = await work.jobs.get(job.id)
            is_open = current is not None and current.state is job.state and current.notified_at is None
            if current is None or not is_open or not (is_ours or isinstance(outcome, Posted)):
                raise LeaseLost
            at = self._clock()
            after = change(replace(current, waits_for=None), at)
            await settle.save(work, after, before=current, at=at)
            fault_points.reach("inside the settling transaction")
            return current, after

        current, after = await self._storage.write(settled)
        if after.state is not current.state or after.due_at is None:
            self._patience.forget(job.id)
        self._bells.job_changed(after)
        if after.state is JobState.UNCOLLECTED and current.state is JobState.FINISHED:
            await self._messenger.answer(job.place, [NOWHERE])

    async def _renew(self, job: Job) -> bool:
        until = self._clock() + timedelta(seconds=self._times.lease)
        return await self._storage.write(lambda work: work.jobs.renew(job.id, owner=self._owner, until=until))

    async def _tell(self, job: Job, lease: Lease) -> Posted | Change:
        """Try every way to the member. Returns the message, or how to change the job if there is none."""
        try:
            posted = await self._by_any_route(job, lease)
        except RouteUnavailable as error:
            log.warning("job %s: not delivered at try %d (%s)", job.short_id, job.attempts, error)
            return partial(self._later, may_be_posted=True)
        except (BadSource, OSError) as error:  # OSError: no room for the tracks
            log.warning("job %s: its tracks could not be fetched at try %d (%s)", job.short_id, job.attempts, error)
            return partial(self._later, may_be_posted=job.post_tried_at is not None, unfetched=error)
        if posted is None:
            return partial(self._nowhere, may_be_posted=job.post_tried_at is not None)
        log.info("job %s: posted", job.short_id)
        return posted

    async def _by_any_route(self, job: Job, lease: Lease) -> Posted | None:
        """Post by the best way that is open; None when all are closed."""
        since = self._may_be_posted_since(job)
        if since is not None and (earlier := await self._sent_again(job, since)) is not None:
            return earlier
        async with AsyncExitStack() as stack:
            fetched: FetchedTracks | None = None
            for route in self._messenger.routes(job):
                try:
                    if since is not None and (earlier := await self._found(job, route, since)) is not None:
                        return earlier
                    if job.state is JobState.FAILED:
                        await lease.check()
                        return await route.post_failure(job)
                    if job.state is JobState.UNCOLLECTED:
                        route.check_open(job)  # such a job is tried often, and its tracks need not be fetched each time
                    if fetched is None:
                        was_known = self._is_nonce_known(job)
                        fetched = await self._ready(job, stack)
                        job = replace(job, tracks=fetched.tracks)
                        if was_known and (earlier := await self._found_by_now(job, route)) is not None:
                            return earlier
                    posted = await self._posting.post(job, route, fetched, lease)
                    await self._posting.keep(job, fetched)
                except RouteClosed as error:
                    log.info("job %s: %s is closed (%s)", job.short_id, route.name, error)
                else:
                    return posted
            await self._keep_unposted(job, fetched, stack)
        return None

    async def _ready(self, job: Job, stack: AsyncExitStack) -> FetchedTracks:
        """Its tracks on disk, with what shows their join, until `stack` closes. Raises as `Posting.fetched`."""
        fetched = await self._posting.fetched(job, stack, may_be_partial=job.attempts > PATIENCE)
        others_wait = is_due(await self.next_due(), self._clock())
        return await self._posting.with_joins(replace(job, tracks=fetched.tracks), fetched, in_haste=others_wait)

    async def _keep_unposted(self, job: Job, fetched: FetchedTracks | None, stack: AsyncExitStack) -> None:
        """Keep copies of what could be posted nowhere, fetched for that alone if need be."""
        if fetched is None and job.state is JobState.UNCOLLECTED and await self._posting.lacks_copies(job):
            fetched = await self._posting.fetched(job, stack, may_be_partial=True)
        if fetched is not None:
            await self._posting.keep(job, fetched)

    def _may_be_posted_since(self, job: Job) -> datetime | None:
        """Since when its end may have been in a channel unknown to us; None if it cannot be.

        A job older than this process may come from a restored backup, made before it was posted.
        """
        if job.accepted_at < self._began_at:
            return job.submitted_at or job.accepted_at
        return job.post_tried_at

    async def _sent_again(self, job: Job, since: datetime) -> Posted | None:
        """What `Send again` may have posted in another channel before its process died."""
        if job.final_channel_id is None or job.final_channel_id == job.place.channel_id:
            return None
        place = replace(job.place, guild_id=job.final_guild_id, channel_id=job.final_channel_id, private=False)
        there = replace(job, place=place)
        try:
            return await self._messenger.routes(there)[0].find_end(there, since=since)
        except RouteClosed as error:
            log.info("job %s: the channel it was sent to is closed (%s)", job.short_id, error)
            return None

    async def _found(self, job: Job, route: Route, since: datetime) -> Posted | None:
        """Without the right to look, post only where that cannot double an earlier try of ours."""
        try:
            return await route.find_end(job, since=since)
        except HistoryClosed:
            if job.post_tried_at is None or self._is_nonce_known(job):
                return None
            raise

    async def _found_by_now(self, job: Job, route: Route) -> Posted | None:
        """As `_found`, once getting ready has taken so long that Discord may have forgotten an earlier try."""
        if job.post_tried_at is None or self._is_nonce_known(job):
            return None
        return await self._found(job, route, job.post_tried_at)

    def _is_nonce_known(self, job: Job) -> bool:
        return job.post_tried_at is not None and is_nonce_known(job.post_tried_at, at=self._clock())

    def _later(self, job: Job, at: datetime, *, may_be_posted: bool, unfetched: Exception | None = None) -> Job:
        """Try again after a pause; stop once the deadline has passed and enough tries have failed.

        `unfetched` is why the tracks could not be fetched. Where it says nothing about them, they are tried for as long
        as the files are kept.
        """
        tried_at = job.post_tried_at if may_be_posted else None
        job = replace(job, post_tried_at=tried_at)
        may_be_there = unfetched is not None and not isinstance(unfetched, CLEARLY_GONE)
        if job.state is JobState.UNCOLLECTED:
            return self._nowhere(job, at, may_be_posted=may_be_posted)
        ended_at = job.finished_at or job.ended_at or job.accepted_at
        deadline = ended_at + timedelta(seconds=self._times.give_up)
        if at >= (self._kept.expires_at(job) if may_be_there else deadline) and self._patience.failed(job.id):
            if job.state is JobState.FAILED:
                log.warning("job %s: its member could not be told", job.short_id)
                return replace(job, notified_at=at, due_at=None)
            if may_be_posted:
                return self._nowhere(job, at, may_be_posted=True)
            failure = Failure(reason=FailureReason.TRACKS_GONE)
            return job.after(JobEvent.EXPIRED, failure=failure, ended_at=at, due_at=at, attempts=0)
        cap_seconds = FETCH_AGAIN_MAX_SECONDS if may_be_there and at >= deadline else PAUSE_MAX_SECONDS
        wait_seconds = backoff_seconds(job.attempts, base_seconds=self._times.backoff_base, cap_seconds=cap_seconds)
        waits_for = WaitReason.DOWNLOAD if unfetched is not None else None
        return replace(job, due_at=at + timedelta(seconds=wait_seconds), waits_for=waits_for)

    def _nowhere(self, job: Job, at: datetime, *, may_be_posted: bool) -> Job:
        """Every way to the member is closed: failures are left untold, tracks are kept and tried again."""
        tried_at = job.post_tried_at if may_be_posted else None
        if job.state is JobState.FAILED:
            log.info("job %s: no way to tell its member is left", job.short_id)
            return replace(job, notified_at=at, due_at=None, post_tried_at=tried_at)
        if at >= self._kept.expires_at(job) and self._patience.failed(job.id):
            log.warning("job %s: not collected until its files expired", job.short_id)
            failure = Failure(reason=FailureReason.UNDELIVERABLE)
            return job.after(
                JobEvent.EXPIRED, failure=failure, ended_at=at, notified_at=at, due_at=None, post_tried_at=None
            )
        tries = job.attempts if job.state is JobState.UNCOLLECTED else 0
        pause_seconds = backoff_seconds(
            tries, base_seconds=COLLECT_AGAIN_SECONDS, cap_seconds=COLLECT_AGAIN_MAX_SECONDS
        )
        if job.state is JobState.FINISHED:
            log.warning("job %s: nowhere to post it for now; kept to be collected", job.short_id)
        return job.after(
            JobEvent.NOWHERE_TO_POST,
            attempts=tries,
            post_tried_at=tried_at,
            due_at=at + timedelta(seconds=pause_seconds),
        )
