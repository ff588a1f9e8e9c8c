"""What members can see and do: their quota, jobs and earlier tracks; cancelling or continuing a job."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.actions import CANCELLABLE
from bot.domain.jobs import Job, JobEvent, JobState, OwnedTrack
from bot.domain.quota import QuotaBalance, quota_day
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import Said, Text, text
from bot.domain.titles import shown_title
from bot.domain.tracks import folded, matching, readings
from bot.errors import Refused, TakenElsewhere
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.common.sentences import STATE_NAMES, UNTITLED, name_of, track_label

JOBS_SHOWN = 15
CHOICES_MAX = 25
TRY_AGAIN_EVERY = timedelta(minutes=5)
"""How often one job is tried ahead of its time: changes to a server cost nothing, a try may cost a download."""
TRACKS_NAMED = 5
"""How many tracks a sentence lists."""


class Members:
    def __init__(self, storage: Storage, *, quota_per_day: int, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._quota_per_day = quota_per_day
        self._bells = bells
        self._clock = clock

    async def quota(self, member_id: int) -> QuotaBalance:
        day = quota_day(self._clock())
        return await self._storage.reading.ledger.balance(member_id, day=day, limit=self._quota_per_day)

    async def jobs(self, member_id: int) -> list[tuple[Job, int | None]]:
        """The latest jobs, newest first, each with its place in the queue if it waits."""
        jobs = await self._storage.reading.jobs.of_member(member_id, limit=JOBS_SHOWN)
        return [(job, await self._position(job)) for job in jobs]

    async def try_uncollected(self, guild_id: int) -> None:
        """Try to post uncollected music: a channel of this server may be open again."""
        is_due = await self._storage.write(
            lambda work: work.jobs.hasten_uncollected(guild_id, at=self._clock(), every=TRY_AGAIN_EVERY)
        )
        if is_due:
            self._bells.deliver.ring()

    async def try_uncollected_of(self, member_id: int) -> None:
        """The same for one member, whose direct messages may be open again."""
        if not await self._storage.reading.jobs.has_uncollected(member_id):
            return
        is_due = await self._storage.write(
            lambda work: work.jobs.hasten_uncollected_of(member_id, at=self._clock(), every=TRY_AGAIN_EVERY)
        )
        if is_due:
            self._bells.deliver.ring()

    async def cancellable(self, member_id: int) -> list[Job]:
        """The member's jobs that wait, and those on hold among the latest."""
        return await _cancellable(self._storage.reading, member_id)

    async def job(self, member_id: int, job_id: str) -> tuple[Job, int | None]:
        """One of the member's jobs, with its place in the queue if it waits.

        Raises:
            Refused: no job has this id, or it is somebody else's.
        """
        job = _own(await self._storage.reading.jobs.get(job_id), member_id)
        return job, await self._position(job)

    async def cancel(self, member_id: int, words: str, *, interaction_id: int | None = None) -> Job:
        """Cancel the member's job whose title `words` are, or whose id begins with them, before it is submitted.

        Raises:
            Refused: no such job of this member, several are meant, or it was submitted already.
            TakenElsewhere: another process has carried the interaction out.
        """

        async def cancelled(work: Work) -> tuple[Job, bool]:
            await _take_once(work, interaction_id)
            found = await self._meant(work, member_id, words.strip().strip("`").strip())
            if found is None:
                raise Refused([text("You have no job `{job}`. See yours with `/jobs`.", job=Said(words))])
            if found.state is JobState.CANCELLED:
                return found, False
            if found.state not in CANCELLABLE:
                raise Refused(
                    [
                        text(
                            "**{title}**: {state}. It's too late to cancel it.",
                            title=name_of(found),
                            state=STATE_NAMES[found.state],
                        )
                    ]
                )
            at = self._clock()
            ended = found.after(JobEvent.CANCELLED, ended_at=at, notified_at=at, due_at=None)
            await settle.save(work, ended, before=found, at=at)
            return ended, True

        job, is_new = await self._storage.write(cancelled)
        if is_new:
            self._bells.job_changed(job)
        return job

    async def _meant(self, work: Work, member_id: int, words: str) -> Job | None:
        """By its whole title, by its id, by a part of its title: in this order, and among those that wait first."""
        waiting = await _cancellable(work, member_id)
        if found := _titled(words, waiting, whole=True):
            return _only(words, found)
        prefix = words.lower()
        if prefix.isalnum() and (job := await work.jobs.by_prefix(member_id, prefix)) is not None:
            return job
        if found := _titled(words, waiting, whole=False):
            return _only(words, found)
        latest = await work.jobs.of_member(member_id, limit=JOBS_SHOWN)
        return next(iter(_titled(words, latest, whole=True) or _titled(words, latest, whole=False)), None)

    async def continue_(self, member_id: int, job_id: str, *, interaction_id: int | None = None) -> Job:
        """Put a job held by a restore back in line; it keeps its place, and its wait counts from now.

        Raises:
            Refused: the member has no such job, or it is not on hold.
            TakenElsewhere: another process has carried the interaction out.
        """

        async def continued(work: Work) -> tuple[Job, bool]:
            await _take_once(work, interaction_id)
            found = _own(await work.jobs.get(job_id), member_id)
            if found.state is JobState.ACCEPTED:
                return found, False
            if found.state is not JobState.ON_HOLD:
                raise Refused(
                    [
                        text(
                            "**{title}**: {state}. Only a job on hold can be continued.",
                            title=name_of(found),
                            state=STATE_NAMES[found.state],
                        )
                    ]
                )
            at = self._clock()
            waiting = found.after(JobEvent.CONTINUED, due_at=at, continued_at=at)
            await settle.save(work, waiting, before=found, at=at)
            return waiting, True

        job, is_new = await self._storage.write(continued)
        if is_new:
            self._bells.job_changed(job)
        return job

    async def tracks(self, member_id: int, typed: str) -> list[OwnedTrack]:
        return await self._storage.reading.tracks.of_member(member_id, search=typed.strip(), limit=CHOICES_MAX)

    async def source_from_track(self, member_id: int, words: str) -> SourceChoice:
        """The member's track whose id or title is `words`; if several share the title, the newest.

        Raises:
            Refused: no track of the member matches, or several with different titles do.
        """
        if (chosen := await self._storage.reading.tracks.get(member_id, words.strip())) is not None:
            return _source(chosen)
        for wanted in readings(words):
            titled = await self._storage.reading.tracks.titled(
                member_id, wanted.title, whole=wanted.whole, limit=CHOICES_MAX
            )
            found = matching(wanted, titled)
            if len(found) > 1:
                raise Refused([_several(words, found)], rules=["track_ambiguous"], options=["audio"])
            if found:
                has_others = wanted.take is None and found[0].takes > 1
                return replace(_source(found[0]), takes=found[0].takes if has_others else None)
        unknown = text(
            "I can't find “{given}” among your tracks. Pick one from the list that `track` shows.", given=Said(words)
        )
        if not await self.tracks(member_id, ""):
            unknown = text("You have no tracks yet. Send a file or a link instead.")
        raise Refused([unknown], rules=["track_unknown"], options=["audio"])

    async def _position(self, job: Job) -> int | None:
        if job.state is not JobState.ACCEPTED:
            return None
        return await self._storage.reading.jobs.queue_position(job.id)


async def _take_once(work: Work, interaction_id: int | None) -> None:
    """Take a click, in the transaction that carries it out: a failure leaves it to others. None: there is no click."""
    if interaction_id is not None and not await work.intakes.take_once(interaction_id):
        raise TakenElsewhere


def _source(owned: OwnedTrack) -> SourceChoice:
    return SourceChoice(
        kind=SourceKind.TRACK,
        name=owned.title,
        locator=owned.track.audio_url,
        model=owned.model,
        track_id=owned.track.id,
        job_id=owned.job_id,
    )


async def _cancellable(work: Work, member_id: int) -> list[Job]:
    waiting = await work.jobs.cancellable(member_id, limit=CHOICES_MAX)
    latest = await work.jobs.of_member(member_id, limit=JOBS_SHOWN)
    return [*waiting, *(job for job in latest if job.state is JobState.ON_HOLD)][:CHOICES_MAX]


def _titled(words: str, jobs: Sequence[Job], *, whole: bool) -> list[Job]:
    """Those of `jobs` whose title is `words`, or holds them if it need not be the `whole` one."""
    wanted = folded(words)
    titles = [(folded(shown_title(job)), job) for job in jobs]
    return [job for title, job in titles if wanted and (wanted == title if whole else wanted in title)]


def _only(words: str, found: Sequence[Job]) -> Job:
    if len(found) == 1:
        return found[0]
    raise Refused(
        [
            text(
                "“{given}” could mean several of your jobs: {jobs}. Pick one from the list that `job` shows.",
                given=Said(words),
                jobs=[Text("{title} `{job}`", {"title": name_of(job), "job": job.short_id}) for job in found],
            )
        ]
    )


def _several(words: str, found: Sequence[OwnedTrack]) -> Text:
    return text(
        "“{given}” could mean several of your tracks: {tracks}. Write the whole title, or pick one from the list.",
        given=Said(words),
        tracks=[
            track_label(owned, title=Said(owned.title) if owned.title else UNTITLED) for owned in found[:TRACKS_NAMED]
        ],
    )


def _own(job: Job | None, member_id: int) -> Job:
    if job is None:
        raise Refused([text("I don't have this job any more.")])
    if job.place.member_id != member_id:
        raise Refused([text("This is someone else's job.")])
    return job
