"""Sends a member's music once more, or for the first time where nobody could collect it.

It costs the member nothing and others a download and a ping, so each member has one at a time and each job one a
minute, and all of them together share a few places.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import Verbatim, text
from bot.errors import BadSource, Refused
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import Messenger, Posted, Route, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage
from bot.services.pipeline.posting import Posting, ended_in, notified

log = logging.getLogger(__name__)

SENDABLE = frozenset({JobState.DELIVERED, JobState.UNCOLLECTED})

GONE = text("I can't find that job. It may be too old.")
BUSY = text("I'm already sending it.")
ONE_AT_A_TIME = text("I'm still sending you something else. Try again once it's there.")
NOT_READY = text("There's nothing to send yet: that job hasn't finished.")
EXPIRED = text("The music service no longer has these files, so I can't send them again.")
NO_ANSWER = text("Discord isn't answering right now. Try again in a minute.")

REST = timedelta(minutes=1)
"""How long after a job was sent again it is not sent once more."""


class _Sent(msgspec.Struct, frozen=True):
    at: datetime
    posted: Posted


class Resend:
    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        posting: Posting,
        *,
        at_once: int,
        lease_seconds: float,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`at_once`: how many jobs are sent at the same time; further ones wait.

        `lease_seconds`: after which the delivery takes over what a dead process was sending.
        """
        self._storage = storage
        self._messenger = messenger
        self._posting = posting
        self._lease = timedelta(seconds=lease_seconds)
        self._bells = bells
        self._clock = clock
        self._owner = an_owner("sending again")
        self._places = asyncio.Semaphore(at_once)
        self._in_hand: dict[int, str] = {}  # the job of each member who waits for one
        self._sent: dict[str, _Sent] = {}

    async def send_again(self, job_id: str, member_id: int, place: Place) -> None:
        """Post the job's tracks in the channel of `place`, or to the member alone where the bot may not post there.

        Answers the click at `place`, which has been acknowledged. A second click meanwhile does nothing.

        Raises:
            Refused: no such job of this member, not finished, sent a moment ago, files gone, or no answer of Discord's.
        """
        job = await self._sendable(job_id, member_id)
        if (in_hand := self._in_hand.get(member_id)) is not None:
            raise Refused([BUSY if in_hand == job.id else ONE_AT_A_TIME])
        self._check_rested(job)
        self._in_hand[member_id] = job.id
        try:
            async with self._places:
                # Read again: the delivery may have posted it meanwhile.
                await self._send(await self._sendable(job_id, member_id), place)
        finally:
            del self._in_hand[member_id]

    async def release(self) -> None:
        """Leave to the delivery any uncollected music that was still being sent."""
        async with self._storage.transaction() as work:
            count = await work.jobs.release_all(self._owner, at=self._clock())
        if count:
            self._bells.deliver.ring()

    async def _sendable(self, job_id: str, member_id: int) -> Job:
        job = await self._storage.reading.jobs.get(job_id)
        if job is None or job.place.member_id != member_id:
            raise Refused([GONE])
        if job.state not in SENDABLE:
            raise Refused([NOT_READY])
        return job

    def _check_rested(self, job: Job) -> None:
        """Raises `Refused` with the place where it is, if it was sent a moment ago."""
        now = self._clock()
        # A negative age says that the clock was set back.
        self._sent = {key: sent for key, sent in self._sent.items() if timedelta(0) <= now - sent.at < REST}
        if (sent := self._sent.get(job.id)) is None:
            return
        if sent.posted.is_answer:
            raise Refused([text("I sent it {ago}, where only you can see it.", ago=sent.at)])
        raise Refused([text("I sent it {ago}: {link}", ago=sent.at, link=_link(sent.posted))])

    async def has_copies(self, job: Job) -> bool:
        """Whether the job can be sent again from our own copies, once the provider's files are gone."""
        return await self._posting.has_copies(job)

    async def _send(self, job: Job, place: Place) -> None:
        try:
            if job.state is JobState.UNCOLLECTED:
                posted = await self._collect(job, place)
            else:
                posted = await self._post(job, place, None)
        except LeaseLost:
            raise Refused([BUSY]) from None
        except BadSource as error:
            raise Refused([EXPIRED]) from error
        except (RouteClosed, RouteUnavailable) as error:
            raise Refused([NO_ANSWER]) from error
        log.info("job %s: sent again", job.short_id)
        self._sent[job.id] = _Sent(self._clock(), posted)
        await self._record(job, posted)
        if not posted.is_answer:
            await self._messenger.answer(place, [text("Sent: {link}", link=_link(posted))])

    async def _collect(self, job: Job, place: Place) -> Posted:
        """Post what nobody could collect, while the delivery leaves it alone."""
        await self._claim(job, place)
        try:
            async with renewed(partial(self._renew, job), seconds=self._lease.total_seconds()) as lease:
                return await self._post(job, place, lease)
        except (BadSource, RouteClosed):
            await self._give_back(job, is_posted_nowhere=True)
            raise
        except RouteUnavailable:
            await self._give_back(job, is_posted_nowhere=False)
            raise

    async def _post(self, job: Job, place: Place, lease: Lease | None) -> Posted:
        """By the first route that is open. Raises `RouteClosed` where none is."""
        here = replace(job, place=place, progress_message_id=None)
        async with AsyncExitStack() as stack:
            fetched = await self._posting.fetched(here, stack, may_be_partial=True)
            here = replace(here, tracks=fetched.tracks)
            for route in self._routes(here, was_private=job.place.private):
                try:
                    posted = await self._posting.post(here, route, fetched, lease)
                except RouteClosed as error:
                    log.info("job %s: %s is closed to sending it again (%s)", job.short_id, route.name, error)
                else:
                    await self._posting.keep(here, fetched)
                    return posted
        raise RouteClosed("every route")

    def _routes(self, here: Job, *, was_private: bool) -> list[Route]:
        """The channel of the click; the answer to the click where that is closed, or where nobody else may see it."""
        alone = self._messenger.routes(replace(here, place=replace(here.place, private=True)))[0]
        return [alone] if was_private else [self._messenger.routes(here)[0], alone]

    async def _claim(self, job: Job, place: Place) -> None:
        """Written down with it: from now on the music may be in the channel of `place`.

        Raises:
            Refused: the delivery is at work on it.
        """
        now = self._clock()
        async with self._storage.transaction() as work:
            claimed = await work.jobs.claim(
                job.id, JobState.UNCOLLECTED, now=now, until=now + self._lease, owner=self._owner
            )
            if claimed is None:
                raise Refused([BUSY])
            tried_at = claimed.post_tried_at or now
            there = replace(claimed, final_channel_id=place.channel_id, final_guild_id=place.guild_id)
            await work.jobs.save(replace(there, post_tried_at=tried_at))

    async def _renew(self, job: Job) -> bool:
        async with self._storage.transaction() as work:
            return await work.jobs.renew(job.id, owner=self._owner, until=self._clock() + self._lease)

    async def _give_back(self, job: Job, *, is_posted_nowhere: bool) -> None:
        """To the delivery, which tries it when it would have, and looks first where it may be posted."""
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None or not await work.jobs.release(job.id, owner=self._owner):
                return
            as_before = replace(current, due_at=job.due_at)
            if is_posted_nowhere:
                as_before = replace(
                    as_before,
                    post_tried_at=job.post_tried_at,
                    final_channel_id=job.final_channel_id,
                    final_guild_id=job.final_guild_id,
                )
            await work.jobs.save(as_before)

    async def _record(self, job: Job, posted: Posted) -> None:
        """Record the post, even if the job has a new owner by now: otherwise that one would post it again.

        What was delivered before has its newest message as its end, unless only an answer shows it.
        """
        at = self._clock()
        delivered = None
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is not None and current.state is JobState.UNCOLLECTED:
                delivered = notified(posted, current, at)
                await settle.save(work, delivered, before=current, at=at)
            elif current is not None and current.state is JobState.DELIVERED and not posted.is_answer:
                await work.jobs.save(ended_in(posted, current))
        if delivered is not None:
            self._bells.job_changed(delivered)


def _link(posted: Posted) -> Verbatim:
    where = posted.guild_id or "@me"
    return Verbatim(f"https://discord.com/channels/{where}/{posted.channel_id}/{posted.message_id}")
