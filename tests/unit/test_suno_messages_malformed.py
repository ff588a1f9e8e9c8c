"""Anything posted to the callback address ends in a report or in `MalformedCallback`."""

import json
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.reports import TaskReport
from bot.suno.wire import (
    NESTING_MAX,
    Malformed,
    MalformedCallback,
    callback_task_id,
    parse_callback,
    parse_envelope,
    parse_record,
)
from tests.support.examples import examples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
KNOWN_WORDS = st.sampled_from(["text", "first", "complete", "error", "COMPLETE", "200", "", "t", "https://a.example/b"])
ALMOST = JSON | KNOWN_WORDS | st.sampled_from([200, 400, 531])
TRACK = st.dictionaries(
    st.sampled_from(["id", "audio_url", "audioUrl", "duration", "title", "tags", "prompt", "createTime"]), ALMOST
)
DATA = st.fixed_dictionaries(
    {},
    optional={"callbackType": ALMOST, "task_id": ALMOST, "taskId": ALMOST, "data": ALMOST | st.lists(TRACK | ALMOST)},
)
CALLBACK = st.fixed_dictionaries(
    {}, optional={"code": ALMOST, "msg": ALMOST, "data": DATA | ALMOST, "task_id": ALMOST, "taskId": ALMOST}
)
DEEPEST = b"[" * NESTING_MAX + b"]" * NESTING_MAX

PATIENT = settings(deadline=None)  # a slow machine is not a failure


def outcome(body: bytes) -> TaskReport | None:
    try:
        return parse_callback(body)
    except MalformedCallback:
        return None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"7",
        b'"complete"',
        b"[]",
        b"{}",
        b"<html></html>",
        b"code=200&callbackType=complete",
        b'{"code": 200}',
        b'{"code": 200, "data": null}',
        b'{"code": 200, "data": []}',
        b'{"code": 200, "data": "complete"}',
        b'{"code": 200, "data": {}}',
        b'{"code": 200, "data": {"callbackType": ""}}',
        b'{"code": 200, "data": {"callbackType": null}}',
        b'{"code": 200, "data": {"callbackType": 1}}',
        b'{"code": 200, "data": {"callbackType": ["complete"]}}',
        b'{"data": {"callbackType": "complete"}}',
        b'{"code": null, "data": {"callbackType": "complete"}}',
        b'{"code": true, "data": {"callbackType": "complete"}}',
        b'{"code": 200.5, "data": {"callbackType": "complete"}}',
        b'{"code": "ok", "data": {"callbackType": "complete"}}',
        b'{"code": "", "data": {"callbackType": "complete"}}',
        b'{"code": 200, "data": {"callbackType": "complete", "task_id": 7}}',
        b'{"code": 200, "data": {"callbackType": "complete", "task_id": "' + b"x" * 129 + b'"}}',
        b'{"code": 200, "data": {"callbackType": "complete", "taskId": {}}}',
        b'{"code": 200, "task_id": 7, "data": {"callbackType": "complete"}}',
        b'{"code": 200, "data": {"callbackType": "complete", "data": "one"}}',
        b'{"code": 200, "data": {"callbackType": "complete", "data": [1]}}',
        b'{"code": 200, "data": {"callbackType": "complete", "data": [null]}}',
        b'{"code": 200, "data": {"callbackType": "complete"}',
        b'{"code": 200, "data": {"callbackType": "complete"}} {}',
    ],
)
def test_anything_but_a_callback_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        parse_callback(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"data":' * 100_000,
        b"[" * 900 + b"]" * 900,
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": ["\\\\\\"", ' + b"[" * 80 + b"]" * 80 + b"]}",
        b'{"code": ' + b"9" * 5000 + b', "data": {"callbackType": "error"}}',
        b'{"code": ' + b"9" * 30 + b', "data": {"callbackType": "error"}}',
        b'{"code": "' + b"9" * 5000 + b'", "data": {"callbackType": "error"}}',
        b'{"code": 1e999, "data": {"callbackType": "error"}}',
        b'{"code": NaN, "data": {"callbackType": "error"}}',
        b'{"code": 200, "data": {"callbackType": "text", "data": [{"id": "a", "duration": NaN}]}}',
        b'{"code": 200, "data": {"callbackType": "text", "data": [{"id": "a", "duration": Infinity}]}}',
        b'{"code": 200, "data": {"callbackType": "text", "data": [{"id": "a", "duration": 1e999}]}}',
        b'{"code": 200, "data": {"callbackType": "text", "task_id": "\xff\xfe"}}',
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": "\xc3\x28"}',
        b'{"code": 200, "data": {"callbackType": "text", "task_id": "\\ud800"}}',
        '{"code": 200, "data": {"callbackType": "text"}}'.encode("utf-16"),
    ],
    ids=range(17),
)
def test_bombs_and_broken_text_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        parse_callback(body)


def test_the_nesting_limit_does_not_depend_on_the_callers_stack() -> None:
    body = b'{"code": 200, "data": {"callbackType": "text"}, "x": ' + DEEPEST[1:-1] + b"}"

    def from_below(frames: int) -> object:
        return from_below(frames - 1) if frames else outcome(body)

    room = sys.getrecursionlimit() // 2
    assert from_below(room) == outcome(body)
    assert outcome(body) is not None
    assert outcome(body.replace(DEEPEST[1:-1], DEEPEST)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"code": 200, "data": {"callbackType": ""}}',
        b'{"code": "ok", "data": {"callbackType": "text"}}',
        b'{"code": 200, "data": {"callbackType": "text", "task_id": 7}}',
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": "\xc3\x28"}',
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": ' + b"[" * 80 + b"]" * 80 + b"}",
        b'{"code": 200, "data": {"callbackType": "text"}, "extra": "[\\"]", "more": ' + b"[" * 80 + b"]" * 80 + b"}",
    ],
    ids=range(7),
)
def test_the_quick_check_on_arrival_refuses_anything_but_a_callback(body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        callback_task_id(body)


def test_brackets_in_texts_are_not_nesting() -> None:
    lyrics = json.dumps('[Verse] {softly} \\" [' * 100)
    body = f'{{"code": 200, "data": {{"callbackType": "text", "task_id": "t", "data": [{{"prompt": {lyrics}}}]}}}}'

    assert callback_task_id(body.encode()) == "t"
    assert outcome(body.encode()) is not None


def test_a_string_that_never_ends_is_refused_in_good_time() -> None:
    body = b'{"a": ' + b"[" * (NESTING_MAX + 1) + b'"' + b'\\"' * 1_000_000

    with pytest.raises(MalformedCallback):
        parse_callback(b'"' + b'\\"[' * 300_000)
    with pytest.raises(MalformedCallback):
        parse_callback(body)


def test_errors_about_a_malformed_body_quote_none_of_it() -> None:
    body = b'{"code": "swordfish", "data": {"callbackType": "swordfish", "task_id": "swordfish", "data": "swordfish"}}'

    with pytest.raises(MalformedCallback) as caught:
        parse_callback(body)

    assert "swordfish" not in str(caught.value)


@PATIENT
@given(st.binary(max_size=300))
def test_arbitrary_bytes_end_in_a_report_or_malformed(body: bytes) -> None:
    outcome(body)


@PATIENT
@given(JSON)
def test_arbitrary_json_ends_in_a_report_or_malformed(value: object) -> None:
    outcome(json.dumps(value).encode())


@settings(PATIENT, max_examples=examples(100))
@given(CALLBACK)
def test_an_almost_valid_callback_ends_in_a_report_or_malformed(value: object) -> None:
    report = outcome(json.dumps(value, allow_nan=True).encode())

    if report is not None:
        assert callback_task_id(json.dumps(value, allow_nan=True).encode()) == report.task_id
        assert all(track.id for track in report.tracks)
        assert all(track.length_seconds is None or track.length_seconds > 0 for track in report.tracks)
        assert report.code is None or abs(report.code) < 2**31
        hash(report)


@PATIENT
@given(CALLBACK, st.data())
def test_a_callback_that_was_cut_or_altered_ends_in_a_report_or_malformed(value: object, data: st.DataObject) -> None:
    body = bytearray(json.dumps(value).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    outcome(bytes(body[: data.draw(st.integers(0, len(body)))]))


@pytest.mark.parametrize("parse", [parse_record, parse_envelope])
@PATIENT
@given(value=st.fixed_dictionaries({"code": ALMOST, "data": JSON | st.fixed_dictionaries({"response": JSON | DATA})}))
def test_arbitrary_answers_raise_nothing_else_either(parse: Callable[[bytes], object], value: object) -> None:
    try:
        parse(json.dumps(value).encode())
    except Malformed:
        assert parse is parse_record
