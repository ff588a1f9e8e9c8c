"""The stand-in writes lyrics, refuses what the provider would refuse, and misbehaves when told to."""

from pathlib import Path

import pytest

from bot.sandbox.suno.envelopes import Status
from bot.sandbox.suno.lyrics import LYRICS_REFUSALS
from tests.support.suno_api import BY_HAND, KEY, Caller, Json, a_caller

PAGE = Path(__file__).parents[2] / "docs" / "sandbox-suno.md"
LYRICS = "/api/v1/lyrics"
GOOD: Json = {"prompt": "a ferry at night"}
BROKEN: dict[str, Json] = {
    "callback_missing": {"callBackUrl": None},
    "callback_no_url": {"callBackUrl": "here"},
    "idea_missing": {"prompt": "  "},
    "idea_type": {"prompt": 5},
    "idea_too_long": {"prompt": "x" * 201},
}


async def order(caller: Caller, **changes: object) -> Json:
    body = {**GOOD, "callBackUrl": caller.receiver.url, **changes}
    async with caller.session.post(caller.suno.api_url + LYRICS, json=body, headers=KEY) as answer:
        found: Json = await answer.json()
        return found


async def record(caller: Caller, task_id: str) -> Json:
    url = f"{caller.suno.api_url}{LYRICS}/record-info"
    async with caller.session.get(url, params={"taskId": task_id}, headers=KEY) as answer:
        found: Json = await answer.json()
        return found


async def finished(caller: Caller, **changes: object) -> tuple[Json, Json]:
    """The data of the record, and the callback, of an order that was played to its end by hand."""
    task_id = (await order(caller, **changes))["data"]["taskId"]
    await caller.suno.lyrics.finish(task_id)
    return (await record(caller, task_id))["data"], caller.receiver.bodies[-1]


async def test_lyrics_are_written_told_and_paid_for() -> None:
    async with a_caller() as caller:
        answer = await order(caller)
        await caller.suno.wait_until(lambda: bool(caller.suno.callbacks_sent))
        found = (await record(caller, answer["data"]["taskId"]))["data"]

    assert (found["status"], found["type"]) == ("SUCCESS", "LYRICS")
    assert [version["status"] for version in found["response"]["data"]] == ["complete", "complete"]
    (told,) = caller.receiver.bodies
    assert (told["code"], told["data"]["callbackType"]) == (200, "complete")
    assert told["data"]["data"] == found["response"]["data"]
    assert caller.suno.credits == 9999.6
    assert caller.suno.submits == 0


async def test_nothing_is_told_before_the_end() -> None:
    async with a_caller(BY_HAND) as caller:
        found = (await record(caller, (await order(caller))["data"]["taskId"]))["data"]

    assert (found["status"], found["response"]) == ("PENDING", None)


def test_the_page_lists_every_refusal() -> None:
    page = PAGE.read_text(encoding="utf-8")

    rows = [f"| {row.code} | `{row.message}` | {row.source} |" for row in LYRICS_REFUSALS]
    assert [row for row in rows if row not in page] == []


def test_every_refusal_is_tried() -> None:
    assert set(BROKEN) == {row.name for row in LYRICS_REFUSALS}
    assert all(row.source.startswith(("observed", "documented", "inferred")) for row in LYRICS_REFUSALS)


@pytest.mark.parametrize("row", LYRICS_REFUSALS, ids=lambda row: row.name)
async def test_a_refused_order_costs_nothing(row: object) -> None:
    refusal = next(each for each in LYRICS_REFUSALS if each is row)
    async with a_caller() as caller:
        answer = await order(caller, **BROKEN[refusal.name])

        assert (answer["code"], answer["msg"], answer["data"]) == (refusal.code, refusal.message, None)
        assert caller.suno.credits == 10_000


async def test_credits_rate_and_key_are_those_of_the_account() -> None:
    async with a_caller() as caller:
        caller.suno.credits = 0.3
        assert (await order(caller))["code"] == 429
        caller.suno.refuse_key = True
        assert (await order(caller))["code"] == 401


@pytest.mark.parametrize("code", ["400", "405", "413", "430", "455", "500"])
async def test_each_error_can_be_provoked(code: str) -> None:
    async with a_caller() as caller:
        caller.suno.lyrics.next_order(f"error {code}")

        assert (await order(caller))["code"] == int(code)
        assert (await order(caller))["code"] == 200


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("generate-failed", Status.GENERATE_LYRICS_FAILED, 501),
        ("callback-error 531", Status.GENERATE_LYRICS_FAILED, 531),
        ("create-failed", Status.CREATE_TASK_FAILED, 500),
        ("sensitive-word", Status.SENSITIVE_WORD_ERROR, 400),
    ],
)
async def test_a_failed_task_says_so_and_gives_the_credits_back(words: str, status: Status, code: int) -> None:
    async with a_caller(BY_HAND) as caller:
        found, told = await finished(caller, prompt=f"a ferry [[{words}]]")

    assert (found["status"], found["errorCode"], found["response"]) == (status, code, None)
    assert (told["code"], told["data"]["callbackType"], told["data"]["data"]) == (code, "error", None)
    assert caller.suno.credits == 10_000


async def test_records_and_callbacks_may_be_odd() -> None:
    async with a_caller(BY_HAND) as caller:
        caller.suno.lyrics.next_order("success-empty 1", "camel-task-id", "one-track")
        found, told = await finished(caller)
        again = (await record(caller, found["taskId"]))["data"]

    assert (found["status"], found["response"]["data"], told["data"]["data"]) == ("SUCCESS", [], [])
    assert told["data"]["taskId"] == found["taskId"]
    assert len(again["response"]["data"]) == 1


async def test_an_unknown_task_is_denied() -> None:
    async with a_caller() as caller:
        assert (await record(caller, "x"))["code"] == 404
        assert (await record(caller, ""))["code"] == 400
