"""What is made from a result."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.follow_ups import PostedFile, parent_of, same_request, take_as_source
from bot.domain.jobs import FILES_KEPT, Job
from bot.domain.source import InMessage, SourceKind
from tests.support.storage_samples import NOW, a_delivered, a_job, a_track

POSTED = PostedFile(
    url="https://cdn.invalid/tide-1.mp3",
    size_bytes=5,
    message=InMessage(channel_id=1, message_id=2, attachment_id=3),
)
LATER = NOW + FILES_KEPT


@pytest.fixture
def job() -> Job:
    return a_delivered(a_job(), a_track(1), a_track(2))


def test_a_take_is_read_from_the_provider_while_it_has_the_file_and_its_message_is_remembered(job: Job) -> None:
    source = take_as_source(job, job.tracks[1], POSTED, at=NOW)

    assert source is not None
    assert (source.kind, source.locator, source.message) == (SourceKind.TRACK, job.tracks[1].audio_url, POSTED.message)
    assert (source.model, source.track_id, source.job_id) == (job.request.model, job.tracks[1].id, job.id)
    assert source.name == "Tide"


@pytest.mark.parametrize("age", [FILES_KEPT, timedelta(days=400)])
def test_later_it_is_read_from_the_message(job: Job, age: timedelta) -> None:
    source = take_as_source(job, job.tracks[0], POSTED, at=NOW + age)

    assert source is not None
    assert (source.locator, source.message) == (POSTED.url, POSTED.message)


def test_a_take_without_a_link_is_read_from_the_message(job: Job) -> None:
    source = take_as_source(job, replace(job.tracks[0], audio_url=""), POSTED, at=NOW)

    assert source is not None
    assert source.locator == POSTED.url


def test_a_take_that_is_in_neither_is_gone(job: Job) -> None:
    assert take_as_source(job, job.tracks[0], None, at=LATER) is None
    assert take_as_source(job, replace(job.tracks[0], audio_url=""), None, at=NOW) is None
    assert take_as_source(job, job.tracks[0], None, at=NOW) is not None


def test_the_same_request_forgets_what_was_found_in_the_source() -> None:
    request = replace(a_job().request, source_length=3.0, source_model="V4", continue_at=2.0, style_weight=0.3)

    same = same_request(replace(a_job(), request=request))

    assert same == replace(request, source_length=None, source_model=None)


def test_a_song_goes_on_through_its_parents(job: Job) -> None:
    second = replace(a_job(), parent=parent_of(job, job.tracks[0]))
    third = replace(a_job(), parent=parent_of(second))

    assert second.parent is not None
    assert second.parent.track_id == job.tracks[0].id
    assert third.parent is not None
    assert (third.parent.job_id, third.parent.track_id, third.song_id) == (second.id, None, job.id)
