"""Sends a member's music once more, or for the first time where nobody could collect it."""

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from bot.domain.jobs import Job, JobEvent, JobState, Place
from bot.domain.text import Text, Verbatim, text
from bot.errors import BadSource, Refused
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.messenger import Messenger, Posted, Route, RouteClosed, RouteUnavailable
from bot.services.common.ports import Storage
from bot.services.pipeline.posting import Posting

log = logging.getLogger(__name__)

SENDABLE = frozenset({JobState.DELIVERED, JobState.UNCOLLECTED})

GONE = text("I couldn't find that job. It may have been too old.")
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
        """`lease_seconds`: for how long the delivery leaves an uncollected job alone while it is sent from here."""
        self._storage = storage
        self._messenger = messenger
        self._posting = posting
        self._lease = timedelta(seconds=lease_seconds)
        self._bells = bells
        self._clock = clock
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
        if job.state is JobState.UNCOLLECTED and not await self._claim(job):
            raise Refused([BUSY])
        here = replace(job, place=place, progress_message_id=None)
        try:
            async with AsyncExitStack() as stack:
                fetched = await self._posting.fetched(here, stack, may_be_partial=True)
                here = replace(here, tracks=fetched.tracks)
                for route in self._routes(here, was_private=job.place.private):
                    try:
                        posted = await self._posting.post(here, route, fetched)
                    except RouteClosed as error:
                        log.info("job %s: %s is closed to sending it again (%s)", job.short_id, route.name, error)
                    else:
                        break
                else:
                    raise Refused([NO_ANSWER])
        except BadSource as error:
            raise Refused([EXPIRED]) from error
        except RouteUnavailable as error:
            raise Refused([NO_ANSWER]) from error
        log.info("job %s: sent again", job.short_id)
        if job.state is JobState.UNCOLLECTED:
            await self._collected(job, posted)
        if route.name != "the private answer":
            await self._messenger.answer(place, [_sent(place, posted)])

    def _routes(self, here: Job, *, was_private: bool) -> list[Route]:
        """The channel of the click; the answer to the click where that is closed, or where nobody else may see it."""
        alone = self._messenger.routes(replace(here, place=replace(here.place, private=True)))[0]
        return [alone] if was_private else [self._messenger.routes(here)[0], alone]

    async def _claim(self, job: Job) -> bool:
        """Keep the delivery away from it for a while."""
        async with self._storage.transaction() as work:
            return await work.jobs.renew(job.id, JobState.UNCOLLECTED, until=self._clock() + self._lease)

    async def _collected(self, job: Job, posted: Posted) -> None:
        at = self._clock()
        async with self._storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None or current.state is not JobState.UNCOLLECTED:
                return
            after = current.after(
                JobEvent.POSTED,
                final_channel_id=posted.channel_id,
                final_message_id=posted.message_id,
                notified_at=at,
                ended_at=at,
                due_at=None,
                post_tried_at=None,
            )
            await settle.save(work, after, before=current, at=at)
        self._bells.job_changed(after)


def _sent(place: Place, posted: Posted) -> Text:
    url = f"https://discord.com/channels/{place.guild_id or '@me'}/{posted.channel_id}/{posted.message_id}"
    return text("Sent: {link}", link=Verbatim(url))
