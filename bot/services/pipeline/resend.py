"""Sends a member's music once more, or for the first time where nobody could collect it.

It costs the member nothing and others a download and a ping, so each member has one at a time and each job one a
minute, whichever processes get the clicks. All of them together share a few places of each process.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from bot.domain.actions import has_files
from bot.domain.jobs import Job, JobState, Place
from bot.domain.sending import REST, Sending
from bot.domain.text import Verbatim, text
from bot.errors import BadSource, Outage, Refused, TakenElsewhere
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import Messenger, Posted, ResultCopies, Route, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage, Work
from bot.services.pipeline.posting import Posting, ended_in, notified

log = logging.getLogger(__name__)

SENDABLE = frozenset({JobState.DELIVERED, JobState.UNCOLLECTED})

GONE = text("I can't find that job. It may be too old.")
BUSY = text("I'm already sending it.")
ONE_AT_A_TIME = text("I'm still sending you something else. Try again once it's there.")
NOT_READY = text("There's nothing to send yet: that job hasn't finished.")
EXPIRED = text("The music service no longer has these files, so I can't send them again.")
NO_ANSWER = text("Discord isn't answering right now. Try again in a minute.")


class Resend:
    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        posting: Posting,
        copies: ResultCopies,
        *,
        at_once: int,
        lease_seconds: float,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`at_once`: how many jobs are sent at the same time; further ones wait.

        `lease_seconds`: after which what a dead process was sending is free for the delivery, or another click.
        """
        self._storage = storage
        self._messenger = messenger
        self._posting = posting
        self._copies = copies
        self._lease = timedelta(seconds=lease_seconds)
        self._bells = bells
        self._clock = clock
        self._owner = an_owner("sending again")
        self._places = asyncio.Semaphore(at_once)

    async def send_again(self, job_id: str, member_id: int, place: Place) -> None:
        """Post the job's tracks in the channel of `place`, or to the member alone where the bot may not post there.

        A private `place`, or a private job, is for the member alone in any case.
        Answers the click at `place`, which has been acknowledged. A second click meanwhile does nothing.

        Raises:
            Refused: no such job of this member, not finished, sent a moment ago, files gone, or no answer of Discord's.
            TakenElsewhere: another process has this click.
        """
        owner = an_owner("sending again")
        await self._begin(await self._sendable(job_id, member_id), place, owner)
        try:
            async with (
                renewed(partial(self._renew_sending, job_id, owner), seconds=self._lease.total_seconds()) as lease,
                self._places,
            ):
                # Read again: the delivery may have posted it meanwhile.
                await self._send(await self._sendable(job_id, member_id), place, lease)
        except BaseException:
            with suppress(Outage):  # then the claim runs out
                await self._storage.write(lambda work: work.sendings.end(job_id, owner=owner))
            raise

    async def release(self) -> None:
        """Leave to the delivery any uncollected music that was still being sent."""
        count = await self._storage.write(lambda work: work.jobs.release_all(self._owner, at=self._clock()))
        if count:
            self._bells.deliver.ring()

    async def _sendable(self, job_id: str, member_id: int) -> Job:
        job = await self._storage.reading.jobs.get(job_id)
        if job is None or job.place.member_id != member_id:
            raise Refused([GONE])
        if job.state not in SENDABLE:
            raise Refused([NOT_READY])
        return job

    async def _begin(self, job: Job, place: Place, owner: str) -> None:
        """Take the click, and note that this job is being sent to its member. Raises as `send_again` does."""

        async def begun(work: Work) -> Refused | None:
            if not await work.intakes.take_once(place.interaction_id):
                raise TakenElsewhere
            now = self._clock()
            refusal = self._refusal(job, await work.sendings.of_member(job.place.member_id), now)
            if refusal is None:
                await work.sendings.forget(until=now)
                until = now + self._lease
                await work.sendings.begin(job.id, member_id=job.place.member_id, owner=owner, until=until)
            return refusal

        refusal = await self._storage.write(begun)
        if refusal is not None:  # only now, since the click stays taken
            raise refusal

    def _refusal(self, job: Job, sendings: Sequence[Sending], now: datetime) -> Refused | None:
        """Why it is not sent again now: something is still being sent to its member, or this has just been."""
        for sending in sendings:
            if sending.is_under_way(now, lease=self._lease):
                return Refused([BUSY if sending.job_id == job.id else ONE_AT_A_TIME])
        sent = next((each for each in sendings if each.job_id == job.id and each.is_resting(now)), None)
        if sent is None or sent.sent_at is None:
            return None
        if sent.is_answer:
            return Refused(
                [text("I sent it {ago}, where only you can see it. Wait a minute to get it again.", ago=sent.sent_at)]
            )
        link = _link(sent.guild_id, sent.channel_id, sent.message_id)
        return Refused([text("I sent it {ago}: {link}. Wait a minute to get it again.", ago=sent.sent_at, link=link)])

    async def _renew_sending(self, job_id: str, owner: str) -> bool:
        until = self._clock() + self._lease
        return await self._storage.write(lambda work: work.sendings.renew(job_id, owner=owner, until=until))

    async def has_copies(self, job: Job) -> bool:
        """Whether the job can be sent again from our own copies, once the provider's files are gone."""
        return await self._posting.has_copies(job)

    async def _send(self, job: Job, place: Place, lease: Lease) -> None:
        try:
            if job.state is JobState.UNCOLLECTED:
                posted = await self._collect(job, place)
            else:
                posted = await self._post(job, place, lease)
        except LeaseLost:
            raise Refused([BUSY]) from None
        except BadSource as error:
            raise Refused([EXPIRED]) from error
        except (RouteClosed, RouteUnavailable) as error:
            raise Refused([NO_ANSWER]) from error
        log.info("job %s: sent again", job.short_id)
        await self._record(job, posted)
        if not posted.is_answer:
            link = _link(posted.guild_id, posted.channel_id, posted.message_id)
            await self._messenger.answer(place, [text("Sent: {link}", link=link)])

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

    async def _post(self, job: Job, place: Place, lease: Lease) -> Posted:
        """By the first route that is open. Raises `RouteClosed` where none is."""
        here = replace(await self._with_files(job), place=place, progress_message_id=None)
        async with AsyncExitStack() as stack:
            fetched = await self._posting.fetched(here, stack, may_be_partial=True)
            here = replace(here, tracks=fetched.tracks)
            fetched = await self._posting.with_joins(here, fetched)
            for route in self._routes(here, was_private=job.place.private):
                try:
                    posted = await self._posting.post(here, route, fetched, lease)
                except RouteClosed as error:
                    log.info("job %s: %s is closed to sending it again (%s)", job.short_id, route.name, error)
                else:
                    await self._posting.keep(here, fetched)
                    return posted
        raise RouteClosed("every route")

    async def _with_files(self, job: Job) -> Job:
        """The job with the files in its message where nobody else has them any more.

        Raises:
            Refused: that message has none either.
            RouteUnavailable: Discord does not say.
        """
        if job.state is not JobState.DELIVERED or has_files(job, at=self._clock()) or await self.has_copies(job):
            return job
        links = await self._copies.in_channel(job)
        if not links and not any(track.audio_url for track in job.tracks):
            raise Refused([EXPIRED])
        if not links:
            return job
        tracks = tuple(replace(track, audio_url=links[track.id]) for track in job.tracks if track.id in links)
        return replace(job, tracks=tracks, task_id=None)  # the provider need not be asked for new links

    def _routes(self, here: Job, *, was_private: bool) -> list[Route]:
        """The channel of the click; the answer to the click where that is closed, or where nobody else may see it."""
        alone = self._messenger.routes(replace(here, place=replace(here.place, private=True)))[0]
        return [alone] if was_private or here.place.private else [self._messenger.routes(here)[0], alone]

    async def _claim(self, job: Job, place: Place) -> None:
        """Written down with it: from now on the music may be in the channel of `place`.

        Raises:
            Refused: the delivery is at work on it.
        """
        now = self._clock()

        async def taken(work: Work) -> None:
            claimed = await work.jobs.claim(
                job.id, JobState.UNCOLLECTED, now=now, until=now + self._lease, owner=self._owner
            )
            if claimed is None:
                raise Refused([BUSY])
            tried_at = claimed.post_tried_at or now
            there = replace(claimed, final_channel_id=place.channel_id, final_guild_id=place.guild_id)
            await work.jobs.save(replace(there, post_tried_at=tried_at))

        await self._storage.write(taken)

    async def _renew(self, job: Job) -> bool:
        until = self._clock() + self._lease
        return await self._storage.write(lambda work: work.jobs.renew(job.id, owner=self._owner, until=until))

    async def _give_back(self, job: Job, *, is_posted_nowhere: bool) -> None:
        """To the delivery, which tries it when it would have, and looks first where it may be posted."""

        async def given_back(work: Work) -> None:
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

        await self._storage.write(given_back)

    async def _record(self, job: Job, posted: Posted) -> None:
        """Record the post, even if the job has a new owner by now: otherwise that one would post it again.

        What was delivered before has its newest message as its end, unless only an answer shows it.
        """
        at = self._clock()

        async def recorded(work: Work) -> Job | None:
            """The job, if this delivered it."""
            current = await work.jobs.get(job.id)
            if current is not None:
                await work.sendings.sent(_sent(posted, current, at))
            if current is not None and current.state is JobState.UNCOLLECTED:
                delivered = notified(posted, current, at)
                await settle.save(work, delivered, before=current, at=at)
                return delivered
            if current is not None and current.state is JobState.DELIVERED and not posted.is_answer:
                await work.jobs.save(ended_in(posted, current))
            return None

        if (delivered := await self._storage.write(recorded)) is not None:
            self._bells.job_changed(delivered)


def _sent(posted: Posted, job: Job, at: datetime) -> Sending:
    return Sending(
        job_id=job.id,
        member_id=job.place.member_id,
        until=at + REST,
        sent_at=at,
        guild_id=posted.guild_id,
        channel_id=posted.channel_id,
        message_id=posted.message_id,
        is_answer=posted.is_answer,
    )


def _link(guild_id: int | None, channel_id: int | None, message_id: int | None) -> Verbatim:
    return Verbatim(f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}")
