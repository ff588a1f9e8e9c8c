from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.jobs import AT_PROVIDER_STATES, FailureReason, Job, JobState, Stage, Track, WaitReason
from bot.domain.reports import (
    LOOKS_FOR_A_LATE_TRACK,
    LOOKS_FOR_A_MISSING_TRACK,
    REPORTED_STATES,
    TRACKS_MAX,
    ReportKind,
    TaskReport,
    apply_report,
    confirmed,
    failure_of,
    hint,
    merge_tracks,
    without_urls,
)
from tests.support.storage_samples import NOW, a_job, a_track

LATER = NOW + timedelta(minutes=3)
UNFINISHED = Track(id="track-1", stream_url="https://audio.invalid/1", lyrics="The tide")
READY = a_track(1)
SECOND = a_track(2)

TRACKS = st.builds(
    Track,
    id=st.sampled_from(["a", "b", "c"]),
    audio_url=st.sampled_from(["", "https://audio.invalid/x.mp3"]),
    title=st.sampled_from(["", "Tide"]),
    length_seconds=st.sampled_from([None, 198.4]),
)
REPORTS = st.builds(
    TaskReport,
    task_id=st.sampled_from([None, "task-1", "another"]),
    kind=st.sampled_from(ReportKind),
    tracks=st.lists(TRACKS, max_size=3).map(tuple),
    code=st.sampled_from([None, 200, 413, 500]),
)


def a_running_job(state: JobState = JobState.RUNNING) -> Job:
    return replace(a_job(state=state), task_id="task-1", submitted_at=NOW)


def a_report(kind: ReportKind, *tracks: Track, task_id: str | None = "task-1", code: int | None = None) -> TaskReport:
    return TaskReport(task_id=task_id, kind=kind, tracks=tracks, code=code)


def test_lyrics_are_news() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.TEXT, UNFINISHED), at=LATER)

    assert (job.state, job.stage, job.heard_at, job.tracks) == (JobState.RUNNING, Stage.TEXT, LATER, (UNFINISHED,))


def test_complete_finishes_the_job_and_is_due_at_once() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.COMPLETE, READY, SECOND), at=LATER)

    assert (job.state, job.stage, job.tracks) == (JobState.FINISHED, Stage.COMPLETE, (READY, SECOND))
    assert job.finished_at == job.due_at == job.heard_at == LATER


@pytest.mark.parametrize("stage", Stage)
def test_a_failure_ends_the_job_whatever_its_stage(stage: Stage) -> None:
    job = apply_report(replace(a_running_job(), stage=stage), a_report(ReportKind.FAILED, code=413), at=LATER)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is FailureReason.COPYRIGHT
    assert job.ended_at == job.due_at == job.heard_at == LATER


def test_telling_a_failure_starts_with_no_attempts() -> None:
    job = apply_report(replace(a_running_job(), attempts=3), a_report(ReportKind.FAILED, code=500), at=LATER)

    assert job.attempts == 0


@pytest.mark.parametrize("kind", [ReportKind.TEXT, ReportKind.COMPLETE, ReportKind.FAILED])
def test_a_report_settles_which_task_a_callback_had_only_named(kind: ReportKind) -> None:
    named = replace(a_job(state=JobState.SUBMITTING), outcome_unknown=True, named_task_id="task-1")

    job = apply_report(named, a_report(kind, READY, SECOND), at=LATER)

    assert (job.task_id, job.named_task_id, job.outcome_unknown) == ("task-1", None, False)


def test_lyrics_without_a_stream_are_asked_after_at_once_and_those_with_one_at_the_usual_pace() -> None:
    due_at = LATER + timedelta(seconds=30)
    waiting = replace(a_running_job(), due_at=due_at)

    bare = apply_report(waiting, a_report(ReportKind.TEXT), at=LATER)
    streaming = apply_report(waiting, a_report(ReportKind.TEXT, UNFINISHED), at=LATER)

    assert (bare.due_at, streaming.due_at) == (LATER, due_at)


@pytest.mark.parametrize(
    ("state", "task_id", "after"),
    [
        (JobState.OVERDUE, "task-1", JobState.RUNNING),
        (JobState.OVERDUE, None, JobState.OVERDUE),
        (JobState.SUBMITTING, None, JobState.SUBMITTING),
    ],
)
def test_a_repeat_shows_that_a_known_task_runs_and_says_nothing_of_an_unknown_one(
    state: JobState, task_id: str | None, after: JobState
) -> None:
    heard = replace(a_job(state=state), task_id=task_id, stage=Stage.TEXT, outcome_unknown=True)

    job = apply_report(heard, a_report(ReportKind.TEXT, task_id=task_id), at=LATER)

    assert job == replace(heard, state=after, outcome_unknown=False)


@pytest.mark.parametrize("kind", [ReportKind.TEXT, ReportKind.FIRST])
def test_late_news_does_not_undo_complete(kind: ReportKind) -> None:
    finished = apply_report(a_running_job(), a_report(ReportKind.COMPLETE, READY, SECOND), at=NOW)

    assert apply_report(finished, a_report(kind, UNFINISHED), at=LATER) == finished


def test_an_error_does_not_undo_complete() -> None:
    finished = apply_report(a_running_job(), a_report(ReportKind.COMPLETE, READY, SECOND), at=NOW)

    assert apply_report(finished, a_report(ReportKind.FAILED, code=500), at=LATER) == finished


def test_complete_does_not_undo_a_failure() -> None:
    failed = apply_report(a_running_job(), a_report(ReportKind.FAILED, code=500), at=NOW)

    assert apply_report(failed, a_report(ReportKind.COMPLETE, READY), at=LATER) == failed


def test_late_lyrics_do_not_take_the_stage_back() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.FIRST, READY), at=NOW)

    assert apply_report(job, a_report(ReportKind.TEXT), at=LATER) == job


def test_a_late_stage_may_still_bring_a_track() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.FIRST, READY), at=NOW)

    job = apply_report(job, a_report(ReportKind.TEXT, SECOND), at=LATER)

    assert (job.stage, job.tracks) == (Stage.FIRST, (READY, SECOND))


@given(report=REPORTS, state=st.sampled_from(sorted(AT_PROVIDER_STATES)))
def test_a_repeat_changes_nothing(report: TaskReport, state: JobState) -> None:
    once = apply_report(a_running_job(state), report, at=NOW)

    twice = apply_report(once, report, at=LATER)

    if report.kind is ReportKind.COMPLETE and once.state is not JobState.FINISHED:
        # A track is missing, so it is polled again after each report until its looks are used up.
        assert set(twice.tracks) == set(once.tracks)
    else:
        assert twice == once


@given(reports=st.lists(REPORTS, max_size=8))
def test_a_job_never_goes_back_and_forgets_no_track(reports: list[TaskReport]) -> None:
    job = a_running_job()
    for report in reports:
        before, job = job, apply_report(job, report, at=LATER)

        assert job.stage.rank >= before.stage.rank
        assert {track.id for track in before.tracks} <= {track.id for track in job.tracks}
        if before.state not in REPORTED_STATES:
            assert job == before


@pytest.mark.parametrize("state", sorted(set(JobState) - REPORTED_STATES))
@pytest.mark.parametrize("kind", ReportKind)
def test_a_job_that_is_not_at_the_provider_hears_nothing(state: JobState, kind: ReportKind) -> None:
    job = a_job(state=state)

    assert apply_report(job, a_report(kind, READY), at=LATER) is job


@pytest.mark.parametrize("kind", ReportKind)
def test_news_of_another_task_is_not_for_this_job(kind: ReportKind) -> None:
    job = a_running_job()

    assert apply_report(job, a_report(kind, READY, task_id="another"), at=LATER) is job


def test_waiting_is_no_news() -> None:
    job = a_running_job()

    assert apply_report(job, a_report(ReportKind.WAITING), at=LATER) is job


@pytest.mark.parametrize(
    ("kind", "state"), [(ReportKind.TEXT, JobState.RUNNING), (ReportKind.COMPLETE, JobState.FINISHED)]
)
def test_a_callback_answers_a_submission_that_was_never_answered(kind: ReportKind, state: JobState) -> None:
    unknown = replace(a_job(state=JobState.SUBMITTING), outcome_unknown=True)

    job = apply_report(unknown, a_report(kind, READY, SECOND), at=LATER)

    assert (job.state, job.task_id, job.outcome_unknown) == (state, "task-1", False)


def test_an_overdue_job_that_is_heard_of_runs_again() -> None:
    job = apply_report(a_running_job(JobState.OVERDUE), a_report(ReportKind.TEXT), at=LATER)

    assert job.state is JobState.RUNNING


@pytest.mark.parametrize(
    ("tracks", "looks"),
    [((READY, replace(SECOND, audio_url="")), LOOKS_FOR_A_LATE_TRACK), ((READY,), LOOKS_FOR_A_MISSING_TRACK)],
)
def test_complete_with_one_ready_track_waits_a_few_looks_for_the_other(tracks: tuple[Track, ...], looks: int) -> None:
    job = a_running_job()
    for _ in range(looks):
        job = apply_report(job, a_report(ReportKind.COMPLETE, *tracks), at=LATER)
        assert (job.state, job.stage, job.due_at, job.heard_at) == (JobState.RUNNING, Stage.FIRST, LATER, LATER)
        assert job.tracks == tracks

    job = apply_report(job, a_report(ReportKind.COMPLETE, *tracks), at=LATER)

    assert (job.state, job.attempts) == (JobState.FINISHED, 0)


def test_the_late_track_finishes_the_job_at_once() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.COMPLETE, READY), at=NOW)

    job = apply_report(job, a_report(ReportKind.COMPLETE, READY, SECOND), at=LATER)

    assert (job.state, job.tracks) == (JobState.FINISHED, (READY, SECOND))


@pytest.mark.parametrize("state", [JobState.ON_HOLD, JobState.ACCEPTED])
def test_a_waiting_job_that_the_provider_reports_was_submitted_after_the_backup(state: JobState) -> None:
    job = a_job(state=state)

    assert apply_report(job, a_report(ReportKind.TEXT, UNFINISHED), at=LATER).state is JobState.RUNNING
    assert apply_report(job, a_report(ReportKind.COMPLETE, READY, SECOND), at=LATER).state is JobState.FINISHED


def test_tries_to_submit_a_job_are_no_looks_for_its_second_track() -> None:
    job = replace(a_job(), attempts=9, waits_for=WaitReason.BUSY)

    after = apply_report(job, a_report(ReportKind.COMPLETE, READY), at=LATER)

    assert (after.state, after.attempts, after.waits_for) == (JobState.RUNNING, 1, None)


def test_complete_without_any_audio_is_asked_after_again() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.COMPLETE, UNFINISHED), at=LATER)

    assert (job.state, job.due_at, job.heard_at, job.finished_at) == (JobState.RUNNING, LATER, LATER, None)
    assert job.tracks == (UNFINISHED,)


def test_a_bare_complete_is_asked_after_again_though_a_first_track_is_known() -> None:
    job = apply_report(a_running_job(), a_report(ReportKind.FIRST, READY), at=NOW)

    after = apply_report(job, a_report(ReportKind.COMPLETE), at=LATER)

    # The other track may be one that was never told: finishing now would lose it.
    assert (after.state, after.due_at) == (JobState.RUNNING, LATER)


def test_tracks_are_merged_by_their_id_and_nothing_is_emptied() -> None:
    known = (replace(READY, title="Tide", length_seconds=198.4),)
    told = (Track(id=SECOND.id), Track(id=READY.id, audio_url="https://audio.invalid/new.mp3", length_seconds=0.0))

    merged = merge_tracks(known, told)

    assert [track.id for track in merged] == [READY.id, SECOND.id]
    assert merged[0] == replace(known[0], audio_url="https://audio.invalid/new.mp3")


def test_a_task_that_names_new_tracks_without_end_keeps_the_first_ones() -> None:
    known: tuple[Track, ...] = ()
    for number in range(3 * TRACKS_MAX):
        known = merge_tracks(known, (Track(id=f"track {number}"),))

    assert [track.id for track in known] == [f"track {number}" for number in range(TRACKS_MAX)]


@given(
    known=st.lists(TRACKS, unique_by=lambda track: track.id).map(tuple), told=st.lists(TRACKS, max_size=4).map(tuple)
)
def test_merging_is_stable(known: tuple[Track, ...], told: tuple[Track, ...]) -> None:
    merged = merge_tracks(known, told)

    assert merge_tracks(merged, ()) == merged
    assert {track.id for track in merged} == {track.id for track in (*known, *told)}
    assert len({track.id for track in merged}) == len(merged)
    for track in merged:
        assert bool(track.audio_url) == any(t.audio_url for t in (*known, *told) if t.id == track.id)


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (400, "Lyrics contain copyrighted material", FailureReason.LYRICS),
        (400, "The prompt is too vague", FailureReason.LYRICS),
        (400, "Audio extension failed", FailureReason.REFUSED),
        (400, "The format is not supported", FailureReason.REFUSED),
        (400, "", FailureReason.REFUSED),
        (408, "Timeout", FailureReason.PROVIDER),
        (413, "Uploaded audio matches existing work of art", FailureReason.COPYRIGHT),
        (451, "File fetch failed", FailureReason.SOURCE_UNREACHABLE),
        (500, "Internal error", FailureReason.PROVIDER),
        (501, "Audio generation failed", FailureReason.PROVIDER),
        (531, "Generation failed, credits returned", FailureReason.LYRICS),
        (999, "A word we do not know", FailureReason.PROVIDER),
        (None, "", FailureReason.PROVIDER),
        (400, "SENSITIVE_WORD_ERROR: tags", FailureReason.SENSITIVE),
        (None, "Sensitive word: Nobody", FailureReason.SENSITIVE),
    ],
)
def test_a_code_says_why(code: int | None, message: str, reason: FailureReason) -> None:
    failure = failure_of(TaskReport(task_id=None, kind=ReportKind.FAILED, code=code, message=message))

    assert (failure.reason, failure.code, failure.provider_message) == (reason, code, message)


def test_the_providers_words_lose_their_links() -> None:
    message = " Failed: https://files.invalid/a.mp3?sig=secret and HTTP://x.invalid/y, sorry "

    failure = failure_of(TaskReport(task_id=None, kind=ReportKind.FAILED, message=message))

    assert failure.provider_message == "Failed: [link] and [link] sorry"


@pytest.mark.parametrize("words", ["", "no link", "a:b", "c://", "12:30", "://x"])
def test_words_without_a_link_stay(words: str) -> None:
    assert without_urls(words) == words


RECORDS = {
    "nothing yet": a_report(ReportKind.WAITING),
    "the lyrics": a_report(ReportKind.TEXT, UNFINISHED),
    "the first track": a_report(ReportKind.FIRST, READY),
    "both tracks, one unfinished": a_report(ReportKind.FIRST, READY, replace(SECOND, audio_url="")),
}


@pytest.mark.parametrize("told", [a_report(ReportKind.COMPLETE, READY), a_report(ReportKind.FAILED, code=500)])
@pytest.mark.parametrize("record", [a_report(ReportKind.COMPLETE, SECOND), a_report(ReportKind.FAILED, code=413)])
def test_the_records_own_end_counts_whatever_the_callback_says(told: TaskReport, record: TaskReport) -> None:
    assert confirmed(told, record) == record


def test_a_complete_is_believed_if_the_record_knows_all_of_its_tracks() -> None:
    told = a_report(ReportKind.COMPLETE, READY, SECOND)

    assert {name for name, record in RECORDS.items() if confirmed(told, record) == told} == {
        "both tracks, one unfinished"
    }
    assert {name for name, record in RECORDS.items() if confirmed(told, record) is None} == {
        "nothing yet",
        "the lyrics",
        "the first track",
    }


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("told", [a_report(ReportKind.FAILED, READY, code=500), a_report(ReportKind.COMPLETE)])
def test_an_invented_failure_and_an_empty_complete_are_not_believed(told: TaskReport, record: TaskReport) -> None:
    assert confirmed(told, record) is None


@pytest.mark.parametrize("record", ["the lyrics", "the first track"])
def test_before_the_end_the_record_counts_where_it_has_something_to_tell(record: str) -> None:
    told = a_report(ReportKind.FIRST, SECOND)

    assert confirmed(told, RECORDS[record]) == RECORDS[record]


def test_before_the_end_a_record_that_knows_nothing_yet_leaves_the_stage_that_the_callback_told() -> None:
    told = a_report(ReportKind.FIRST, READY)

    assert confirmed(told, RECORDS["nothing yet"]) == hint(told)


def test_of_news_on_the_way_only_the_stage_is_believed() -> None:
    assert hint(a_report(ReportKind.TEXT, READY, SECOND)) == a_report(ReportKind.TEXT)
