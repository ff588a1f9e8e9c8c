"""Make a job of a command whose source has been read: hold a unit, finish the command, insert the job."""

import secrets
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from bot import fault_points
from bot.domain.adjustments import adjusted, notes_on
from bot.domain.jobs import Intake, Job, JobState, Parent, Stage
from bot.domain.quota import quota_day
from bot.domain.receipt import Receipt
from bot.domain.request import ExtensionRequest, is_longer_than_its_model_takes, moment_in_part, sent_continue_at
from bot.domain.source import SourceChoice
from bot.domain.text import Seconds, Text, text
from bot.errors import QuotaExceeded, quota_refusal
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.lease import LeaseLost
from bot.services.common.ports import Storage, Work
from bot.services.pipeline import relay_turns
from bot.services.pipeline.sources import HandedOver, Sources


class Accepted(msgspec.Struct, frozen=True):
    """A new job and what its member should know of it."""

    job: Job
    notes: Sequence[Text]
    receipt: Receipt


class NewJobs:
    def __init__(
        self,
        storage: Storage,
        sources: Sources,
        *,
        quota_per_day: int,
        bells: Bells,
        clock: Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._storage = storage
        self._sources = sources
        self._quota_per_day = quota_per_day
        self._bells = bells
        self._clock = clock
        self._new_id = new_id

    async def check_quota(self, intake: Intake) -> None:
        """Checked before the source is read, and again when the job is written."""
        day, limit = quota_day(self._clock()), self._quota_per_day
        balance = await self._storage.reading.ledger.balance(intake.place.member_id, day=day, limit=limit)
        if (refusal := quota_refusal(balance)) is not None:
            raise refusal

    async def accept(self, intake: Intake, *, owner: str) -> Accepted:
        """Hold a unit and insert the job. Raises `LeaseLost`, and then nothing is held."""
        member_id = intake.place.member_id
        source = await self._sources.handed_over(intake)
        at = self._clock()
        day, limit = quota_day(at), self._quota_per_day
        job = self._job(intake, source, at)

        async def accepted(work: Work) -> tuple[Job, Receipt]:
            held = await work.ledger.hold(
                job_id=job.id, member_id=member_id, guild_id=intake.place.guild_id, day=day, limit=limit, at=at
            )
            if not held:
                raise QuotaExceeded(await work.ledger.balance(member_id, day=day, limit=limit))
            if not await work.intakes.finish(intake.place.interaction_id, owner=owner):
                raise LeaseLost
            await relay_turns.begin(work, intake, job.id, at=at)
            descended = replace(job, parent=intake.parent or await _parent_of(work, intake.source))
            await settle.insert(work, descended, at=at)
            fault_points.reach("inside the accepting transaction")
            receipt = Receipt(
                job_id=job.id,
                balance=await work.ledger.balance(member_id, day=day, limit=limit),
                usual_seconds=await work.jobs.usual_seconds(),
            )
            return descended, receipt

        job, receipt = await self._storage.write(accepted)
        if intake.relay_turn is not None:
            self._bells.relays.ring()
        notes = (*notes_on(source.request, intake.source), *_trimmed_note(source.request, job))
        return Accepted(job, notes, receipt)

    def _job(self, intake: Intake, source: HandedOver, at: datetime) -> Job:
        request = adjusted(source.request)
        return Job(
            id=self._new_id(),
            place=intake.place,
            state=JobState.ACCEPTED,
            stage=Stage.QUEUED,
            request=request,
            sent_continue_at=sent_continue_at(moment_in_part(request), source.properties.length_seconds),
            source_kind=intake.source.kind,
            source_name=intake.source.name,
            source_url=source.url,
            source=source.properties,
            source_choice=intake.source,
            callback_token=secrets.token_urlsafe(32),
            accepted_at=at,
            due_at=at,
            progress_message_id=intake.progress_message_id,
        )


async def _parent_of(work: Work, source: SourceChoice) -> Parent | None:
    """The job whose take is continued, where a member named the take and not a message; None if it is gone."""
    if source.job_id is None or source.track_id is None:
        return None
    job = await work.jobs.get(source.job_id)
    return None if job is None else Parent(job_id=job.id, song_id=job.song_id, track_id=source.track_id)


def _trimmed_note(request: ExtensionRequest, job: Job) -> tuple[Text, ...]:
    """What was handed over of a source that is too long."""
    if not is_longer_than_its_model_takes(request, request.source_length or 0.0):
        return ()
    return (
        text(
            "Your audio is longer than {model} takes, so I used the part from {begin} to {end}.",
            model=request.model,
            begin=Seconds(request.source_began_at),
            end=Seconds(request.source_began_at + job.source.length_seconds),
        ),
    )
