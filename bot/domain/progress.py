"""What a job's progress message shows, when it changes, and when it changes for the last time."""

from bisect import bisect_right
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import FINAL_STATES, FailureReason, Job, JobState, Stage, WaitReason
from bot.domain.quota import next_day

USUAL_SECONDS = 180.0
"""Until there is a history of our own: the provider's pages say two to three minutes (docs/provider.md 5)."""
POSTING_SECONDS = 10.0
"""How long posting may take before the message mentions it: a result comes sooner as a rule, and needs the channel."""
SLOW_POSTING_SECONDS = 60.0

BANDS = (1, 2, 4, 7, 15, 35, 101)
"""Where the parts of the queue begin that messages name: next in line, 2 or 3, 4 to 6, about 10, 20, 50, further."""
BANDS_END_AT = BANDS[-1]

CONTENT_REASONS = frozenset(
    {FailureReason.REFUSED, FailureReason.COPYRIGHT, FailureReason.LYRICS, FailureReason.SENSITIVE}
)
"""Failures that are about what a member wrote or sent: nobody else's business."""


class OutdatedProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A progress message that is behind its job.

    `version` counts the changes that a member can see; `failures` how often in a row showing it failed unexpectedly.
    """

    job_id: str
    version: int
    failures: int = 0


class QueuedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting job in the order of the turns, with the part of the queue (`queue_band`) that its message names."""

    job_id: str
    shown_band: int | None


def queue_band(position: int) -> int:
    """The part of the queue that `position` (1: next in line) lies in, by its first position."""
    return BANDS[bisect_right(BANDS, max(1, position)) - 1]


class MessageLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message is; `guild_id` None: in a direct conversation."""

    guild_id: int | None
    channel_id: int
    message_id: int


class ProgressView(msgspec.Struct, frozen=True, kw_only=True):
    """What the message says. `since` is when the present wait began, `expected_at` when it usually ends.

    `is_late`: it should have ended by now. `resumes_at`: when a wait for a new day's credits ends.
    """

    state: JobState
    stage: Stage
    queue_band: int | None = None
    since: datetime
    expected_at: datetime | None = None
    is_late: bool = False
    resumes_at: datetime | None = None
    waits_for: WaitReason | None = None
    stream_url: str = ""
    outcome_unknown: bool = False
    resumed: bool = False  # it was submitted by an earlier process
    end: MessageLink | None = None  # what everybody here can open
    notified_privately: bool = False  # the end was told to the member alone

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


class ProgressStep(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a message now: show `view` (None: leave it), look again at `again_at`, or never if `is_last`."""

    view: ProgressView | None
    again_at: datetime | None = None
    is_last: bool = False


def progress_step(
    job: Job, *, band: int | None, usual_seconds: float | None, began_at: datetime, at: datetime
) -> ProgressStep:
    """`began_at`: when this process did; `band`: the job's part of the queue."""
    view = progress_of(job, band=band, usual_seconds=usual_seconds, began_at=began_at, at=at)
    is_over = view.is_final and not (job.state is JobState.FAILED and job.notified_at is None)
    if job.place.private and job.state in _TOLD_BY_DELIVERY:
        # The answer that this message is holds the result itself, or soon will.
        return ProgressStep(view=None, is_last=is_over)
    if job.state is JobState.FAILED and job.notified_at is None:
        return ProgressStep(view=None)  # once the failure is told there is something to link to
    if job.state is JobState.FINISHED:
        return _posting(job, view, at)
    again_at = view.expected_at if view.expected_at is not None and not view.is_late else None
    return ProgressStep(view=view, again_at=again_at, is_last=is_over)


_TOLD_BY_DELIVERY = frozenset({JobState.FINISHED, JobState.UNCOLLECTED, JobState.DELIVERED, JobState.FAILED})


def _posting(job: Job, view: ProgressView, at: datetime) -> ProgressStep:
    """The result usually comes before anything needs to be said about it."""
    finished_at = job.finished_at or at
    for seconds in (POSTING_SECONDS, SLOW_POSTING_SECONDS):
        look_at = finished_at + timedelta(seconds=seconds)
        if at < look_at:
            shown = view if seconds > POSTING_SECONDS else None
            return ProgressStep(view=shown, again_at=look_at)
    return ProgressStep(view=replace(view, is_late=True))


def progress_of(
    job: Job, *, band: int | None, usual_seconds: float | None, began_at: datetime, at: datetime
) -> ProgressView:
    """The view of `job` at `at`; its other times come from the job, so that looking twice gives the same."""
    waits, at_work = job.state is JobState.ACCEPTED, job.state in {JobState.SUBMITTING, JobState.RUNNING}
    since = job.submitted_at if job.submitted_at and not waits else job.waits_since
    expected_at = since + timedelta(seconds=usual_seconds or USUAL_SECONDS)
    return ProgressView(
        state=job.state,
        stage=job.stage,
        queue_band=band if waits else None,
        since=since,
        expected_at=expected_at if at_work else None,
        is_late=at_work and at >= expected_at,
        waits_for=_wait_of(job),
        resumes_at=next_day(at) if waits and job.waits_for in _DAILY else None,
        stream_url=next((track.stream_url for track in job.tracks if track.stream_url), "") if at_work else "",
        outcome_unknown=job.outcome_unknown and job.state in {JobState.SUBMITTING, JobState.OVERDUE},
        resumed=(at_work or job.state is JobState.OVERDUE) and since < began_at,
        end=end_of(job),
        notified_privately=job.final_message_id is not None and job.final_guild_id is None,
    )


def _wait_of(job: Job) -> WaitReason | None:
    waiting = JobState.FINISHED if job.waits_for is WaitReason.DOWNLOAD else JobState.ACCEPTED
    return job.waits_for if job.state is waiting else None


_DAILY = frozenset({WaitReason.SERVER_CAP, WaitReason.DAY_CAP})


def is_for_member_alone(job: Job) -> bool:
    """Whether the job's end is nobody else's business: it was asked for in private, or its content was refused."""
    content_refused = job.state is JobState.FAILED and job.failure is not None and job.failure.reason in CONTENT_REASONS
    return job.place.private or content_refused


def end_of(job: Job) -> MessageLink | None:
    """The message that tells the job's end, if it can be linked to: an answer that one member sees cannot."""
    if job.final_message_id is None or job.final_channel_id is None or job.final_is_answer:
        return None
    return MessageLink(guild_id=job.final_guild_id, channel_id=job.final_channel_id, message_id=job.final_message_id)


def looks_different(before: Job, after: Job) -> bool:
    """Whether the change can be seen in the job's progress message; its place in the queue is looked at elsewhere."""

    def seen(job: Job) -> tuple[ProgressView, bool]:
        began_at = at = job.accepted_at
        view = progress_of(job, band=None, usual_seconds=None, began_at=began_at, at=at)
        return view, job.notified_at is not None

    return seen(before) != seen(after)
