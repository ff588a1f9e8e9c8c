"""What a member can do with a job of theirs."""

from datetime import datetime
from enum import StrEnum

from bot.domain.jobs import FILES_KEPT, Job, JobState


class JobAction(StrEnum):
    SEND_AGAIN = "again"
    CONTINUE = "continue"  # after a restore from a backup
    CANCEL = "cancel"


CANCELLABLE = frozenset({JobState.ACCEPTED, JobState.ON_HOLD})
_SENDABLE = frozenset({JobState.UNCOLLECTED, JobState.DELIVERED})


def actions_on(job: Job, *, at: datetime, has_copies: bool = False) -> tuple[JobAction, ...]:
    """In the order in which they are offered. `has_copies`: we kept tracks of the job ourselves."""
    actions = []
    if job.state in _SENDABLE and (has_copies or has_files(job, at=at)):
        actions.append(JobAction.SEND_AGAIN)
    if job.state is JobState.ON_HOLD:
        actions.append(JobAction.CONTINUE)
    if job.state in CANCELLABLE:
        actions.append(JobAction.CANCEL)
    return tuple(actions)


def has_files(job: Job, *, at: datetime) -> bool:
    """Whether the provider may still have the job's tracks."""
    made_at = job.finished_at or job.accepted_at
    return any(track.audio_url for track in job.tracks) and at < made_at + FILES_KEPT
