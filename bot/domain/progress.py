"""What a member is told while a job is on its way; two equal views need no new message."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.jobs import FINAL_STATES, Job, JobState, Stage

USUAL_SECONDS = 180.0
"""Until there is a history of our own: the provider's pages say two to three minutes (fact sheet, section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedProgress:
    """A progress message that is behind its job; `version` counts the changes that a member can see."""

    job_id: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A waiting job in the order of the turns, with the part of the queue (`queue_band`) that its message names."""

    job_id: str
    shown_band: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """`since` is when the present wait began, `expected_at` when it usually ends; Discord counts both itself."""

    state: JobState
    stage: Stage
    queue_position: int | None = None
    since: datetime
    expected_at: datetime | None = None
    stream_url: str = ""
    outcome_unknown: bool = False
    put_off: bool = False  # the provider asked us to come back later
    resumed: bool = False  # this process is not the one that accepted the job

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def is_told_here(self) -> bool:
        """Whether the progress message is the only place that tells this end: a cancelled job owes no other."""
        return self.state is JobState.CANCELLED


def progress_of(job: Job, *, queue_position: int | None, usual_seconds: float | None, resumed: bool) -> ProgressView:
    """The view of `job` now; its times come from the job, so that looking twice gives the same."""
    since = job.submitted_at if job.submitted_at and job.state is not JobState.ACCEPTED else job.accepted_at
    at_work = job.state in {JobState.SUBMITTING, JobState.RUNNING}
    return ProgressView(
        state=job.state,
        stage=job.stage,
        queue_position=queue_position if job.state is JobState.ACCEPTED else None,
        since=since,
        expected_at=since + timedelta(seconds=usual_seconds or USUAL_SECONDS) if at_work else None,
        stream_url=next((track.stream_url for track in job.tracks if track.stream_url), "") if at_work else "",
        outcome_unknown=job.outcome_unknown and job.state in {JobState.SUBMITTING, JobState.OVERDUE},
        put_off=job.state is JobState.ACCEPTED and job.attempts > 0,
        resumed=resumed and job.state not in FINAL_STATES,
    )


def looks_different(before: Job, after: Job) -> bool:
    """Whether the change can be seen in the job's progress message; its place in the queue is looked at elsewhere."""

    def view(job: Job) -> ProgressView:
        return progress_of(job, queue_position=None, usual_seconds=None, resumed=False)

    return view(before) != view(after)
