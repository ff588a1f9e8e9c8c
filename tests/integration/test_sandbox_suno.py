"""The stand-in over real sockets: submissions, the life of a task, callbacks, credits."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.suno import SunoOptions, UnknownTask
from bot.sandbox.suno.material import write_silence
from tests.support.suno_api import BY_HAND, KEY, QUICK, SUBMIT, a_caller


async def test_a_task_passes_through_all_stages_and_reports_each() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin()

        await caller.told(3)

        assert caller.receiver.types == ["text", "first", "complete"]
        assert {body["data"]["task_id"] for body in caller.receiver.bodies} == {task_id}
        record = await caller.record(task_id)
        assert record["status"] == "SUCCESS"
        told = caller.receiver.bodies[-1]["data"]["data"]
        assert [track["id"] for track in told] == [track["id"] for track in record["response"]["sunoData"]]
        assert all(type(track["createTime"]) is int for track in told)
        assert json.loads(record["param"]) == caller.body()


async def test_stages_come_one_by_one_by_hand() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()

        seen = [await caller.status(task_id)]
        for stage in ("text", "first", "complete"):
            assert await caller.suno.finish(task_id, stage) == 200
            seen.append(await caller.status(task_id))

        assert seen == ["PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "SUCCESS"]
        first = caller.receiver.tracks("first")
        assert [bool(track["audio_url"]) for track in first or []] == [True, False]


async def test_a_task_never_goes_back() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        await caller.suno.finish(task_id, "complete")

        await caller.suno.finish(task_id, "text")
        await caller.suno.fail(task_id, 500)

        assert caller.receiver.types == ["complete"]
        assert await caller.status(task_id) == "SUCCESS"


async def test_a_callback_can_be_sent_again_by_hand() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        await caller.suno.finish(task_id)

        assert await caller.suno.resend(task_id) == 200

        assert caller.receiver.bodies[0] == caller.receiver.bodies[1]


async def test_a_refused_submission_starts_and_costs_nothing() -> None:
    async with a_caller() as caller:
        answer = await caller.submit(continueAt=None)

        assert answer == {"code": 400, "msg": "continueAt cannot be null", "data": None}
        assert (caller.suno.submits, await caller.credits()) == (0, 10_000)


@pytest.mark.parametrize("key", [None, "Bearer wrong", "sandbox-suno-key"])
async def test_without_the_key_every_call_is_refused(key: str | None) -> None:
    async with a_caller() as caller:
        headers = {"Authorization": key} if key else {}

        for path in ("/api/v1/generate/credit", "/api/v1/generate/record-info?taskId=1"):
            async with caller.session.get(caller.suno.api_url + path, headers=headers) as answer:
                assert (answer.status, await answer.json()) == (
                    200,
                    {"code": 401, "msg": "You do not have access permissions", "data": None},
                )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SUBMIT), ("POST", "/api/v1/generate/credit"), ("GET", "/api/v1/get-credits")],
)
async def test_a_wrong_path_or_method_is_404_in_an_envelope(method: str, path: str) -> None:
    async with a_caller() as caller:
        assert (await caller.call(method, path))["code"] == 404


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with a_caller() as caller:
        assert (await caller.call("POST", SUBMIT, data=b"{"))["code"] == 400


async def test_real_http_statuses_can_be_turned_on() -> None:
    async with a_caller(SunoOptions(real_http_status=True, audio=False)) as caller:
        url = caller.suno.api_url + SUBMIT
        async with caller.session.post(url, json={}, headers=KEY) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 400)


@pytest.mark.parametrize(("choice", "code"), [(UnknownTask.CODE_404, 404), (UnknownTask.DATA_NULL, 200)])
async def test_an_unknown_task_is_answered_as_configured(choice: UnknownTask, code: int) -> None:
    async with a_caller(SunoOptions(unknown_task=choice)) as caller:
        answer = await caller.call("GET", "/api/v1/generate/record-info", params={"taskId": "0" * 32})

    assert (answer["code"], answer["data"]) == (code, None)


async def test_credits_are_charged_and_submissions_refused_once_they_run_out() -> None:
    async with a_caller(replace(BY_HAND, credits=30)) as caller:
        codes = [(await caller.submit())["code"] for _ in range(3)]

        assert codes == [200, 200, 429]
        assert await caller.credits() == 6
        assert len(caller.suno.paid_tasks) == caller.suno.submits == 2


async def test_a_failed_task_gives_its_credits_back() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        before = await caller.credits()

        assert await caller.suno.fail(task_id, 531) == 200

        assert (before, await caller.credits()) == (9_988, 10_000)
        assert caller.suno.paid_tasks == []
        assert await caller.status(task_id) == "GENERATE_AUDIO_FAILED"


async def test_too_many_submissions_are_refused_without_a_task() -> None:
    async with a_caller(replace(BY_HAND, rate_limit=2, rate_window_seconds=600)) as caller:
        answers = [await caller.submit() for _ in range(3)]

        assert [answer["code"] for answer in answers] == [200, 200, 430]
        assert answers[2]["msg"] == "Your call frequency is too high. Please try again later."
        assert len(caller.suno.paid_tasks) == caller.suno.submits == 2


async def test_an_unanswered_callback_is_sent_again_until_it_is() -> None:
    async with a_caller() as caller:
        caller.receiver.statuses = [500, 404, 204]

        await caller.begin(title="[[complete-alone]]")
        await caller.told(4)

        assert [(sent.attempt, sent.status) for sent in caller.suno.callbacks_sent] == [
            (1, 500),
            (2, 404),
            (3, 204),
            (4, 200),
        ]


async def test_a_receiver_that_hangs_has_not_answered() -> None:
    async with a_caller(replace(QUICK, callback_timeout_seconds=0.1)) as caller:
        caller.receiver.hangs = 1
        await caller.begin(title="[[complete-alone]]")
        await caller.told(2)

        assert [(sent.status, sent.error) for sent in caller.suno.callbacks_sent] == [(None, "TimeoutError"), (200, "")]


async def test_a_receiver_that_hangs_does_not_hold_up_the_task() -> None:
    async with a_caller(replace(QUICK, callback_timeout_seconds=60)) as caller:
        caller.receiver.hangs = 1
        task_id = await caller.begin()

        await caller.suno.wait_until(lambda: caller.suno.tasks[task_id].ended)

        assert await caller.status(task_id) == "SUCCESS"
        assert caller.receiver.types == ["text"]


async def test_a_lost_complete_ends_as_an_exception_with_its_tracks() -> None:
    async with a_caller() as caller:
        caller.receiver.statuses = [500] * 4

        task_id = await caller.begin(title="[[complete-alone]]")
        await caller.suno.wait_until(lambda: caller.suno.tasks[task_id].status == "CALLBACK_EXCEPTION")

        assert len(caller.receiver.bodies) == 4
        assert len((await caller.record(task_id))["response"]["sunoData"]) == 2


async def test_a_callback_address_that_nobody_serves_stops_nothing() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(callBackUrl="http://127.0.0.1:9/nobody")

        await caller.suno.wait_until(lambda: caller.suno.tasks[task_id].ended)

        assert await caller.status(task_id) in {"SUCCESS", "CALLBACK_EXCEPTION"}


async def test_callbacks_are_signed_when_a_key_is_set() -> None:
    async with a_caller(replace(BY_HAND, webhook_key="k")) as caller:
        await caller.suno.finish(await caller.begin())

    assert {"X-Webhook-Timestamp", "X-Webhook-Signature"} <= set(caller.receiver.headers[0])


async def test_calls_are_remembered_without_the_key() -> None:
    async with a_caller() as caller:
        await caller.begin(title="Remember me")

        request = next(r for r in caller.suno.requests if r.path.endswith("upload-extend"))

        assert (request.method, (request.json or {})["title"]) == ("POST", "Remember me")
        assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"uploadUrl": "http://127.0.0.1:9/gone.mp3"}, 451),
        ({"continueAt": 10.6}, 400),
        ({"continueAt": 400}, 400),
    ],
)
async def test_a_source_that_cannot_be_used_makes_the_task_fail(changes: dict[str, object], code: int) -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(**changes)

        await caller.told(1)

        record = await caller.record(task_id)
        assert (record["status"], record["errorCode"]) == ("CREATE_TASK_FAILED", code)
        assert caller.receiver.bodies[0]["code"] == code
        assert await caller.credits() == 10_000


async def test_a_source_that_is_no_audio_makes_the_task_fail(tmp_path: Path) -> None:
    async with a_caller() as caller:
        text = tmp_path / "notes.mp3"
        text.write_bytes(b"no music here" * 100)
        url = (await caller.upload(text, "notes.mp3"))["data"]["downloadUrl"]

        await caller.begin(uploadUrl=url)
        await caller.told(1)

        assert caller.receiver.bodies[0]["msg"] == "Audio format not supported"


@pytest.mark.parametrize(("model", "seconds"), [("V5", 481), ("V4_5ALL", 61)])
async def test_a_source_longer_than_the_model_takes_makes_the_task_fail(
    tmp_path: Path, model: str, seconds: int
) -> None:
    async with a_caller() as caller:
        long = tmp_path / "long.mp3"
        assert write_silence(long, seconds * 40_000) > seconds - 1
        url = (await caller.upload(long, "long.mp3"))["data"]["downloadUrl"]

        await caller.begin(uploadUrl=url, model=model)
        await caller.told(1)

        assert caller.receiver.bodies[0]["msg"] == "The uploaded audio exceeds the maximum length"


async def test_it_can_be_stopped_at_any_moment() -> None:
    async with asyncio.TaskGroup() as group:
        async with a_caller(replace(QUICK, callback_timeout_seconds=60)) as caller:
            caller.receiver.hangs = 1
            running = await caller.begin(title="[[complete-alone]]")
            await caller.suno.wait_until(lambda: caller.suno.tasks[running].ended)
            held = [
                group.create_task(
                    _hears_nothing(caller.session.post(caller.suno.api_url + SUBMIT, json=body, headers=KEY))
                )
                for body in (
                    caller.body(title="[[hold]]"),
                    caller.body(title="[[hold started]]"),
                    caller.body(title="[[late-answer]][[silent]]"),
                )
            ]
            await caller.suno.wait_until(lambda: caller.suno.submits == 3)
            leaving = asyncio.get_running_loop().time()

        assert asyncio.get_running_loop().time() - leaving < 10
    assert all(task.done() for task in held)


async def _hears_nothing(call: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with call:
            pass
