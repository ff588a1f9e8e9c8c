from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.domain.jobs import (
    AT_PROVIDER_STATES,
    FINAL_STATES,
    LIVE_STATES,
    MADE_STATES,
    TRANSITIONS,
    IllegalTransitionError,
    JobEvent,
    JobState,
    Stage,
    next_state,
)
from tests.support.storage_samples import NOW, a_job

# What the design says of each state, written down a second time.
GOES_TO = {
    JobState.ACCEPTED: {
        JobState.SUBMITTING,
        JobState.CANCELLED,
        JobState.FAILED,
        JobState.ON_HOLD,
        # After a restore, once a callback tells that it was submitted.
        JobState.RUNNING,
        JobState.FINISHED,
    },
    JobState.SUBMITTING: {
        JobState.RUNNING,
        JobState.ACCEPTED,
        JobState.FAILED,
        JobState.OVERDUE,
        JobState.FINISHED,
    },
    JobState.RUNNING: {JobState.FINISHED, JobState.FAILED, JobState.OVERDUE},
    JobState.OVERDUE: {JobState.RUNNING, JobState.ACCEPTED, JobState.FINISHED, JobState.FAILED},
    JobState.FINISHED: {JobState.DELIVERED, JobState.UNCOLLECTED, JobState.FAILED},
    JobState.UNCOLLECTED: {JobState.DELIVERED, JobState.FAILED},
    JobState.ON_HOLD: {
        JobState.ACCEPTED,
        JobState.CANCELLED,
        JobState.RUNNING,
        JobState.FINISHED,
        JobState.FAILED,
    },
    JobState.DELIVERED: set(),
    JobState.FAILED: set(),
    JobState.CANCELLED: set(),
}
NEWS = (JobEvent.STARTED, JobEvent.PROGRESSED, JobEvent.COMPLETED, JobEvent.PROVIDER_FAILED)
EVENTS = st.lists(st.sampled_from(JobEvent), max_size=30)


def reached(state: JobState, events: list[JobEvent]) -> JobState:
    """The state after those of `events` that are allowed."""
    for event in events:
        state = TRANSITIONS.get((state, event), state)
    return state


@pytest.mark.parametrize(("state", "event"), list(product(JobState, JobEvent)))
def test_every_event_in_every_state_has_a_row_or_is_illegal(state: JobState, event: JobEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) in GOES_TO[state] | {state}
    else:
        with pytest.raises(IllegalTransitionError, match=f"{event} in {state}"):
            next_state(state, event)


@pytest.mark.parametrize("state", JobState)
def test_a_state_goes_where_the_design_says(state: JobState) -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is state} - {state} == GOES_TO[state]


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_state_is_never_left_and_bears_late_news(state: JobState) -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is state} == {state}
    assert {event for event in NEWS if (state, event) in TRANSITIONS} == set(NEWS)


@pytest.mark.parametrize("state", sorted(AT_PROVIDER_STATES | FINAL_STATES | {JobState.FINISHED}))
@pytest.mark.parametrize("event", NEWS)
def test_news_of_the_provider_is_allowed_from_the_submission_on(event: JobEvent, state: JobState) -> None:
    assert (state, event) in TRANSITIONS


@pytest.mark.parametrize(("state", "event"), list(product(JobState, NEWS)))
def test_a_repeat_of_news_changes_nothing_more(state: JobState, event: JobEvent) -> None:
    if (after := TRANSITIONS.get((state, event))) is not None:
        assert next_state(after, event) is after


@given(events=EVENTS)
def test_what_is_complete_is_never_undone(events: list[JobEvent]) -> None:
    expired = JobEvent.EXPIRED in events

    state = reached(JobState.FINISHED, events)

    assert state in MADE_STATES | ({JobState.FAILED} if expired else set())


@given(events=EVENTS)
def test_money_is_spent_once(events: list[JobEvent]) -> None:
    """A job is claimed again only after an answer that says that nothing was started."""
    state, may_run = JobState.ACCEPTED, False
    for event in events:
        after = TRANSITIONS.get((state, event))
        if after is None:
            continue
        if event is JobEvent.CLAIMED:
            assert not may_run
            may_run = True
        if event is JobEvent.NOT_STARTED:
            may_run = False
        state = after


@given(events=EVENTS)
def test_only_a_waiting_job_is_cancelled(events: list[JobEvent]) -> None:
    state = JobState.ACCEPTED
    for event in events:
        before, state = state, reached(state, [event])
        if state is JobState.CANCELLED:
            assert before in {JobState.ACCEPTED, JobState.ON_HOLD, JobState.CANCELLED}


def test_every_state_is_live_or_final() -> None:
    assert set(JobState) == LIVE_STATES | FINAL_STATES
    assert not LIVE_STATES & FINAL_STATES
    assert AT_PROVIDER_STATES < LIVE_STATES


def test_a_job_after_an_event_has_the_new_state_and_the_changes() -> None:
    job = a_job()

    after = job.after(JobEvent.CLAIMED, submitted_at=NOW)

    assert after == replace(job, state=JobState.SUBMITTING, submitted_at=NOW)
    assert job.state is JobState.ACCEPTED


def test_a_job_refuses_an_event_that_has_no_row() -> None:
    with pytest.raises(IllegalTransitionError, match="posted in accepted"):
        a_job().after(JobEvent.POSTED)


def test_a_job_shows_no_secret() -> None:
    job = a_job()

    shown = repr(job)

    for secret in (job.callback_token, job.source_url, job.place.interaction_token):
        assert secret
        assert secret not in shown


def test_stages_have_an_order() -> None:
    assert [stage.rank for stage in (Stage.QUEUED, Stage.TEXT, Stage.FIRST, Stage.COMPLETE)] == [0, 1, 2, 3]


def test_a_short_id_is_the_beginning_of_the_id() -> None:
    assert replace(a_job(), id="0123456789abcdef").short_id == "01234567"
