"""Whole songs: what a member asked for, and of which files it consists."""

from datetime import datetime

import msgspec

from bot.domain.jobs import Job, Place, Track
from bot.domain.joins import JoinFormat

LINKS_MAX = 60
"""The longest chain of extensions that is joined."""


class WholeSongOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One click on `Whole song`, below the result `message_id`. `take` None: the one that most people prefer."""

    place: Place
    job_id: str
    message_id: int
    take: int | None = None
    audio_format: JoinFormat = JoinFormat.MP3


class ClaimedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """`tries`: with this one. `tried_at`: since when it may be posted by somebody who is gone."""

    order: WholeSongOrder
    tries: int
    tried_at: datetime | None = None


class Link(msgspec.Struct, frozen=True):
    """A take within a chain, with the job that made it."""

    job: Job
    track: Track


def continued_track(job: Job) -> tuple[str, str] | None:
    """The job and the track that this one continues; None if its source was no track of Encore's."""
    if job.parent is not None and job.parent.track_id is not None:
        return job.parent.job_id, job.parent.track_id
    source = job.source_choice
    if source is not None and source.job_id is not None and source.track_id is not None:
        return source.job_id, source.track_id
    return None
