"""What the provider says about a task, in a callback or when asked: one shape for both."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import (
    AT_PROVIDER_STATES,
    WAITING_STATES,
    Failure,
    FailureReason,
    Job,
    JobEvent,
    Stage,
    Track,
)


class ReportKind(StrEnum):
    WAITING = "waiting"  # nothing yet, or a word we do not know: go on asking
    TEXT = "text"
    FIRST = "first"
    COMPLETE = "complete"
    FAILED = "failed"


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """`tracks` may be unfinished (no `audio_url`) or empty; `code` and `message` are the provider's, for failures."""

    task_id: str | None
    kind: ReportKind
    tracks: tuple[Track, ...] = ()
    code: int | None = None
    message: str = ""


STAGE_OF = {ReportKind.TEXT: Stage.TEXT, ReportKind.FIRST: Stage.FIRST, ReportKind.COMPLETE: Stage.COMPLETE}

EVENT_OF = {
    ReportKind.TEXT: JobEvent.PROGRESSED,
    ReportKind.FIRST: JobEvent.PROGRESSED,
    ReportKind.COMPLETE: JobEvent.COMPLETED,
    ReportKind.FAILED: JobEvent.PROVIDER_FAILED,
}

# One table for callbacks and record-info (docs/provider.md 2.2); 413 means a
# copyright match here, not the "text too long" it means in the answer to a submission (docs/provider.md 1.5).
REASON_OF_CODE = {
    400: FailureReason.REFUSED,
    413: FailureReason.COPYRIGHT,
    451: FailureReason.SOURCE_UNREACHABLE,
    531: FailureReason.LYRICS,
}

_ABOUT_LYRICS = re.compile(r"\blyrics?\b|\bprompt\b", re.IGNORECASE)

URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,20}://\S+")
"""Without the bound on the scheme, one long word would be searched through anew from each of its characters."""


def without_urls(message: str) -> str:
    """The provider's words with every URL replaced: they can echo a signed link or our callback address."""
    return URL.sub("[link]", message)


def failure_of(report: TaskReport) -> Failure:
    """Why the task failed; an unknown code is the provider's failure, with its message shown.

    400 stands for refused lyrics at one service and for any refusal at the other: its words decide.
    """
    message = without_urls(report.message).strip()
    reason = REASON_OF_CODE.get(report.code or 0, FailureReason.PROVIDER)
    if reason is FailureReason.REFUSED and _ABOUT_LYRICS.search(message):
        reason = FailureReason.LYRICS
    if "sensitive" in message.lower():
        reason = FailureReason.SENSITIVE
    return Failure(reason=reason, code=report.code, provider_message=message)


TRACKS_MAX = 10
"""Of one task: as many files as a message may have. The rule is two."""


def merge_tracks(known: tuple[Track, ...], reported: tuple[Track, ...]) -> tuple[Track, ...]:
    """`known` with what `reported` adds, keyed on the track's id; nothing known is ever emptied.

    No more than `TRACKS_MAX`, or a provider that names new ones each time would fill the database.
    """
    merged = {track.id: track for track in known}
    for track in reported:
        if track.id in merged:
            merged[track.id] = _filled(merged[track.id], track)
        elif len(merged) < TRACKS_MAX:
            merged[track.id] = track
    return tuple(merged.values())


def _filled(old: Track, new: Track) -> Track:
    length = new.length_seconds or old.length_seconds  # 0 means unknown as well
    texts = {
        name: getattr(new, name) or getattr(old, name)
        for name in ("audio_url", "stream_url", "image_url", "title", "tags", "lyrics", "model_name")
    }
    return Track(id=old.id, length_seconds=length, **texts)


ENDS = frozenset({ReportKind.COMPLETE, ReportKind.FAILED})


def confirmed(reported: TaskReport, record: TaskReport) -> TaskReport | None:
    """What to believe of a callback once the provider was asked itself; None where it reports an unconfirmed end.

    Anyone who learned a job's callback address could invent one. If the record tells an end, that end counts; the
    callback's own words only where the record knows the same tracks and is merely behind. Before the end, the record
    has more to tell, unless it is behind.
    """
    if record.kind in ENDS:
        return record
    if reported.kind not in ENDS:
        return hint(reported) if record.kind is ReportKind.WAITING else record
    known = {track.id for track in record.tracks}
    if (
        reported.kind is ReportKind.COMPLETE
        and reported.tracks
        and known.issuperset(track.id for track in reported.tracks)
    ):
        return reported
    return None


def hint(reported: TaskReport) -> TaskReport:
    """A callback before the end, without its contents: believing how far a task has come costs nothing."""
    return replace(reported, tracks=())


REPORTED_STATES = AT_PROVIDER_STATES | WAITING_STATES
"""A job that waits in a restored backup may have been submitted after that was made: then the provider knows it."""

TRACKS_PER_TASK = 2
"""The rule; one comes alone now and then, and the second one sometimes minutes later (docs/provider.md 2 and 8)."""
LOOKS_FOR_A_LATE_TRACK = 4
LOOKS_FOR_A_MISSING_TRACK = 2


def _waits_for_more(tracks: tuple[Track, ...]) -> int:
    """How many more times a task that calls itself complete is looked at before its other track is done without."""
    ready = sum(bool(track.audio_url) for track in tracks)
    if ready < len(tracks):
        return LOOKS_FOR_A_LATE_TRACK
    return LOOKS_FOR_A_MISSING_TRACK if ready < TRACKS_PER_TASK else 0


def apply_report(job: Job, report: TaskReport, *, at: datetime) -> Job:
    """The job once `report` is known. Repeats, late news and reports of another task leave it as it is.

    A `complete` in which no track can be fetched is no end: the job is due at once, so that it is polled again.
    One with a single finished track is believed after a few more looks.
    """
    event = EVENT_OF.get(report.kind)
    foreign = job.task_id is not None and report.task_id is not None and report.task_id != job.task_id
    if event is None or foreign or job.state not in REPORTED_STATES:
        return job
    known = replace(
        job, task_id=job.task_id or report.task_id, named_task_id=None, outcome_unknown=False, waits_for=None
    )
    if job.state in WAITING_STATES:
        known = replace(known, attempts=0)  # those were tries to submit it
    if event is JobEvent.PROVIDER_FAILED:
        return known.after(event, failure=failure_of(report), heard_at=at, ended_at=at, due_at=at, attempts=0)
    tracks = merge_tracks(known.tracks, report.tracks)
    if event is JobEvent.COMPLETED:
        return _completed(known, report, tracks, at=at)
    reported = STAGE_OF[report.kind]
    if reported.rank <= job.stage.rank and tracks == job.tracks:
        # No news; but a task that is known to run is no longer an unknown or an overdue one.
        return known if known.task_id is None else known.after(JobEvent.PROGRESSED)
    # The lyrics' callback mostly comes without the streams that record-info knows by then: ask at once.
    due_at = known.due_at if any(track.stream_url for track in tracks) else at
    stage = max(reported, job.stage, key=lambda stage: stage.rank)
    return known.after(event, tracks=tracks, stage=stage, heard_at=at, due_at=due_at)


def _completed(job: Job, report: TaskReport, tracks: tuple[Track, ...], *, at: datetime) -> Job:
    if not any(track.audio_url for track in report.tracks):
        return job.after(JobEvent.PROGRESSED, tracks=tracks, heard_at=at, due_at=at)
    if job.attempts < _waits_for_more(tracks):
        stage = max(Stage.FIRST, job.stage, key=lambda stage: stage.rank)
        return job.after(
            JobEvent.PROGRESSED, tracks=tracks, stage=stage, heard_at=at, due_at=at, attempts=job.attempts + 1
        )
    return job.after(
        JobEvent.COMPLETED, tracks=tracks, stage=Stage.COMPLETE, heard_at=at, finished_at=at, due_at=at, attempts=0
    )
