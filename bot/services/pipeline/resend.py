"""Sends a member's music once more, or for the first time where nobody could collect it."""

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial

from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import Text, Verbatim, text
from bot.errors import BadSource, Refused
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import Lease, LeaseLost, an_owner, renewed
from bot.services.common.messenger import Messenger, Posted, Route, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage
from bot.services.pipeline.posting import Posting, notified

log = logging.getLogger(__name__)

SENDABLE = frozenset({JobState.DELIVERED, JobState.UNCOLLECTED})

GONE = text("I can't find that job. It may be too old.")
BUSY = text("I'm already sending it.")
NOT_READY = text("There's nothing to send yet: that job hasn't finished.")
EXPIRED = text("The music service no longer has these files, so I can't send them again.")
NO_ANSWER = text("Discord isn't answering right now. Try again in a minute.")


class Resend:
    def __init__(
        self,
        storage: Storage,
        messenger: Messenger,
        posting: Posting,
        *,
        lease_seconds: float,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`lease_seconds`: after which the delivery takes over what a dead process was sending."""
        self._storage = storage
        self._messenger = messenger
        self._posting = posting
        self._lease = timedelta(seconds=lease_seconds)
        self._bells = bells
        self._clock = clock
        self._owner = an_owner("sending again")
        self._in_hand: set[str] = set()

    async def send_again(self, job_id: str, member_id: int, place: Place) -> None:
        """Post the job's tracks in the channel of `place`, or to the member alone where the bot may not post there.

        Answers the click at `place`, which has been acknowledged. A second click meanwhile does nothing.

        Raises:
            Refused: no such job of this member, not finished, files gone, or no answer of Discord's.
        """
        job = await self._storage.reading.jobs.get(job_id)
        if job is None or job.place.member_id != member_id:
            raise Refused([GONE])
        if job.state not in SENDABLE:
            raise Refused([NOT_READY])
        if job.id in self._in_hand:
            raise Refused([BUSY])
        self._in_hand.add(job.id)
        try:
            await self._send(job, place)
        finally:
            self._in_hand.discard(job.id)

    async def _send(self, job: Job, place: Place) -> None:
        try:
            if job.state is JobState.UNCOLLECTED:
                route, posted = await self._collect(job, place)
            else:
                route, posted = await self._post(job, place, None)
        except LeaseLost:
            raise Refused([BUSY]) from None
        except BadSource as error:
            raise Refused([EXPIRED]) from error
        except (RouteClosed, RouteUnavailable) as error:
            raise Refused([NO_ANSWER]) from error
        log.info("job %s: sent again", job.short_id)
        if route.name != "the private answer":
            await self._messenger.answer(place, [_sent(place, posted)])

    async def _collect(self, job: Job, place: Place) -> tuple[Route, Posted]:
        """Post what nobody could collect, while the delivery leaves it alone."""
        await self._claim(job, place)
        try:
            async with renewed(partial(self._renew, job), seconds=self._lease.total_seconds()) as lease:
                route, posted = await self._post(job, place, lease)
        except (BadSource, RouteClosed):
            await self._give_back(job, is_posted_nowhere=True)
            raise
        except RouteUnavailable:
            await self._give_back(job, is_posted_nowhere=False)
            raise
        await self._collected(job, posted)
        return route, posted

    async def _post(self, job: Job, place: Place, lease: Lease | None) -> tuple[Route, Posted]:
        """By the first route that is open. Raises `RouteClosed` where none is."""
        here = replace(job, place=place, progress_message_id=None)
        async with AsyncExitStack() as stack:
            fetched = await self._posting.fetched(here, stack, may_be_partial=True)
            here = replace(here, tracks=fetched.tracks)
            for route in self._routes(here, was_private=job.place.private):
                try:
                    return route, await self._posting.post(here, route, fetched, lease)
                except RouteClosed as error:
                    log.info("job %s: %s is closed to sending it again (%s)", job.short_id, route.name, error)
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
            await work.jobs.save(replace(claimed, post_tried_at=tried_at, final_channel_id=place.channel_id))

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
                as_before = replace(as_before, post_tried_at=job.post_tried_at, final_channel_id=job.final_channel_id)
            await work.jobs.save(as_before)

    async def _collected(self, job: Job, posted: Posted) -> None:
        """Record the post, even if the job has a new owner by now: otherwise that one would post it again."""
        at = self._clock()
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None or current.state is not JobState.UNCOLLECTED:
                return
            after = notified(posted, current, at)
            await settle.save(work, after, before=current, at=at)
        self._bells.job_changed(after)


def _sent(place: Place, posted: Posted) -> Text:
    url = f"https://discord.com/channels/{place.guild_id or '@me'}/{posted.channel_id}/{posted.message_id}"
    return text("Sent: {link}", link=Verbatim(url))
