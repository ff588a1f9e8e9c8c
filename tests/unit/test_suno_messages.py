"""Callbacks and answers about tasks, with recorded and invented bodies."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import FailureReason, Track
from bot.domain.reports import TRACKS_MAX, ReportKind, failure_of
from bot.suno.wire import (
    ID_MAX,
    LENGTH_MAX_SECONDS,
    LINK_MAX,
    LYRICS_MAX,
    MESSAGE_MAX,
    MESSAGE_READ_MAX,
    TAGS_MAX,
    TITLE_MAX,
    MalformedRecord,
    parse_callback,
    parse_envelope,
    parse_record,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
TASK = "5c79a1d2f0e94b6b8c3d7a10e2f4be8e"
FIRST_ID = "8551c2f4-1f0a-4b7e-9a51-2d6c0b8e662c"
SECOND_ID = "bd15e7a0-6c3d-4e92-8f4b-71a9d3c51873"
AUDIO = "https://media.example.com/r/7a1e5b0c94d24f6e8b3a0d1c2e4f5a6b.mp3"
FINISHED = Track(
    id=FIRST_ID,
    audio_url=AUDIO,
    stream_url="https://stream.example.com/ODU1MWMyZjQtMWYwYS00YjdlLTlhNTEtMmQ2YzBiOGU2NjJj",
    image_url="https://media.example.com/r/7a1e5b0c94d24f6e8b3a0d1c2e4f5a6b.jpeg",
    title="Paper Boats (Extended)",
    tags="dream pop, soft drums",
    lyrics="[Verse]\nPaper boats on a silver stream\n[Chorus]\nRow me back into the dream",
    model_name="chirp-crow",
    length_seconds=198.44,
)


def recorded(name: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((FIXTURES / name).read_bytes())
    return message


def posted(message: object) -> bytes:
    return json.dumps(message).encode()


def a_callback(*tracks: object, stage: object = "complete", **more: object) -> bytes:
    return posted({"code": 200, "msg": "", "data": {"callbackType": stage, "task_id": TASK, "data": tracks}} | more)


def a_track(**more: object) -> dict[str, object]:
    return {"id": "one", "audio_url": AUDIO} | more


def a_record(status: object, *, tracks: object = None, **more: object) -> bytes:
    response = None if tracks is None else {"taskId": TASK, "sunoData": tracks}
    return posted(
        {"code": 200, "msg": "success", "data": {"taskId": TASK, "status": status, "response": response} | more}
    )


@pytest.mark.parametrize(
    ("name", "kind", "ready"),
    [
        ("callback-text.json", ReportKind.TEXT, []),
        ("callback-text-null.json", ReportKind.TEXT, []),
        ("callback-text-with-tracks.json", ReportKind.TEXT, [False, False]),
        ("callback-first.json", ReportKind.FIRST, [True, False]),
        ("callback-first-documented.json", ReportKind.FIRST, [True]),
        ("callback-complete.json", ReportKind.COMPLETE, [True, True]),
        ("callback-complete-documented.json", ReportKind.COMPLETE, [True, True]),
        ("callback-complete-one-track.json", ReportKind.COMPLETE, [True]),
        ("callback-complete-camel-taskid.json", ReportKind.COMPLETE, [True, True]),
    ],
)
def test_every_recorded_callback_of_a_successful_task_is_read(name: str, kind: ReportKind, ready: list[bool]) -> None:
    report = parse_callback((FIXTURES / name).read_bytes())

    assert (report.task_id, report.kind, report.code, report.message) == (TASK, kind, None, "")
    assert [bool(track.audio_url) for track in report.tracks] == ready


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("callback-error*.json")), ids=lambda path: path.stem)
def test_every_recorded_error_callback_is_a_failure_with_its_code_and_words(path: Path) -> None:
    message = recorded(path.name)

    report = parse_callback(path.read_bytes())

    assert (report.kind, report.task_id, report.tracks) == (ReportKind.FAILED, TASK, ())
    assert (report.code, report.message) == (message["code"], message["msg"])


def test_no_recorded_callback_is_missing_here() -> None:
    assert len(list(FIXTURES.glob("callback-*.json"))) == 9 + len(list(FIXTURES.glob("callback-error*.json")))


def test_everything_that_a_callback_says_about_a_track_is_kept() -> None:
    report = parse_callback((FIXTURES / "callback-first.json").read_bytes())

    assert report.tracks[0] == FINISHED
    assert report.tracks[1].id == SECOND_ID
    assert report.tracks[1].length_seconds is None
    assert report.tracks[1].stream_url


def test_record_info_says_the_same_about_a_track_in_its_own_spelling() -> None:
    assert parse_record((FIXTURES / "record-info-success.json").read_bytes()).tracks[0] == FINISHED


@pytest.mark.parametrize(
    ("name", "kind", "ready", "code"),
    [
        ("pending", ReportKind.WAITING, [], None),
        ("pending-with-error", ReportKind.FAILED, [], 413),
        ("text-success", ReportKind.TEXT, [False, False], None),
        ("first-success", ReportKind.FIRST, [True, False], None),
        ("success", ReportKind.COMPLETE, [True, True], None),
        ("create-task-failed", ReportKind.FAILED, [], 500),
        ("generate-audio-failed", ReportKind.FAILED, [], 501),
        ("sensitive-word-error", ReportKind.FAILED, [], 400),
        ("callback-exception", ReportKind.COMPLETE, [True, True], None),
        ("callback-exception-empty", ReportKind.WAITING, [], None),
    ],
)
def test_every_recorded_status_is_read(name: str, kind: ReportKind, ready: list[bool], code: int | None) -> None:
    report = parse_record((FIXTURES / f"record-info-{name}.json").read_bytes())

    assert (report.task_id, report.kind, report.code) == (TASK, kind, code)
    assert [bool(track.audio_url) for track in report.tracks] == ready


def test_no_recorded_status_is_missing_here() -> None:
    assert len(list(FIXTURES.glob("record-info-*.json"))) == 10


def test_a_refused_word_is_distinguished_from_refused_lyrics() -> None:
    report = parse_record((FIXTURES / "record-info-sensitive-word-error.json").read_bytes())

    assert failure_of(report).reason is FailureReason.SENSITIVE
    assert report.message == "Sensitive word: Your tags contain an artist name. Please change your tags and try again."


@pytest.mark.parametrize(
    "place",
    [
        {"data": {"callbackType": "complete", "taskId": "t"}},
        {"data": {"callbackType": "complete", "task_id": "t"}},
        {"data": {"callbackType": "complete", "task_id": "", "taskId": "t"}},
        {"data": {"callbackType": "complete"}, "task_id": "t"},
        {"data": {"callbackType": "complete"}, "taskId": "t"},
    ],
)
def test_the_task_id_is_found_in_each_of_its_places(place: dict[str, object]) -> None:
    assert parse_callback(posted({"code": 200, "msg": ""} | place)).task_id == "t"


@pytest.mark.parametrize("task_id", [None, ""])
def test_a_callback_without_a_task_id_is_still_a_callback(task_id: str | None) -> None:
    body = posted({"code": 200, "data": {"callbackType": "text", "task_id": task_id}})

    assert parse_callback(body).task_id is None


@pytest.mark.parametrize("stage", ["complete", "COMPLETE", "Complete", " complete "])
def test_capitals_in_the_type_make_no_difference(stage: str) -> None:
    assert parse_callback(a_callback(stage=stage)).kind is ReportKind.COMPLETE


def test_an_unknown_type_means_keep_waiting() -> None:
    assert parse_callback(a_callback(a_track(), stage="mastering")).kind is ReportKind.WAITING


@pytest.mark.parametrize("code", [200, "200", " 200 "])
def test_a_code_may_be_a_number_or_digits(code: object) -> None:
    assert parse_callback(a_callback(code=code)).kind is ReportKind.COMPLETE


@pytest.mark.parametrize(("code", "read"), [(531, 531), ("531", 531), (0, 0), (-1, -1)])
@pytest.mark.parametrize("stage", ["error", "complete", "text", "mastering", None])
def test_any_other_code_is_a_failure_whatever_the_type(code: object, read: int, stage: str | None) -> None:
    report = parse_callback(a_callback(stage=stage, code=code, msg="no luck"))

    assert (report.kind, report.code, report.message) == (ReportKind.FAILED, read, "no luck")


def test_an_error_with_the_code_of_a_success_is_a_failure() -> None:
    assert parse_callback(a_callback(stage="ERROR")).kind is ReportKind.FAILED


def test_a_failure_needs_no_data() -> None:
    report = parse_callback(posted({"code": 500, "msg": "Server error", "data": None}))

    assert (report.kind, report.task_id, report.code) == (ReportKind.FAILED, None, 500)


def test_a_message_loses_its_links_line_breaks_and_excess() -> None:
    told = "Cannot read\nhttps://bot.example.com/suno/callback/3f9c1d \x00 now" + "!" * 1000

    message = parse_callback(a_callback(stage="error", code=451, msg=told)).message

    assert message.startswith("Cannot read [link] now!!!")
    assert len(message) == MESSAGE_MAX


def test_a_link_is_recognised_whatever_is_hidden_in_it() -> None:
    told = "see https:\x00//a.example/x"

    assert parse_callback(a_callback(stage="error", code=451, msg=told)).message == "see [link]"


def test_of_an_endless_message_no_more_is_looked_at_than_could_be_shown() -> None:
    told = "https://a.example/" + "x" * MESSAGE_READ_MAX + " and the end"

    assert parse_callback(a_callback(stage="error", code=451, msg=told)).message == "[link]"


@pytest.mark.parametrize("message", [None, 7, ["x"], {"x": 1}])
def test_a_message_that_is_not_a_text_counts_as_none(message: object) -> None:
    assert parse_callback(a_callback(stage="error", code=500, msg=message)).message == ""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (198.44, 198.44),
        (198, 198.0),
        ("198.44", 198.44),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (0, None),
        (-3, None),
        (True, None),
        ([3], None),
        (LENGTH_MAX_SECONDS + 1, None),
        (10**300, None),
        (10**2000, None),
    ],
)
def test_a_length_is_a_sensible_number_or_unknown(told: object, seconds: float | None) -> None:
    report = parse_callback(a_callback(a_track(duration=told)))

    assert report.tracks == (Track(id="one", audio_url=AUDIO, length_seconds=seconds),)


@pytest.mark.parametrize("created", [1761204292496, "2025-01-01 00:00:00", None, 1.5, {}])
def test_the_time_of_creation_may_be_anything(created: object) -> None:
    assert parse_callback(a_callback(a_track(createTime=created))).tracks[0].audio_url == AUDIO


@pytest.mark.parametrize("link", [None, "", "pending", 7, "ftp://files.example/a.mp3", "javascript:alert(1)"])
def test_a_track_without_a_web_address_is_unfinished(link: object) -> None:
    assert parse_callback(a_callback(a_track(audio_url=link))).tracks[0].audio_url == ""


def test_a_single_track_need_not_be_in_a_list() -> None:
    body = posted({"code": 200, "data": {"callbackType": "complete", "data": a_track()}})

    assert [track.id for track in parse_callback(body).tracks] == ["one"]


def test_many_tracks_are_kept_in_their_order_and_one_without_an_id_is_not() -> None:
    names = [f"track-{number}" for number in range(8)]
    tracks = [a_track(id=name) for name in names]

    report = parse_callback(a_callback(*tracks[:4], {"audio_url": AUDIO}, a_track(id=5), *tracks[4:]))

    assert [track.id for track in report.tracks] == names


def test_unknown_keys_are_ignored_at_every_level() -> None:
    body = posted(
        {
            "code": 200,
            "extra": {"a": [1]},
            "data": {"callbackType": "first", "task_id": TASK, "data": [a_track(waveform=[1, 2])], "queue": 3},
        }
    )

    assert parse_callback(body).kind is ReportKind.FIRST


def test_brackets_in_lyrics_are_not_nesting() -> None:
    lyrics = "[Verse] {la} " * 400

    assert parse_callback(a_callback(a_track(prompt=lyrics))).tracks[0].lyrics == lyrics.strip()


@pytest.mark.parametrize("tracks", [None, [], [a_track(audio_url="")], [{"audioUrl": AUDIO}]])
def test_a_success_without_anything_to_fetch_is_polled_again(tracks: object) -> None:
    report = parse_record(a_record("SUCCESS", tracks=tracks))

    assert (report.kind, report.tracks) == (ReportKind.WAITING, ())


@pytest.mark.parametrize("status", ["SUCCESS", "success", "CALLBACK_EXCEPTION"])
def test_a_success_counts_the_tracks_that_can_be_fetched(status: str) -> None:
    tracks = [{"id": "one", "audioUrl": AUDIO}, {"id": "two", "audioUrl": ""}, {"id": "three", "audioUrl": None}]

    report = parse_record(a_record(status, tracks=tracks))

    assert (report.kind, [track.id for track in report.tracks]) == (ReportKind.COMPLETE, ["one"])


def test_a_callback_exception_with_unfinished_tracks_is_polled_again() -> None:
    report = parse_record(a_record("CALLBACK_EXCEPTION", tracks=[{"id": "one", "streamAudioUrl": AUDIO}]))

    assert report.kind is ReportKind.WAITING


@pytest.mark.parametrize("status", ["GENERATING", "FAILED", "", None, 7])
def test_an_unknown_status_means_keep_waiting(status: object) -> None:
    assert parse_record(a_record(status, errorCode=500)).kind is ReportKind.WAITING


@pytest.mark.parametrize(
    ("code", "kind"), [("413", ReportKind.FAILED), (0, ReportKind.WAITING), ("", ReportKind.WAITING)]
)
def test_a_pending_task_has_failed_once_it_has_an_error_code(code: object, kind: ReportKind) -> None:
    assert parse_record(a_record("PENDING", errorCode=code)).kind is kind


def test_tracks_are_found_in_the_older_place_and_spelling_too() -> None:
    response = {"taskId": TASK, "data": [a_track(duration="12.5")]}

    report = parse_record(a_record("SUCCESS", response=response))

    assert report.tracks == (Track(id="one", audio_url=AUDIO, length_seconds=12.5),)


def test_tracks_in_the_newer_place_come_first() -> None:
    response = {"sunoData": [{"id": "new", "audioUrl": AUDIO}], "data": [a_track(id="old")]}

    assert [track.id for track in parse_record(a_record("SUCCESS", response=response)).tracks] == ["new"]


def test_a_failure_may_have_its_words_inside_the_response() -> None:
    response = {"sunoData": [], "errorMessage": "no luck"}

    report = parse_record(a_record("GENERATE_AUDIO_FAILED", response=response, errorCode="501"))

    assert (report.code, report.message) == (501, "no luck")


def test_an_unknown_task_is_polled_again() -> None:
    assert parse_record(posted({"code": 200, "msg": "success", "data": None})).kind is ReportKind.WAITING


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"data": 7}', b'{"data": {"taskId": 7}}', b"\xff"])
def test_anything_but_an_answer_about_a_task_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_record(body)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"code": null}', b'{"code": 1.5}', b'{"code": "ok"}'])
def test_a_body_without_a_code_is_not_an_envelope(body: bytes) -> None:
    assert parse_envelope(body) is None


def test_a_record_with_hundreds_of_endless_tracks_is_cut_to_what_a_message_holds() -> None:
    track = {
        "id": "i" * 999,
        "audioUrl": AUDIO,
        "imageUrl": "https://media.example.com/" + "p" * LINK_MAX,
        "title": "t" * 99_999,
        "tags": "g" * 99_999,
        "prompt": "l" * 99_999,
    }
    tracks = [{**track, "id": f"{number}{track['id']}"} for number in range(300)]
    body = {"code": 200, "data": {"taskId": TASK, "status": "SUCCESS", "response": {"sunoData": tracks}}}

    found = parse_record(json.dumps(body).encode()).tracks

    assert len(found) == TRACKS_MAX
    sizes = {(len(each.id), len(each.title), len(each.tags), len(each.lyrics), each.image_url) for each in found}
    assert sizes == {(ID_MAX, TITLE_MAX, TAGS_MAX, LYRICS_MAX, "")}
