"""What the operator's account meets: a refused key, models that are gone, slow answers, tasks from before."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from tests.support.suno_api import BY_HAND, KEY, QUICK, a_caller

RECORD = "/api/v1/generate/record-info"
CALLS = [
    ("POST", "/api/v1/generate/upload-extend"),
    ("GET", RECORD),
    ("GET", "/api/v1/generate/credit"),
    ("POST", "/api/file-stream-upload"),
    ("POST", "/api/file-base64-upload"),
    ("POST", "/api/file-url-upload"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_the_key_can_be_refused_for_a_while_by_every_call(method: str, path: str) -> None:
    async with a_caller() as caller:
        before = (await caller.call(method, path, json={}))["code"]
        caller.suno.refuse_key = True
        refused = (await caller.call(method, path, json={}))["code"]
        caller.suno.refuse_key = False
        after = (await caller.call(method, path, json={}))["code"]

        assert before == after != 401
        assert refused == 401


async def test_a_retired_model_is_refused_and_the_others_are_not() -> None:
    async with a_caller(replace(QUICK, retired_models=frozenset({"V3_5"}))) as caller:
        answers = [await caller.submit(model=model) for model in ("V3_5", "V4")]

        assert [answer["code"] for answer in answers] == [400, 200]
        assert answers[0]["msg"] == "model is not supported"


async def test_a_model_can_retire_while_the_service_runs() -> None:
    async with a_caller() as caller:
        before = await caller.submit(model="V3_5")
        caller.suno.retired_models.add("V3_5")

        assert (before["code"], (await caller.submit(model="V3_5"))["code"]) == (200, 400)


async def test_hundreds_of_calls_at_once_are_each_answered_after_the_latency() -> None:
    many = 500
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        caller.suno.latency_seconds = 0.2
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=KEY) as session, asyncio.timeout(many * 0.2 / 4):

            async def ask() -> int:
                url = f"{caller.suno.api_url}{RECORD}?taskId={task_id}"
                async with session.get(url) as answer:
                    code: int = (await answer.json())["code"]
                    return code

            assert await asyncio.gather(*(ask() for _ in range(many))) == [200] * many


async def test_a_task_from_before_is_pending_until_it_is_finished_by_hand() -> None:
    async with a_caller(BY_HAND) as caller:
        await caller.suno.adopt("task-from-before", caller.receiver.url)
        before = await caller.record("task-from-before")

        assert await caller.suno.finish("task-from-before") == 200

        after = await caller.record("task-from-before")
        assert (before["status"], after["status"]) == ("PENDING", "SUCCESS")
        assert caller.receiver.types == ["complete"]
        assert len(caller.receiver.tracks("complete") or []) == 2
