"""Valid things to store. A test names what it cares about: `a_job(member_id=2)`, `replace(a_job(), attempts=3)`."""

from datetime import UTC, datetime, timedelta
from itertools import count

from msgspec.structs import replace

from bot.domain.jobs import Failure, FailureReason, Intake, Job, JobState, Parent, Place, Stage, Track
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat, AudioProperties, InMessage, SourceChoice, SourceKind
from storage.storage import SqlStorage

NOW = datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC)

_numbers = count(1)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_place(*, member_id: int = 1, interaction_id: int | None = None) -> Place:
    return Place(
        application_id=100,
        interaction_id=next(_numbers) + 10**18 if interaction_id is None else interaction_id,
        interaction_token="invented-interaction-token",
        guild_id=200,
        channel_id=300,
        member_id=member_id,
        locale="en-GB",
        private=False,
        received_at=NOW,
    )


def a_track(number: int = 1, *, title: str = "Tide", tags: str = "folk, calm") -> Track:
    return Track(
        id=f"track-{number}",
        audio_url=f"https://audio.invalid/{number}.mp3",
        stream_url=f"https://audio.invalid/{number}",
        image_url=f"https://images.invalid/{number}.jpeg",
        title=title,
        tags=tags,
        lyrics="[Verse]\nThe tide comes in",
        model_name="chirp-crow",
        length_seconds=198.44,
    )


def a_job(
    *,
    member_id: int = 1,
    accepted_at: datetime = NOW,
    state: JobState = JobState.ACCEPTED,
    parent: Parent | None = None,
) -> Job:
    """An accepted job with unique ids, due at once."""
    number = next(_numbers)
    return Job(
        id=f"{number:032x}",
        place=a_place(member_id=member_id),
        state=state,
        stage=Stage.QUEUED,
        request=ExtensionRequest(model="V5", style="folk", title="Tide", prompt="The tide comes in"),
        sent_continue_at=59.25,
        source_kind=SourceKind.ATTACHMENT,
        source_name="tide.mp3",
        source_url=f"https://files.invalid/{number}.mp3?signature=invented",
        source=AudioProperties(
            format=AudioFormat.MP3,
            codec="mp3",
            length_seconds=60.25,
            sample_rate=44100,
            channels=2,
            size_bytes=1_000_000,
        ),
        source_choice=SourceChoice(
            kind=SourceKind.ATTACHMENT,
            name="tide.mp3",
            locator="https://files.invalid/tide.mp3?signature=invented",
            message=InMessage(channel_id=12, message_id=13, attachment_id=14),
        ),
        parent=parent,
        callback_token=f"invented-callback-token-{number}",
        accepted_at=accepted_at,
        due_at=accepted_at,
    )


def a_job_with_everything(job: Job) -> Job:
    """`job` with a different value in each changeable field."""
    return replace(
        job,
        place=replace(job.place, interaction_token=""),
        state=JobState.OVERDUE,
        stage=Stage.FIRST,
        source_url="https://files.invalid/again.mp3",
        task_id="task-1",
        outcome_unknown=True,
        failure=Failure(reason=FailureReason.COPYRIGHT, code=413, provider_message="matches “Tide”"),
        tracks=(a_track(2), a_track(1, title="Ebb")),
        continued_at=after(0.5),
        submitted_at=after(1),
        heard_at=after(2),
        finished_at=after(3),
        ended_at=after(4),
        attempts=5,
        due_at=after(6),
        progress_message_id=7,
        final_message_id=8,
        final_channel_id=9,
        final_guild_id=11,
        final_is_answer=True,
        notified_at=after(10),
    )


def a_delivered(job: Job, *tracks: Track, at: datetime = NOW) -> Job:
    return replace(
        job,
        state=JobState.DELIVERED,
        stage=Stage.COMPLETE,
        tracks=tracks,
        submitted_at=at - timedelta(seconds=100),
        finished_at=at - timedelta(seconds=10),
        ended_at=at,
        due_at=None,
    )


def an_intake(*, interaction_id: int | None = None, due_at: datetime = NOW) -> Intake:
    return Intake(
        place=a_place(interaction_id=interaction_id),
        source=SourceChoice(
            kind=SourceKind.URL,
            name="files.invalid",
            locator="https://files.invalid/tide.mp3?signature=invented",
            size_bytes=10,
        ),
        request=ExtensionRequest(style_weight=0.65, continue_at_words="soon"),
        due_at=due_at,
    )


async def insert(storage: SqlStorage, *jobs: Job) -> None:
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
