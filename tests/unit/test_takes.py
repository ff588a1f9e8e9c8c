"""The numbers of a job's tracks."""

from msgspec.structs import replace

from bot.domain.takes import take_of, takes_of
from tests.support.storage_samples import a_job, a_track


def test_takes_are_the_posted_tracks_in_order() -> None:
    silent = replace(a_track(1), audio_url="")
    job = replace(a_job(), tracks=(silent, a_track(2), a_track(3)))

    assert {take: track.id for take, track in takes_of(job).items()} == {1: "track-2", 2: "track-3"}
    assert take_of(job, "track-3") == 2
    assert take_of(job, "track-1") is None


def test_takes_keep_their_numbers_when_the_links_are_erased() -> None:
    job = replace(a_job(), tracks=tuple(replace(a_track(number), audio_url="") for number in (1, 2)))

    assert take_of(job, "track-2") == 2
