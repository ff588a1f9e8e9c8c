"""When each line of a take is sung, from the provider. Each take is asked about, and paid for, at most once."""

import logging
from collections.abc import Mapping
from functools import partial

from bot import fault_points
from bot.domain.jobs import FILES_KEPT, Job, Place, Track
from bot.domain.quota import quota_day
from bot.domain.spending import A_TIMING
from bot.domain.takes import take_of, takes_of
from bot.domain.text import Said, Text, text
from bot.domain.timed_lyrics import TimedLine, TimedLyrics, lines_of
from bot.errors import ProviderBusy, ProviderError, Refused
from bot.services.common.clock import Clock
from bot.services.common.lyrics_ports import TimedLyricsProvider
from bot.services.common.ports import Storage, Work
from bot.services.common.surely import surely
from bot.services.operator.account import Account, trouble_of
from bot.services.pipeline.rate import Rate
from bot.services.songs.clicks import taken
from bot.services.songs.lyrics_allowance import LyricsAllowance
from bot.services.songs.results import NO_SUCH_TAKE

log = logging.getLogger(__name__)

TOO_OLD = text("The music service keeps the times of lines for two weeks, and this is older.")
NO_ANSWER = text("The music service gave no clear answer about these lyrics. I won't ask again, as it costs each time.")
BUSY = text("The music service is busy. Try again in a minute; nothing was charged.")
UNPAID = text("The music service isn't taking anything from me right now, and my operator knows. Try again later.")


class LyricsTiming:
    def __init__(
        self,
        storage: Storage,
        provider: TimedLyricsProvider,
        *,
        allowance: LyricsAllowance,
        account: Account,
        rate: Rate,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._provider = provider
        self._allowance = allowance
        self._account = account
        self._rate = rate
        self._clock = clock

    @property
    def is_switched_off(self) -> bool:
        return self._allowance.is_switched_off

    async def kept(self, job: Job) -> Mapping[int, tuple[TimedLine, ...]]:
        """What was asked about earlier and answered, by take; no lines where the provider knows none."""
        found = await self._storage.reading.timed_lyrics.of_job(job.id)
        takes = [(take_of(job, each.track_id), each.lines) for each in found]
        return {take: lines for take, lines in takes if take is not None and lines is not None}

    async def left(self, job: Job, place: Place) -> int:
        """How many times the member can still ask today, at least once.

        Raises:
            Refused: not about this job, or not today.
        """
        self._check_age(job)
        return await self._storage.read(lambda work: self._allowance.left(work, place, more=A_TIMING))

    async def of_take(self, job: Job, take: int, place: Place) -> tuple[TimedLine, ...]:
        """The lines of this take: what is kept, or what the provider says now. None if it knows none.

        Raises:
            Refused: there is no clear answer, or it may not be asked.
            TakenElsewhere: another process has this click.
        """
        track = takes_of(job).get(take)
        if track is None or job.task_id is None:
            raise Refused([NO_SUCH_TAKE])
        asked, attempt_id = await self._storage.write(partial(self._claim, job=job, track=track, place=place))
        if asked.lines is not None:
            return asked.lines
        await fault_points.pause_at("before timed lyrics are asked for")
        try:
            words = await self._provider.timed_lyrics(job.task_id, track.id)
        except ProviderError as error:
            await self._failed(asked, attempt_id, place, error)
            raise Refused([_reason(error)]) from error
        lines = lines_of(words)
        log.info("job %s: take %d has %d lines with times", job.id, take, len(lines))
        answered = partial(self._answered, asked=asked, attempt_id=attempt_id, lines=lines)
        await surely(lambda: self._storage.write(answered))
        await self._account.works()
        return lines

    async def _claim(self, work: Work, job: Job, track: Track, place: Place) -> tuple[TimedLyrics, str]:
        """What is known, or that it is asked now and counts, with its place in the rate."""
        await taken(work, place.interaction_id)
        now = self._clock()
        known = next((each for each in await work.timed_lyrics.of_job(job.id) if each.track_id == track.id), None)
        if known is not None and known.lines is not None:
            return known, ""
        if known is not None:
            raise Refused([text("I'm already on it.") if known.is_under_way(at=now) else NO_ANSWER])
        self._check_age(job)
        await self._allowance.left(work, place, more=A_TIMING)
        if await self._account.is_closed(work.memos):
            raise Refused([UNPAID])
        counted = await self._rate.counted(work.memos, now=now)
        if self._rate.free_at(counted, now=now) is not None:
            raise Refused([BUSY])
        asked = TimedLyrics(
            job_id=job.id, track_id=track.id, member_id=place.member_id, day=quota_day(now), asked_at=now
        )
        await work.timed_lyrics.add(asked)
        await work.spending.add(place.guild_id, day=asked.day, timed_lyrics=1)
        return asked, await self._rate.take(work.memos, counted, now=now)

    def _check_age(self, job: Job) -> None:
        made_at = job.finished_at or job.accepted_at
        if self._clock() - made_at > FILES_KEPT:
            raise Refused([TOO_OLD])

    async def _answered(self, work: Work, *, asked: TimedLyrics, attempt_id: str, lines: tuple[TimedLine, ...]) -> None:
        await self._rate.answered(work.memos, attempt_id, now=self._clock())
        await work.timed_lyrics.answered(asked, lines)

    async def _failed(self, asked: TimedLyrics, attempt_id: str, place: Place, error: ProviderError) -> None:
        """What was refused cost nothing and may be asked again; what has no clear answer counts, and is never asked."""
        log.info("job %s: no times for track %s (%s)", asked.job_id, asked.track_id, error)
        reason = trouble_of(error)
        if reason is not None:
            self._account.close(reason)
        if isinstance(error, ProviderBusy):
            self._account.took_nothing()

        async def recorded(work: Work) -> None:
            if reason is not None:
                await self._account.share(work.memos)
            await self._rate.answered(work.memos, attempt_id, now=self._clock())
            if not error.may_have_started and await work.timed_lyrics.withdraw(asked):
                await work.spending.add(place.guild_id, day=asked.day, timed_lyrics=-1)

        await surely(lambda: self._storage.write(recorded))
        await self._account.tell_of(error)


def _reason(error: ProviderError) -> Text:
    if error.may_have_started:
        return NO_ANSWER
    if trouble_of(error) is not None:
        return UNPAID
    if isinstance(error, ProviderBusy):
        return BUSY
    if not error.provider_message:
        return text("The music service doesn't say when these lyrics are sung. Nothing was charged.")
    return text(
        "The music service doesn't say when these lyrics are sung. It said: “{message}” Nothing was charged.",
        message=Said(error.provider_message),
    )
