"""What people do with a result: vote for a take, have the same made again, remove the message."""

from enum import Enum, auto

from msgspec.structs import replace

from bot.domain.clicks import Click
from bot.domain.follow_ups import parent_of, same_request
from bot.domain.jobs import Intake, Job, Place, Track
from bot.domain.takes import takes_of
from bot.domain.text import text
from bot.domain.votes import Vote, winner
from bot.errors import Refused
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.songs.clicks import is_first, taken

VOTES_COUNTED = 10_000

GONE = text("I don't have this job any more.")
NO_SUCH_TAKE = text("I don't have this take any more.")
MADE_EARLIER = text(
    "An earlier version of me made this and didn't keep what it was made from. Please use `/extend` instead."
)


class VoteOutcome(Enum):
    GIVEN = auto()
    CHANGED = auto()
    WITHDRAWN = auto()
    REPEATED = auto()  # a double click, which changes nothing


class Results:
    def __init__(self, storage: Storage, *, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._bells = bells
        self._clock = clock

    async def job(self, job_id: str, member_id: int) -> Job:
        """Anybody's, apart from others' private ones: only their members ever saw the buttons.

        Raises:
            Refused: it was erased, or somebody else made it in private.
        """
        job = await self._storage.reading.jobs.get(job_id)
        if job is None or not _is_open_to(member_id, job):
            raise Refused([GONE])
        return job

    async def take(self, job_id: str, take: int, member_id: int) -> tuple[Job, Track]:
        """The job and its track of this number.

        Raises:
            Refused: as `job`, or there is no such take.
        """
        job = await self.job(job_id, member_id)
        if (track := takes_of(job).get(take)) is None:
            raise Refused([NO_SUCH_TAKE])
        return job, track

    async def vote(self, job_id: str, take: int, click: Click) -> VoteOutcome:
        """Count the member's vote for this take; a second click on the same take withdraws it.

        Raises:
            Refused: there is no such job or take.
            TakenElsewhere: another process has this click.
        """

        async def voted(work: Work) -> VoteOutcome:
            await taken(work, click.interaction_id)
            job = await work.jobs.get(job_id)
            if job is None or not _is_open_to(click.member_id, job):
                raise Refused([GONE])
            if take not in takes_of(job):
                raise Refused([NO_SUCH_TAKE])
            at = self._clock()
            before = await work.votes.of_member(click.message_id, click.member_id)
            is_for_another = before is not None and before.take != take
            # Back to the first take within a moment: a change of mind, however quick, is no double click.
            if not await is_first(work, click, f"vote {take}", at=at) and not is_for_another:
                return VoteOutcome.REPEATED
            if before is not None and before.take == take:
                await work.votes.withdraw(click.message_id, click.member_id)
            else:
                vote = Vote(message_id=click.message_id, member_id=click.member_id, job_id=job_id, take=take, at=at)
                await work.votes.put(vote)
            await work.votes.touch(click.message_id, job_id=job_id, channel_id=click.channel_id, at=at)
            if before is None:
                return VoteOutcome.GIVEN
            return VoteOutcome.WITHDRAWN if before.take == take else VoteOutcome.CHANGED

        outcome = await self._storage.write(voted)
        if outcome is not VoteOutcome.REPEATED:
            self._bells.votes.ring()
        return outcome

    async def winner(self, job_id: str) -> int | None:
        """The take that most people prefer, below all messages with the job's result."""
        return winner(await self._storage.reading.votes.of_job(job_id, limit=VOTES_COUNTED))

    async def repeated(self, job: Job, place: Place, click: Click) -> Intake:
        """The same inputs again, for whoever clicked.

        Raises:
            Refused: an earlier release made the job, or the member just did the same.
            TakenElsewhere: another process has this click.
        """
        if job.source_choice is None:
            raise Refused([MADE_EARLIER])
        at = self._clock()
        if not await self._storage.write(lambda work: is_first(work, click, "repeat", at=at)):
            raise Refused([text("I'm already on it.")])
        return Intake(
            place=place,
            source=job.source_choice,
            request=same_request(job),
            due_at=place.received_at,
            parent=parent_of(job),
        )

    async def carry_out(self, click: Click) -> None:
        """Take a click that can only be carried out once.

        Raises:
            TakenElsewhere: another process has it.
        """
        await self._storage.write(lambda work: taken(work, click.interaction_id))

    async def removed(self, job_id: str, message_id: int) -> None:
        """The result's message is gone: nothing links to it any more. The job stays."""

        async def forgotten(work: Work) -> Job | None:
            current = await work.jobs.get(job_id)
            if current is None or current.final_message_id != message_id:
                return None
            after = replace(current, final_message_id=None, final_channel_id=None, final_guild_id=None)
            await settle.save(work, after, before=current, at=self._clock())
            await work.progress.show_again(job_id, at=self._clock())
            return after

        if (after := await self._storage.write(forgotten)) is not None:
            self._bells.job_changed(after)


def _is_open_to(member_id: int, job: Job) -> bool:
    return not job.place.private or job.place.member_id == member_id
