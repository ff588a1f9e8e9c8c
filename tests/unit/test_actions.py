"""What a member can do with a job, as `/jobs` offers it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.actions import JobAction, actions_on, has_files
from bot.domain.jobs import FILES_KEPT, JobState
from tests.support.storage_samples import NOW, a_job, a_track, after

MINUTE = timedelta(minutes=1)


def test_files_are_there_until_the_provider_deletes_them_counted_from_when_they_were_made() -> None:
    made = replace(a_job(state=JobState.DELIVERED), tracks=(a_track(),), finished_at=after(3600))
    gone_at = after(3600) + FILES_KEPT

    assert has_files(made, at=gone_at - MINUTE)
    assert not has_files(made, at=gone_at)
    assert not has_files(replace(made, finished_at=None), at=NOW + FILES_KEPT)
    assert has_files(replace(made, finished_at=None), at=NOW + FILES_KEPT - MINUTE)


def test_without_a_finished_track_there_is_no_file() -> None:
    assert not has_files(replace(a_job(), tracks=(replace(a_track(), audio_url=""),)), at=NOW)
    assert not has_files(a_job(), at=NOW)


@pytest.mark.parametrize("state", JobState)
def test_each_state_offers_what_can_be_done_with_it(state: JobState) -> None:
    job = replace(a_job(state=state), tracks=(a_track(),), finished_at=NOW)

    offered = {
        JobState.ACCEPTED: (JobAction.CANCEL,),
        JobState.ON_HOLD: (JobAction.CONTINUE, JobAction.CANCEL),
        JobState.UNCOLLECTED: (JobAction.SEND_AGAIN,),
        JobState.DELIVERED: (JobAction.SEND_AGAIN,),
    }
    assert actions_on(job, at=NOW) == offered.get(state, ())


@pytest.mark.parametrize("state", [JobState.UNCOLLECTED, JobState.DELIVERED])
def test_what_is_gone_cannot_be_sent_again(state: JobState) -> None:
    job = replace(a_job(state=state), tracks=(a_track(),), finished_at=NOW)

    assert actions_on(job, at=NOW + FILES_KEPT) == ()
    assert actions_on(job, at=NOW + FILES_KEPT, has_copies=True) == (JobAction.SEND_AGAIN,)
