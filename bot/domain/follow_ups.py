"""What is made from a result: the same again, or one of its takes continued."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import FILES_KEPT, Job, Parent, Track
from bot.domain.request import ExtensionRequest
from bot.domain.source import InMessage, SourceChoice, SourceKind
from bot.domain.titles import shown_title


class PostedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A take as an attachment in a channel; `url` works for a while."""

    url: str
    size_bytes: int
    message: InMessage


def parent_of(job: Job, track: Track | None = None) -> Parent:
    """For a job that is made from this one: with the same source, or with `track` as its source."""
    return Parent(job_id=job.id, song_id=job.song_id, track_id=track.id if track else None)


def same_request(job: Job) -> ExtensionRequest:
    """As it was asked for, without what was found out about its source."""
    return replace(job.request, source_length=None, source_model=None, source_began_at=0.0)


def take_as_source(job: Job, track: Track, posted: PostedFile | None, *, at: datetime) -> SourceChoice | None:
    """The take as the next source: from the provider while it has the file, then from a message that has it.

    None if it is in neither.
    """
    is_kept = bool(track.audio_url) and at < (job.finished_at or job.accepted_at) + FILES_KEPT
    source = SourceChoice(
        kind=SourceKind.TRACK,
        name=shown_title(job, track),
        locator=track.audio_url,
        model=job.request.model,
        track_id=track.id,
        job_id=job.id,
    )
    if posted is None:
        return source if is_kept else None
    source = replace(source, message=posted.message)
    return source if is_kept else replace(source, locator=posted.url, size_bytes=posted.size_bytes)
