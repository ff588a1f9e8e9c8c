"""A song is called by its title, never by an id."""

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, Track
from bot.domain.source import AudioFormat
from bot.domain.titles import looks_like_an_id, name_in_link, shown_title, slug, upload_name
from tests.support.storage_samples import a_job

UNIQUE = "3f9a2c0b17"


def untitled(source_name: str) -> Job:
    job = a_job()
    return replace(job, request=replace(job.request, title=""), source_name=source_name)


@pytest.mark.parametrize(
    "words",
    [
        "3f9a2c1e",
        "3F9A2C1E7B",
        "deadbeef",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "3F2504E04F8911D39A0C0305E82C3301",
        "3f2504e0_4f89_11d3_9a0c_0305e82c3301",
        "1234567890123456",
    ],
)
def test_hex_digits_and_uuids_look_like_ids(words: str) -> None:
    assert looks_like_an_id(words)


@pytest.mark.parametrize(
    "words", ["Paper Boats", "20241124", "111111111111111", "Cafe", "decade", "3f9a2c1", "Facade 12345678", ""]
)
def test_words_and_dates_do_not_look_like_ids(words: str) -> None:
    assert not looks_like_an_id(words)


@pytest.mark.parametrize(
    ("name", "audio_format", "uploaded"),
    [
        ("Paper Boats.mp3", AudioFormat.MP3, "paper-boats-3f9a2c0b17.mp3"),
        ("Żółć.FLAC", AudioFormat.FLAC, "zoc-3f9a2c0b17.flac"),
        ("夜.ogg", AudioFormat.OGG, "audio-3f9a2c0b17.ogg"),
        ("voice.opus", AudioFormat.OGG, "voice-3f9a2c0b17.opus"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301.mp3", AudioFormat.MP3, "audio-3f9a2c0b17.mp3"),
        ("../../etc/passwd", AudioFormat.WAV, "etc-passwd-3f9a2c0b17.wav"),
        ("", AudioFormat.MP3, "audio-3f9a2c0b17.mp3"),
    ],
)
def test_a_source_is_uploaded_under_a_readable_name_of_its_own(
    name: str, audio_format: AudioFormat, uploaded: str
) -> None:
    assert upload_name(name, audio_format, unique=UNIQUE) == uploaded


@pytest.mark.parametrize(
    ("name", "audio_format", "uploaded"),
    [
        ("Café del Mar", AudioFormat.MP3, "cafe-del-mar-3f9a2c0b17.mp3"),
        ("Symphony No.5", AudioFormat.FLAC, "symphony-no-5-3f9a2c0b17.flac"),
        ("really a wave.mp3", AudioFormat.WAV, "really-a-wave-3f9a2c0b17.wav"),
    ],
)
def test_a_name_without_its_ending_or_with_a_wrong_one_is_uploaded_with_the_right_one(
    name: str, audio_format: AudioFormat, uploaded: str
) -> None:
    assert upload_name(name, audio_format, unique=UNIQUE) == uploaded


@pytest.mark.parametrize("audio_format", AudioFormat)
def test_every_format_has_an_ending(audio_format: AudioFormat) -> None:
    assert upload_name("loop", audio_format, unique=UNIQUE).endswith(f".{audio_format}")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://files.example/music/Paper%20Boats.mp3", "Paper Boats.mp3"),
        ("https://files.example/Caf%C3%A9.mp3?key=secret%2F1#top", "Café.mp3"),
        ("https://files.example/what%3Fnow.mp3", "what?now.mp3"),
        ("https://files.example/a%00b%0Ac\ud800d.mp3", "abcd.mp3"),
        ("https://files.example/%FF.mp3", "\ufffd.mp3"),
        ("https://files.example/" + "x" * 200, "x" * 100),
        ("https://files.example/%20%0A/", "audio"),
    ],
)
def test_a_link_is_called_by_the_last_part_of_its_path_as_people_read_it(url: str, name: str) -> None:
    assert name_in_link(url) == name


def test_a_slug_is_short_and_has_no_dash_at_its_ends() -> None:
    assert slug("x" * 59 + " y z") == "x" * 59
    assert slug("--- ") == ""
    assert slug("!" + "x" * 60) == "x" * 60


def test_the_members_own_title_counts_before_everything() -> None:
    job = a_job()

    assert shown_title(replace(job, request=replace(job.request, title="12345678abc"))) == "12345678abc"
    assert shown_title(job, Track(id="one", title="Another")) == job.request.title


@pytest.mark.parametrize(
    "told",
    [
        "",
        "one",
        "task-1",
        "3f9a2c1e",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "3f2504e04f8911d39a0c0305e82c3301.mp3",
        "paper-boats-3f9a2c0b17",
        "paper-boats-3f9a2c0b17.mp3",
        "Paper boats 3f9a2c0b17",
        "audio-3f9a2c0b17",
    ],
)
def test_an_id_of_the_providers_is_never_shown_as_a_title(told: str) -> None:
    job = replace(untitled("Paper Boats.mp3"), task_id="task-1")

    assert shown_title(job, Track(id="one", title=told)) == "Paper Boats"


def test_a_track_goes_by_the_providers_title_and_its_job_by_the_sources_name() -> None:
    track = Track(id="one", title="Harbour Lights")
    job = replace(untitled("Paper Boats.mp3"), tracks=(track,))

    assert shown_title(job, track) == "Harbour Lights"
    assert shown_title(job) == "Paper Boats"


def test_a_job_whose_source_has_no_name_goes_by_the_first_title_there_is() -> None:
    job = replace(untitled("3f9a2c1e7b.mp3"), tracks=(Track(id="one", title="one"), Track(id="two", title="Tide")))

    assert shown_title(job) == "Tide"
    assert shown_title(replace(job, tracks=())) == ""


def test_a_track_of_a_track_keeps_the_words_of_an_earlier_uploads_name() -> None:
    assert shown_title(untitled("Tide.mp3"), Track(id="one", title="paper-boats-3f9a2c0b17")) == "paper-boats"
    assert shown_title(untitled("Tide.mp3"), Track(id="one", title="Call 5551234567")) == "Call 5551234567"


def test_a_title_that_shows_nothing_is_none() -> None:
    job = untitled("Tide.mp3")

    for title in ("\u200b", " ", "\u3164", "\u202e\u2066"):
        assert shown_title(replace(job, request=replace(job.request, title=title))) == "Tide"


def test_a_title_of_signs_before_an_uploads_digits_is_none() -> None:
    assert shown_title(untitled("tide.mp3"), Track(id="one", title=f"?!-{UNIQUE}")) == "tide"
