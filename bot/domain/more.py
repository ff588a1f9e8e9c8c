"""What `More…` offers below a result."""

from enum import StrEnum

from bot.domain.jobs import Job
from bot.domain.request import Mode
from bot.domain.takes import takes_of


class MoreAction(StrEnum):
    """In the order in which they are offered."""

    EDIT = "edit"
    LYRICS = "lyrics"
    TIMES = "times"
    JOIN = "join"
    WAV = "whole-wav"
    FLAC = "whole-flac"
    REPORT = "report"
    DELETE = "delete"


def more_actions(
    job: Job, *, member_id: int, manages_messages: bool, is_answer: bool, has_times: bool
) -> tuple[MoreAction, ...]:
    """What this member can do. `is_answer`: nobody else sees the message, and nobody else can remove it.

    `has_times`: when its lyrics are sung is known, or may be asked.
    """
    is_requester = job.place.member_id == member_id
    offered = {
        MoreAction.EDIT: is_requester,
        MoreAction.LYRICS: bool(lyrics_of(job)),
        MoreAction.TIMES: bool(lyrics_of(job)) and has_times,
        MoreAction.JOIN: True,
        MoreAction.WAV: True,
        MoreAction.FLAC: True,
        MoreAction.REPORT: not is_answer,
        MoreAction.DELETE: not is_answer and may_delete(job, member_id=member_id, manages_messages=manages_messages),
    }
    return tuple(action for action in MoreAction if offered[action])


def may_delete(job: Job, *, member_id: int, manages_messages: bool) -> bool:
    """Whether the member may remove a message with the job's result."""
    return manages_messages or job.place.member_id == member_id


def lyrics_of(job: Job) -> dict[int, str]:
    """What is sung, by take: the provider's words, or those that were asked for word by word."""
    if job.request.instrumental:
        return {}
    asked_for = job.request.prompt if job.request.mode is Mode.CUSTOM_VOCAL else ""
    found = {take: (track.lyrics or asked_for).strip() for take, track in takes_of(job).items()}
    return {take: words for take, words in found.items() if words}
