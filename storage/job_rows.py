"""Convert jobs and tracks to rows and back."""

import logging
from collections.abc import Sequence

import msgspec

from bot.domain.jobs import Failure, Job, JobState, OwnedTrack, Parent, Place, Stage, Track, WaitReason
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioProperties, SourceChoice, SourceKind
from bot.domain.titles import shown_title
from bot.domain.tracks import folded
from storage.engines.base import Row, Value
from storage.values import from_ms, to_json, to_ms

log = logging.getLogger(__name__)

UNREADABLE = (ValueError, TypeError, OverflowError, msgspec.MsgspecError)
"""What reading a row raises that a later release wrote, or that is damaged; a time far out of range overflows."""

_REQUEST = msgspec.json.Decoder(ExtensionRequest)
_SOURCE = msgspec.json.Decoder(AudioProperties)
_CHOICE = msgspec.json.Decoder(SourceChoice)
_FAILURE = msgspec.json.Decoder(Failure)


def fixed_values(job: Job) -> tuple[Value, ...]:
    """The values that never change, in the order of `INSERT`'s columns."""
    place = job.place
    return (
        job.id,
        place.application_id,
        place.interaction_id,
        place.guild_id,
        place.channel_id,
        place.member_id,
        place.locale,
        int(place.private),
        to_ms(place.received_at),
        to_json(job.request),
        job.sent_continue_at,
        job.source_kind,
        job.source_name,
        to_json(job.source),
        job.callback_token,
        to_ms(job.accepted_at),
        None if job.source_choice is None else to_json(job.source_choice),
        *((None, None, None) if job.parent is None else (job.parent.job_id, job.parent.track_id, job.parent.song_id)),
    )


def changeable_values(job: Job) -> tuple[Value, ...]:
    """The values that `save` writes, in the order of its columns and of the last columns in `INSERT`."""
    return (
        job.state,
        job.stage,
        job.place.interaction_token,
        job.source_url,
        job.task_id,
        int(job.outcome_unknown),
        None if job.failure is None else to_json(job.failure),
        to_ms(job.submitted_at),
        to_ms(job.heard_at),
        to_ms(job.finished_at),
        to_ms(job.ended_at),
        job.attempts,
        to_ms(job.due_at),
        job.progress_message_id,
        job.final_message_id,
        job.final_channel_id,
        to_ms(job.notified_at),
        job.named_task_id,
        job.waits_for,
        to_ms(job.post_tried_at),
        job.final_guild_id,
        int(job.final_is_answer),
        to_ms(job.continued_at),
    )


def job_from(row: Row, tracks: Sequence[Row]) -> Job:
    return Job(
        id=row["id"],
        place=_place(row),
        state=JobState(row["state"]),
        stage=Stage(row["stage"]),
        request=_REQUEST.decode(row["request"]),
        sent_continue_at=row["continue_at"],
        source_kind=SourceKind(row["source_kind"]),
        source_name=row["source_name"],
        source_url=row["source_url"],
        source=_SOURCE.decode(row["source"]),
        source_choice=None if row["source_choice"] is None else _CHOICE.decode(row["source_choice"]),
        parent=_parent(row),
        callback_token=row["callback_token"],
        task_id=row["task_id"],
        outcome_unknown=bool(row["outcome_unknown"]),
        failure=None if row["failure"] is None else _FAILURE.decode(row["failure"]),
        tracks=tuple(track_from(track) for track in tracks),
        accepted_at=from_ms(int(row["accepted_ms"])),
        continued_at=from_ms(row["continued_ms"]),
        submitted_at=from_ms(row["submitted_ms"]),
        heard_at=from_ms(row["heard_ms"]),
        finished_at=from_ms(row["finished_ms"]),
        ended_at=from_ms(row["ended_ms"]),
        attempts=row["attempts"],
        failures=row["failures"],
        due_at=from_ms(row["due_ms"]),
        progress_message_id=row["progress_message_id"],
        final_message_id=row["final_message_id"],
        final_channel_id=row["final_channel_id"],
        final_guild_id=row["final_guild_id"],
        final_is_answer=bool(row["final_is_answer"]),
        notified_at=from_ms(row["notified_ms"]),
        post_tried_at=from_ms(row["post_tried_ms"]),
        named_task_id=row["named_task_id"],
        waits_for=None if row["waits_for"] is None else WaitReason(row["waits_for"]),
    )


def _parent(row: Row) -> Parent | None:
    if row["parent_job_id"] is None or row["song_id"] is None:
        return None
    return Parent(job_id=row["parent_job_id"], song_id=row["song_id"], track_id=row["parent_track_id"])


def _place(row: Row) -> Place:
    return Place(
        application_id=row["application_id"],
        interaction_id=row["interaction_id"],
        interaction_token=row["interaction_token"],
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        member_id=row["member_id"],
        locale=row["locale"],
        private=bool(row["private"]),
        received_at=from_ms(int(row["received_ms"])),
    )


def track_values(job: Job, position: int, track: Track) -> tuple[Value, ...]:
    """In the order of the upsert's columns. Members find tracks by the names that Encore shows, not the provider's."""
    return (
        job.id,
        track.id,
        position,
        track.audio_url,
        track.stream_url,
        track.image_url,
        track.title,
        track.tags,
        track.lyrics,
        track.model_name,
        track.length_seconds,
        folded(f"{shown_title(job, track)}\n{track.tags}"),
    )


def track_from(row: Row) -> Track:
    return Track(
        id=row["track_id"],
        audio_url=row["audio_url"],
        stream_url=row["stream_url"],
        image_url=row["image_url"],
        title=row["title"],
        tags=row["tags"],
        lyrics=row["lyrics"],
        model_name=row["model_name"],
        length_seconds=row["length_seconds"],
    )


def owned_track_from(row: Row) -> OwnedTrack:
    """Read a row with the columns of both job and track."""
    job, track = job_from(row, []), track_from(row)
    return OwnedTrack(
        job_id=job.id,
        track=track,
        title=shown_title(job, track),
        take=row["take"],
        takes=row["takes"],
        model=job.request.model,
        delivered_at=job.ended_at or job.accepted_at,
    )


def search_pattern(words: str) -> str:
    """The pattern for LIKE ... ESCAPE '!' that finds `words` anywhere in title or tags."""
    return f"%{_escaped(words)}%"


def title_pattern(words: str, *, whole: bool) -> str:
    """The pattern that finds `words` as the `whole` title or in it; the title is the line above the tags."""
    return f"{_escaped(words)}\n%" if whole else f"%{_escaped(words)}%\n%"


def model_pattern(model: str) -> str:
    """The pattern that finds `model` in a stored request; empty finds any. Quotes in members' own words are escaped."""
    return f'%"model":"{_literal(model)}"%' if model else "%"


def _escaped(words: str) -> str:
    return _literal(folded(words))


def _literal(words: str) -> str:
    return words.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def tell_unreadable(job_id: str, error: Exception) -> None:
    log.error("job %s cannot be read by this version (%s)", str(job_id)[:8], type(error).__name__)
