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
from tests.integration.test_sandbox_suno_world import BY_HAND, KEY, QUICK, SUBMIT, a_world


async def test_a_task_lives_through_all_stages_and_tells_each() -> None:
    async with a_world() as world:
        task_id = await world.begin()

        await world.told(3)

        assert world.receiver.types == ["text", "first", "complete"]
        assert {body["data"]["task_id"] for body in world.receiver.bodies} == {task_id}
        record = await world.record(task_id)
        assert record["status"] == "SUCCESS"
        told = world.receiver.bodies[-1]["data"]["data"]
        assert [track["id"] for track in told] == [track["id"] for track in record["response"]["sunoData"]]
        assert all(type(track["createTime"]) is int for track in told)
        assert json.loads(record["param"]) == world.body()


async def test_stages_come_one_by_one_by_hand() -> None:
    async with a_world(BY_HAND) as world:
        task_id = await world.begin()

        seen = [await world.status(task_id)]
        for stage in ("text", "first", "complete"):
            assert await world.suno.finish(task_id, stage) == 200
            seen.append(await world.status(task_id))

        assert seen == ["PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "SUCCESS"]
        first = world.receiver.tracks("first")
        assert [bool(track["audio_url"]) for track in first or []] == [True, False]


async def test_a_task_never_goes_back() -> None:
    async with a_world(BY_HAND) as world:
        task_id = await world.begin()
        await world.suno.finish(task_id, "complete")

        await world.suno.finish(task_id, "text")
        await world.suno.fail(task_id, 500)

        assert world.receiver.types == ["complete"]
        assert await world.status(task_id) == "SUCCESS"


async def test_a_callback_can_be_sent_again_by_hand() -> None:
    async with a_world(BY_HAND) as world:
        task_id = await world.begin()
        await world.suno.finish(task_id)

        assert await world.suno.resend(task_id) == 200

        assert world.receiver.bodies[0] == world.receiver.bodies[1]


async def test_a_refused_submission_starts_and_costs_nothing() -> None:
    async with a_world() as world:
        answer = await world.submit(continueAt=None)

        assert answer == {"code": 400, "msg": "continueAt cannot be null", "data": None}
        assert (world.suno.submits, await world.credits()) == (0, 10_000)


@pytest.mark.parametrize("key", [None, "Bearer wrong", "sandbox-suno-key"])
async def test_without_the_key_nothing_is_told(key: str | None) -> None:
    async with a_world() as world:
        headers = {"Authorization": key} if key else {}

        for path in ("/api/v1/generate/credit", "/api/v1/generate/record-info?taskId=1"):
            async with world.session.get(world.suno.api_url + path, headers=headers) as answer:
                assert (answer.status, await answer.json()) == (
                    200,
                    {"code": 401, "msg": "You do not have access permissions", "data": None},
                )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SUBMIT), ("POST", "/api/v1/generate/credit"), ("GET", "/api/v1/get-credits")],
)
async def test_a_wrong_path_or_method_is_404_in_an_envelope(method: str, path: str) -> None:
    async with a_world() as world:
        assert (await world.call(method, path))["code"] == 404


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with a_world() as world:
        assert (await world.call("POST", SUBMIT, data=b"{"))["code"] == 400


async def test_real_http_statuses_can_be_had() -> None:
    async with a_world(SunoOptions(real_http_status=True, audio=False)) as world:
        url = world.suno.api_url + SUBMIT
        async with world.session.post(url, json={}, headers=KEY) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 400)


@pytest.mark.parametrize(("choice", "code"), [(UnknownTask.CODE_404, 404), (UnknownTask.DATA_NULL, 200)])
async def test_an_unknown_task_is_told_as_chosen(choice: UnknownTask, code: int) -> None:
    async with a_world(SunoOptions(unknown_task=choice)) as world:
        answer = await world.call("GET", "/api/v1/generate/record-info", params={"taskId": "0" * 32})

    assert (answer["code"], answer["data"]) == (code, None)


async def test_credits_are_taken_and_when_they_are_gone_submissions_are_refused() -> None:
    async with a_world(replace(BY_HAND, credits=30)) as world:
        codes = [(await world.submit())["code"] for _ in range(3)]

        assert codes == [200, 200, 429]
        assert await world.credits() == 6
        assert len(world.suno.paid_tasks) == world.suno.submits == 2


async def test_a_failed_task_gives_its_credits_back() -> None:
    async with a_world(BY_HAND) as world:
        task_id = await world.begin()
        before = await world.credits()

        assert await world.suno.fail(task_id, 531) == 200

        assert (before, await world.credits()) == (9_988, 10_000)
        assert world.suno.paid_tasks == []
        assert await world.status(task_id) == "GENERATE_AUDIO_FAILED"


async def test_too_many_submissions_are_refused_without_a_task() -> None:
    async with a_world(replace(BY_HAND, rate_limit=2, rate_window_seconds=600)) as world:
        answers = [await world.submit() for _ in range(3)]

        assert [answer["code"] for answer in answers] == [200, 200, 430]
        assert answers[2]["msg"] == "Your call frequency is too high. Please try again later."
        assert len(world.suno.paid_tasks) == world.suno.submits == 2


async def test_an_unanswered_callback_is_sent_again_until_it_is() -> None:
    async with a_world() as world:
        world.receiver.statuses = [500, 404, 204]

        await world.begin(title="[[complete-alone]]")
        await world.told(4)

        assert [(sent.attempt, sent.status) for sent in world.suno.callbacks_sent] == [
            (1, 500),
            (2, 404),
            (3, 204),
            (4, 200),
        ]


async def test_a_receiver_that_hangs_has_not_answered() -> None:
    async with a_world(replace(QUICK, callback_timeout_seconds=0.1)) as world:
        world.receiver.hangs = 1
        await world.begin(title="[[complete-alone]]")
        await world.told(2)

        assert [(sent.status, sent.error) for sent in world.suno.callbacks_sent] == [(None, "TimeoutError"), (200, "")]


async def test_a_receiver_that_hangs_does_not_hold_up_the_task() -> None:
    async with a_world(replace(QUICK, callback_timeout_seconds=60)) as world:
        world.receiver.hangs = 1
        task_id = await world.begin()

        await world.suno.wait_until(lambda: world.suno.tasks[task_id].ended)

        assert await world.status(task_id) == "SUCCESS"
        assert world.receiver.types == ["text"]


async def test_a_lost_complete_ends_as_an_exception_with_its_tracks() -> None:
    async with a_world() as world:
        world.receiver.statuses = [500] * 4

        task_id = await world.begin(title="[[complete-alone]]")
        await world.suno.wait_until(lambda: world.suno.tasks[task_id].status == "CALLBACK_EXCEPTION")

        assert len(world.receiver.bodies) == 4
        assert len((await world.record(task_id))["response"]["sunoData"]) == 2


async def test_a_callback_address_where_nobody_is_stops_nothing() -> None:
    async with a_world() as world:
        task_id = await world.begin(callBackUrl="http://127.0.0.1:9/nobody")

        await world.suno.wait_until(lambda: world.suno.tasks[task_id].ended)

        assert await world.status(task_id) in {"SUCCESS", "CALLBACK_EXCEPTION"}


async def test_callbacks_are_signed_where_a_key_is_set() -> None:
    async with a_world(replace(BY_HAND, webhook_key="k")) as world:
        await world.suno.finish(await world.begin())

    assert {"X-Webhook-Timestamp", "X-Webhook-Signature"} <= set(world.receiver.headers[0])


async def test_calls_are_remembered_without_the_key() -> None:
    async with a_world() as world:
        await world.begin(title="Remember me")

        request = next(r for r in world.suno.requests if r.path.endswith("upload-extend"))

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
    async with a_world() as world:
        task_id = await world.begin(**changes)

        await world.told(1)

        record = await world.record(task_id)
        assert (record["status"], record["errorCode"]) == ("CREATE_TASK_FAILED", code)
        assert world.receiver.bodies[0]["code"] == code
        assert await world.credits() == 10_000


async def test_a_source_that_is_no_audio_makes_the_task_fail(tmp_path: Path) -> None:
    async with a_world() as world:
        text = tmp_path / "notes.mp3"
        text.write_bytes(b"no music here" * 100)
        url = (await world.upload(text, "notes.mp3"))["data"]["downloadUrl"]

        await world.begin(uploadUrl=url)
        await world.told(1)

        assert world.receiver.bodies[0]["msg"] == "Audio format not supported"


@pytest.mark.parametrize(("model", "seconds"), [("V5", 481), ("V4_5ALL", 61)])
async def test_a_source_longer_than_the_model_takes_makes_the_task_fail(
    tmp_path: Path, model: str, seconds: int
) -> None:
    async with a_world() as world:
        long = tmp_path / "long.mp3"
        assert write_silence(long, seconds * 40_000) > seconds - 1
        url = (await world.upload(long, "long.mp3"))["data"]["downloadUrl"]

        await world.begin(uploadUrl=url, model=model)
        await world.told(1)

        assert world.receiver.bodies[0]["msg"] == "The uploaded audio exceeds the maximum length"


async def test_the_end_may_come_at_any_moment() -> None:
    async with asyncio.TaskGroup() as group:
        async with a_world(replace(QUICK, callback_timeout_seconds=60)) as world:
            world.receiver.hangs = 1
            running = await world.begin(title="[[complete-alone]]")
            await world.suno.wait_until(lambda: world.suno.tasks[running].ended)
            held = [
                group.create_task(
                    _hears_nothing(world.session.post(world.suno.api_url + SUBMIT, json=body, headers=KEY))
                )
                for body in (
                    world.body(title="[[hold]]"),
                    world.body(title="[[hold started]]"),
                    world.body(title="[[late-answer]][[silent]]"),
                )
            ]
            await world.suno.wait_until(lambda: world.suno.submits == 3)
            leaving = asyncio.get_running_loop().time()

        assert asyncio.get_running_loop().time() - leaving < 10
    assert all(task.done() for task in held)


async def _hears_nothing(call: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with call:
            pass
