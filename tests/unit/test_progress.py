"""What a progress message shows and when it changes: decided without looking at anything."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.domain.jobs import FINAL_STATES, Failure, FailureReason, Job, JobState, Stage, Track, WaitReason
from bot.domain.progress import (
    CONTENT_REASONS,
    MessageLink,
    ProgressStep,
    ProgressView,
    end_of,
    is_for_member_alone,
    looks_different,
    progress_of,
    progress_step,
    queue_band,
)
from tests.support.storage_samples import NOW, a_job, after


def step(
    job: Job, *, at: datetime = NOW, band: int | None = None, began_at: datetime = NOW - timedelta(days=1)
) -> ProgressStep:
    return progress_step(job, band=band, usual_seconds=120, began_at=began_at, at=at)


def running(**changes: object) -> Job:
    job = replace(a_job(), state=JobState.RUNNING, submitted_at=NOW)
    return replace(job, **changes)  # each test names the fields it means


def private(job: Job) -> Job:
    return replace(job, place=replace(job.place, private=True))


@pytest.mark.parametrize(
    ("positions", "band"),
    [((1,), 1), ((2, 3), 2), ((4, 6), 4), ((7, 14), 7), ((15, 34), 15), ((35, 100), 35), ((101, 10_000), 101)],
)
def test_places_in_the_queue_are_told_in_coarse_parts(positions: tuple[int, ...], band: int) -> None:
    assert {queue_band(position) for position in positions} == {band}


def test_only_a_waiting_job_names_its_part_of_the_queue() -> None:
    waiting, at_work = step(a_job(), band=4).view, step(running(), band=4).view

    assert waiting is not None
    assert at_work is not None
    assert (waiting.queue_band, at_work.queue_band) == (4, None)


def test_a_running_job_is_late_from_its_usual_time_on_and_is_looked_at_just_then() -> None:
    in_time = step(running(), at=after(119))
    assert in_time.view is not None
    assert (in_time.view.is_late, in_time.again_at) == (False, after(120))

    late = step(running(), at=after(120))
    assert late.view is not None
    assert (late.view.is_late, late.again_at) == (True, None)


def test_looking_twice_gives_the_same() -> None:
    job = running(tracks=(Track(id="one", stream_url="https://stream.example/x"),))

    first, second = step(job, at=after(1)), step(job, at=after(50))

    assert first == second
    assert first.view is not None
    assert first.view.stream_url == "https://stream.example/x"


@pytest.mark.parametrize("state", [JobState.SUBMITTING, JobState.RUNNING, JobState.OVERDUE])
def test_after_a_restart_only_what_an_earlier_process_submitted_says_that_nothing_was_lost(state: JobState) -> None:
    job = running(state=state)

    before, afterwards = step(job, began_at=after(1)).view, step(job, began_at=NOW).view

    assert before is not None
    assert afterwards is not None
    assert (before.resumed, afterwards.resumed) == (True, False)


def test_a_waiting_job_does_not_mention_a_restart() -> None:
    view = step(a_job(), began_at=after(1)).view

    assert view is not None
    assert not view.resumed


def test_a_result_that_is_being_posted_is_mentioned_only_when_that_takes_long() -> None:
    job = running(state=JobState.FINISHED, stage=Stage.COMPLETE, finished_at=NOW)

    assert step(job, at=after(9)) == ProgressStep(view=None, again_at=after(10))
    mentioned = step(job, at=after(10))
    assert mentioned.view is not None
    assert (mentioned.view.is_late, mentioned.again_at) == (False, after(60))
    slow = step(job, at=after(60))
    assert slow.view is not None
    assert (slow.view.is_late, slow.again_at) == (True, None)


def test_a_result_that_cannot_be_downloaded_says_so_after_a_minute() -> None:
    job = running(state=JobState.FINISHED, stage=Stage.COMPLETE, finished_at=NOW)
    unfetched = replace(job, waits_for=WaitReason.DOWNLOAD)

    assert looks_different(job, unfetched)
    early, late = step(unfetched, at=after(59)).view, step(unfetched, at=after(60)).view
    assert early is not None
    assert late is not None
    assert not early.is_late
    assert (late.is_late, late.waits_for) == (True, WaitReason.DOWNLOAD)


@pytest.mark.parametrize(
    "state", [JobState.FINISHED, JobState.UNCOLLECTED, JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED]
)
def test_a_private_answer_that_holds_the_result_is_never_overwritten(state: JobState) -> None:
    told = step(private(running(state=state, finished_at=NOW, notified_at=NOW)), at=after(3600))

    assert (told.view is None) is (state is not JobState.CANCELLED)
    assert told.is_last is (state in FINAL_STATES)


def test_a_failure_is_shown_once_there_is_a_message_that_explains_it() -> None:
    failed = running(state=JobState.FAILED, failure=Failure(reason=FailureReason.PROVIDER))

    assert step(failed) == ProgressStep(view=None)
    told = step(replace(failed, notified_at=NOW, final_channel_id=300, final_guild_id=200, final_message_id=5))
    assert told.is_last
    assert told.view is not None
    assert told.view.end == MessageLink(guild_id=200, channel_id=300, message_id=5)


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_state_is_shown_once_and_never_looked_at_again(state: JobState) -> None:
    last = step(running(state=state, notified_at=NOW), at=after(1000))

    assert last.is_last
    assert last.view is not None
    assert last.again_at is None


@pytest.mark.parametrize("reason", list(FailureReason))
def test_what_was_wrong_with_a_members_texts_is_nobody_elses_business(reason: FailureReason) -> None:
    failed = running(state=JobState.FAILED, failure=Failure(reason=reason))

    assert is_for_member_alone(failed) is (reason in CONTENT_REASONS)
    assert is_for_member_alone(private(failed))


def test_an_answer_that_only_one_member_sees_cannot_be_linked_to() -> None:
    job = running(state=JobState.DELIVERED, final_message_id=5, final_channel_id=300, final_guild_id=200)

    assert end_of(job) == MessageLink(guild_id=200, channel_id=300, message_id=5)
    assert end_of(replace(job, final_guild_id=None, final_is_answer=True)) is None
    direct = private(replace(job, final_channel_id=999, final_guild_id=None))
    assert end_of(direct) == MessageLink(guild_id=None, channel_id=999, message_id=5)
    assert end_of(replace(job, final_message_id=None)) is None


def test_music_sent_to_another_channel_is_linked_to_there() -> None:
    job = running(state=JobState.DELIVERED, final_message_id=5, final_channel_id=999, final_guild_id=201)

    assert end_of(job) == MessageLink(guild_id=201, channel_id=999, message_id=5)


@pytest.mark.parametrize("waits_for", [WaitReason.DAY_CAP, WaitReason.SERVER_CAP])
def test_a_job_that_waits_for_a_new_day_says_when_that_begins(waits_for: WaitReason) -> None:
    view = step(replace(a_job(), waits_for=waits_for)).view

    assert view is not None
    assert view.resumes_at == NOW.replace(day=23, hour=0, minute=0, second=0, microsecond=0)


def test_only_what_a_member_can_see_counts_as_a_change() -> None:
    job = running()

    assert not looks_different(job, replace(job, due_at=after(5), heard_at=after(5)))
    assert not looks_different(job, replace(job, tracks=(Track(id="one", title="Tide"),)))
    assert looks_different(job, replace(job, stage=Stage.TEXT))
    assert looks_different(job, replace(job, state=JobState.FINISHED))
    failed = replace(job, state=JobState.FAILED)
    assert looks_different(failed, replace(failed, notified_at=NOW))
    delivered = replace(job, state=JobState.DELIVERED)
    assert looks_different(delivered, replace(delivered, final_channel_id=300, final_message_id=5))


def view_of(job: Job, *, usual_seconds: float | None = 120) -> ProgressView:
    return progress_of(job, band=None, usual_seconds=usual_seconds, began_at=NOW, at=NOW)


@pytest.mark.parametrize(
    ("state", "submitted_at", "since"),
    [
        (JobState.ACCEPTED, None, NOW),
        (JobState.ACCEPTED, after(5), NOW),  # it was put back into the queue
        (JobState.SUBMITTING, None, NOW),
        (JobState.SUBMITTING, after(5), after(5)),
        (JobState.RUNNING, after(5), after(5)),
        (JobState.OVERDUE, after(5), after(5)),
    ],
)
def test_a_wait_counts_from_the_acceptance_until_the_submission_and_from_there_on(
    state: JobState, submitted_at: datetime | None, since: datetime
) -> None:
    assert view_of(replace(a_job(state=state), submitted_at=submitted_at)).since == since


@pytest.mark.parametrize(("usual_seconds", "expected_after"), [(90, 95), (None, 185)])
@pytest.mark.parametrize("state", JobState)
def test_only_what_the_provider_works_on_is_expected_after_its_usual_time(
    state: JobState, usual_seconds: float | None, expected_after: float
) -> None:
    view = view_of(running(state=state, submitted_at=after(5)), usual_seconds=usual_seconds)

    at_work = state in {JobState.SUBMITTING, JobState.RUNNING}
    assert view.expected_at == (after(expected_after) if at_work else None)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("waits_for", [None, *WaitReason])
def test_a_reason_to_wait_is_shown_only_while_the_job_waits(state: JobState, waits_for: WaitReason | None) -> None:
    view = view_of(replace(a_job(state=state), waits_for=waits_for))

    waits = state is (JobState.FINISHED if waits_for is WaitReason.DOWNLOAD else JobState.ACCEPTED)
    assert view.waits_for == (waits_for if waits else None)
    daily = waits_for in {WaitReason.DAY_CAP, WaitReason.SERVER_CAP}
    assert (view.resumes_at is not None) == (waits and daily)


@pytest.mark.parametrize("state", JobState)
def test_there_is_something_to_listen_to_only_while_the_provider_works_on_it(state: JobState) -> None:
    streaming = (Track(id="one"), Track(id="two", stream_url="https://stream.example/2"))
    url = "https://stream.example/2" if state in {JobState.SUBMITTING, JobState.RUNNING} else ""

    assert view_of(running(state=state, tracks=streaming)).stream_url == url
    assert view_of(running(state=state, tracks=(Track(id="one"),))).stream_url == ""


@pytest.mark.parametrize("state", JobState)
def test_an_unknown_outcome_is_mentioned_until_something_is_heard(state: JobState) -> None:
    still_open = state in {JobState.SUBMITTING, JobState.OVERDUE}

    assert view_of(running(state=state, outcome_unknown=True)).outcome_unknown is still_open
    assert not view_of(running(state=state, outcome_unknown=False)).outcome_unknown


def test_an_end_was_told_to_the_member_alone_once_there_is_a_private_message() -> None:
    delivered = running(state=JobState.DELIVERED)
    told = replace(delivered, final_message_id=5, final_channel_id=300, final_guild_id=200)
    directly = replace(told, final_channel_id=999, final_guild_id=None)
    answered = replace(told, final_guild_id=None, final_is_answer=True)

    assert [view_of(job).notified_privately for job in (delivered, told, directly, answered)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("state", "notified_at", "is_last"),
    [
        (JobState.CANCELLED, None, True),
        (JobState.DELIVERED, None, True),
        (JobState.FAILED, None, False),
        (JobState.FAILED, NOW, True),
        (JobState.RUNNING, None, False),
    ],
)
def test_only_a_failure_has_to_be_told_before_its_message_is_left_alone(
    state: JobState, notified_at: datetime | None, is_last: bool
) -> None:
    assert step(running(state=state, notified_at=notified_at)).is_last is is_last
