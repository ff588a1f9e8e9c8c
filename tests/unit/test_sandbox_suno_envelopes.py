"""What the stand-in sends has the shape of the recorded messages, key by key and type by type."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.suno import tasks
from bot.sandbox.suno.envelopes import Links, Stage, Status, signature_headers
from bot.sandbox.suno.scenarios import scenario_of
from bot.sandbox.suno.tasks import Task
from bot.sandbox.suno.troubles import CREATE_FAILED, SENSITIVE_WORD, TASK_ERRORS, Scenario, TaskFailure, TextData

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
LINKS = Links(base="http://127.0.0.1:1")


def recorded(name: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return message


def a_task(scenario: Scenario | None = None) -> Task:
    task = tasks.new_task(recorded("request-custom-vocal"), scenario or Scenario(), cost=12, accepted_at=0)
    for track in task.tracks:
        track.duration = 198.44
    return task


def shape(value: object) -> object:
    """The keys and types of a message, its values left out; integers and fractions count as the same."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str):
        return "text" if value else ""
    return "number" if isinstance(value, int | float) else value


@pytest.mark.parametrize(
    ("fixture", "stage", "scenario"),
    [
        ("callback-text", Stage.TEXT, Scenario()),
        ("callback-text-null", Stage.TEXT, Scenario(text_data=TextData.NULL)),
        ("callback-text-with-tracks", Stage.TEXT, Scenario(text_data=TextData.TRACKS)),
        ("callback-first", Stage.FIRST, Scenario()),
        ("callback-first-documented", Stage.FIRST, Scenario(documented_first=True)),
        ("callback-complete", Stage.COMPLETE, Scenario()),
        ("callback-complete-documented", Stage.COMPLETE, Scenario(create_time_text=True)),
        ("callback-complete-one-track", Stage.COMPLETE, Scenario(tracks=1)),
        ("callback-complete-camel-taskid", Stage.COMPLETE, Scenario(camel_task_id=True)),
    ],
)
def test_callbacks_have_the_recorded_shape(fixture: str, stage: Stage, scenario: Scenario) -> None:
    task = a_task(scenario)
    tasks.reach(task, stage)

    sent = tasks.stage_callback(task, stage, LINKS).body

    assert shape(sent) == shape(recorded(fixture))
    assert sent["msg"] == recorded(fixture)["msg"]


@pytest.mark.parametrize(
    ("fixture", "failure"),
    [
        ("callback-error", TASK_ERRORS["400"]),
        ("callback-error-400-lyrics", TASK_ERRORS["400-lyrics"]),
        ("callback-error-408", TASK_ERRORS["408"]),
        ("callback-error-413", TASK_ERRORS["413"]),
        ("callback-error-451", TASK_ERRORS["451"]),
        ("callback-error-500", TASK_ERRORS["500"]),
        ("callback-error-501", TASK_ERRORS["501"]),
        ("callback-error-531", TASK_ERRORS["531"]),
    ],
)
def test_error_callbacks_are_the_recorded_ones(fixture: str, failure: TaskFailure) -> None:
    task = a_task()

    sent = tasks.error_callback(task, failure).body

    expected = recorded(fixture)
    expected["data"]["task_id"] = task.id
    assert sent == expected


@pytest.mark.parametrize(
    ("fixture", "stage"),
    [
        ("record-info-pending", None),
        ("record-info-text-success", Stage.TEXT),
        ("record-info-first-success", Stage.FIRST),
        ("record-info-success", Stage.COMPLETE),
    ],
)
def test_records_have_the_recorded_shape(fixture: str, stage: Stage | None) -> None:
    task = a_task()
    if stage is not None:
        tasks.reach(task, stage)

    told = tasks.record_of(task, LINKS)

    assert shape(told) == shape(recorded(fixture)["data"])
    assert told["status"] == recorded(fixture)["data"]["status"]
    assert told["param"] == recorded(fixture)["data"]["param"]


@pytest.mark.parametrize(
    ("fixture", "failure"),
    [
        ("record-info-create-task-failed", CREATE_FAILED),
        ("record-info-generate-audio-failed", TASK_ERRORS["501"]),
        ("record-info-sensitive-word-error", SENSITIVE_WORD),
    ],
)
def test_records_of_failures_have_the_recorded_errors(fixture: str, failure: TaskFailure) -> None:
    task = a_task()
    tasks.fail(task, failure)

    told = tasks.record_of(task, LINKS)

    expected = recorded(fixture)["data"]
    assert shape(told) == shape(expected)
    for key in ("status", "errorCode", "errorMessage"):
        assert told[key] == expected[key]


@pytest.mark.parametrize(
    ("fixture", "words"),
    [
        ("record-info-callback-exception", "callback-exception"),
        ("record-info-callback-exception-empty", "callback-exception empty"),
    ],
)
def test_a_callback_exception_may_have_tracks_or_not(fixture: str, words: str) -> None:
    task = a_task(scenario_of([words]))
    tasks.reach(task, Stage.COMPLETE)

    told = tasks.record_of(task, LINKS)

    assert told["status"] == Status.CALLBACK_EXCEPTION
    assert shape(told) == shape(recorded(fixture)["data"])


def test_a_stuck_record_is_pending_with_an_error() -> None:
    task = a_task(scenario_of(["stuck"]))

    told = tasks.record_of(task, LINKS)

    assert shape(told) == shape(recorded("record-info-pending-with-error")["data"])
    assert (told["status"], told["errorCode"]) == ("PENDING", 413)


def test_record_and_callback_agree_about_every_track() -> None:
    task = a_task()
    tasks.reach(task, Stage.COMPLETE)

    callback: Any = tasks.stage_callback(task, Stage.COMPLETE, LINKS).body["data"]
    record: Any = tasks.record_of(task, LINKS)["response"]

    assert callback["task_id"] == record["taskId"] == task.id
    for told, polled in zip(callback["data"], record["sunoData"], strict=True):
        assert list(told.values()) == list(polled.values())


def test_a_track_that_never_gets_audio_stays_without_it() -> None:
    task = a_task(replace(Scenario(), empty_track=True))

    for stage in (Stage.TEXT, Stage.FIRST, Stage.COMPLETE):
        tasks.reach(task, stage)

    assert [track.finished for track in task.tracks] == [False, True]


def test_the_signature_is_the_recorded_one() -> None:
    vector = recorded("kie-webhook-signature-vector")
    timestamp = int(vector["headers"]["X-Webhook-Timestamp"])

    assert signature_headers(vector["webhookHmacKey"], vector["task_id"], timestamp) == vector["headers"]
