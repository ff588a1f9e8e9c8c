"""What can be made to happen, met over real sockets: answers that fail, callbacks that misbehave, odd tasks."""

import asyncio
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.suno.material import write_silence
from bot.sandbox.suno.troubles import SUBMIT_ERRORS, TASK_ERRORS
from tests.integration.test_sandbox_suno_world import BY_HAND, KEY, QUICK, SUBMIT, World, a_world


async def post(world: World, **changes: object) -> tuple[int, str, str]:
    """HTTP status, content type and text of a submission's answer."""
    async with world.session.post(world.suno.api_url + SUBMIT, json=world.body(**changes), headers=KEY) as answer:
        return answer.status, answer.content_type, await answer.text()


@pytest.mark.parametrize("code", list(SUBMIT_ERRORS))
async def test_each_submit_error_can_be_had_and_starts_nothing(code: str) -> None:
    async with a_world() as world:
        answer = await world.submit(title=f"[[error {code}]]")

        assert (answer["code"], answer["msg"], answer["data"]) == (*SUBMIT_ERRORS[code], None)
        assert (world.suno.submits, world.suno.credits) == (0, 10_000)


async def test_an_error_can_be_had_so_many_times_for_each_callback_address() -> None:
    async with a_world() as world:
        other = world.receiver.url.replace("t1", "t2")

        codes = [(await world.submit(prompt="[[error 455 2]]"))["code"] for _ in range(3)]
        codes_of_other = [(await world.submit(prompt="[[error 455 2]]", callBackUrl=other))["code"] for _ in range(3)]

    assert codes == codes_of_other == [455, 455, 200]


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_answers_with_a_page(status: int) -> None:
    async with a_world() as world:
        answer = await post(world, title=f"[[http {status}]]")

        assert answer[:2] == (status, "text/html")
        assert world.suno.submits == 0


async def test_a_web_page_may_come_with_http_200() -> None:
    async with a_world() as world:
        status, kind, text = await post(world, title="[[html]]")

    assert (status, kind) == (200, "text/html")
    assert text.startswith("<!doctype html>")


@pytest.mark.parametrize(("words", "started"), [("drop", 0), ("drop started", 1)])
async def test_a_connection_may_break_before_or_after_the_start(words: str, started: int) -> None:
    async with a_world() as world:
        world.suno.next_submit(words)

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await world.submit()

        assert len(world.suno.paid_tasks) == world.suno.submits == started
        assert (await world.submit())["code"] == 200


@pytest.mark.parametrize(("words", "started"), [("hold", 0), ("hold started", 1)])
async def test_an_answer_may_never_come(words: str, started: int) -> None:
    async with a_world(replace(QUICK, hold_seconds=0.1)) as world:
        world.suno.next_submit(words)

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await world.submit()

        assert world.suno.submits == started


async def test_a_started_task_whose_answer_was_lost_calls_back_all_the_same() -> None:
    async with a_world() as world:
        assert (await post(world, title="[[http 504 started]]"))[0] == 504

        await world.told(3)

        assert world.receiver.types == ["text", "first", "complete"]


async def test_an_answer_may_lack_the_task_id() -> None:
    async with a_world() as world:
        answer = await world.submit(title="[[no-task-id started]]")

        assert answer == {"code": 200, "msg": "success", "data": None}
        assert world.suno.submits == 1


async def test_the_answer_may_come_after_the_callbacks() -> None:
    async with a_world() as world:
        task_id = await world.begin(title="[[late-answer]]")

        assert world.receiver.types == ["text", "first", "complete"]
        assert world.receiver.bodies[0]["data"]["task_id"] == task_id


async def test_a_late_answer_also_comes_when_the_task_fails() -> None:
    async with a_world() as world:
        await world.begin(title="[[late-answer]][[callback-error 413]]")

        assert world.receiver.types == ["error"]


async def test_an_answer_may_be_slow_and_its_code_a_text() -> None:
    async with a_world() as world:
        loop = asyncio.get_running_loop()
        start = loop.time()

        answer = await world.submit(title="[[slow-answer 0.1]][[code-text]]")

        assert answer["code"] == "200"
        assert loop.time() - start >= 0.09


@pytest.mark.parametrize("code", list(TASK_ERRORS))
@pytest.mark.parametrize(("stage", "before"), [("text", []), ("complete", ["text", "first"])])
async def test_each_task_error_is_told_and_gives_the_credits_back(code: str, stage: str, before: list[str]) -> None:
    async with a_world() as world:
        task_id = await world.play(f"callback-error {code} {stage}", callbacks=len(before) + 1)

        failure = TASK_ERRORS[code]
        record = await world.record(task_id)
        assert world.receiver.types == [*before, "error"]
        assert (world.receiver.bodies[-1]["code"], world.receiver.bodies[-1]["msg"]) == (failure.code, failure.message)
        assert (record["status"], record["errorCode"], record["errorMessage"]) == (
            failure.status,
            failure.code,
            failure.message,
        )
        assert (world.suno.credits, world.suno.paid_tasks) == (10_000, [])


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("create-failed", "CREATE_TASK_FAILED"),
        ("generate-failed", "GENERATE_AUDIO_FAILED"),
        ("sensitive-word", "SENSITIVE_WORD_ERROR"),
    ],
)
async def test_a_task_may_end_with_each_failing_status(words: str, status: str) -> None:
    async with a_world() as world:
        task_id = await world.play(words, callbacks=1)

        assert await world.status(task_id) == status
        assert world.receiver.types == ["error"]


async def test_a_task_may_be_stuck_with_an_error() -> None:
    async with a_world() as world:
        task_id = await world.begin(title="[[stuck]]")
        await world.suno.wait_until(world.suno.tasks[task_id].judged.is_set)

        record = await world.record(task_id)

        assert (record["status"], record["errorCode"], record["response"]) == ("PENDING", 413, None)


async def test_a_silent_task_stays_pending_and_paid() -> None:
    async with a_world() as world:
        silent = await world.begin(title="[[silent]][[odd-status]]")
        await world.play(callbacks=3)

        assert await world.status(silent) == "GENERATING"
        assert len(world.suno.paid_tasks) == 2
        assert all(sent.task_id != silent for sent in world.suno.callbacks_sent)


async def test_callbacks_may_stay_away() -> None:
    async with a_world() as world:
        task_id = await world.begin(title="[[no-callbacks]]")
        await world.suno.wait_until(lambda: world.suno.tasks[task_id].ended)

        assert (await world.status(task_id), world.receiver.bodies) == ("SUCCESS", [])


@pytest.mark.parametrize(
    ("words", "types"),
    [
        ("skip first", ["text", "complete"]),
        ("complete-alone", ["complete"]),
        ("duplicate", ["text", "text", "first", "first", "complete", "complete"]),
        ("duplicate 3", ["text"] * 3 + ["first"] * 3 + ["complete"] * 3),
        ("out-of-order", ["complete", "first", "text"]),
        ("late", ["complete", "text", "first"]),
    ],
)
async def test_callbacks_come_in_other_numbers_and_orders(words: str, types: list[str]) -> None:
    async with a_world() as world:
        await world.play(words, callbacks=len(types))

        assert world.receiver.types == types


async def test_a_callback_exception_can_be_ordered() -> None:
    async with a_world() as world:
        task_id = await world.begin(title="[[callback-exception]]")
        await world.suno.wait_until(lambda: world.suno.tasks[task_id].ended)

        record = await world.record(task_id)

        assert record["status"] == "CALLBACK_EXCEPTION"
        assert len(record["response"]["sunoData"]) == 2
        assert "complete" not in world.receiver.types


@pytest.mark.parametrize(("words", "count"), [("one-track", 1), ("tracks 3", 3)])
async def test_a_task_may_have_another_number_of_tracks(words: str, count: int) -> None:
    async with a_world() as world:
        task_id = await world.play(words, callbacks=3)

        assert len(world.receiver.tracks("complete") or []) == count
        assert len((await world.record(task_id))["response"]["sunoData"]) == count


async def test_the_task_id_may_be_spelt_in_camel_case() -> None:
    async with a_world() as world:
        task_id = await world.play("camel-task-id", callbacks=3)

        assert [body["data"]["taskId"] for body in world.receiver.bodies] == [task_id] * 3
        assert not any("task_id" in body["data"] for body in world.receiver.bodies)


async def test_the_text_callback_has_three_shapes() -> None:
    async with a_world() as world:
        for words in ("skip first complete", "skip first complete]][[text-null", "skip first complete]][[text-tracks"):
            await world.play(words, callbacks=len(world.receiver.bodies) + 1)

        told = [body["data"]["data"] for body in world.receiver.bodies]

    assert told[:2] == [[], None]
    assert [track["audio_url"] for track in told[2]] == ["", ""]


async def test_moments_may_be_text() -> None:
    async with a_world() as world:
        await world.play("create-time-text", callbacks=3)

        for track in world.receiver.tracks("complete") or []:
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", track["createTime"])


@pytest.mark.parametrize(
    ("words", "finished"),
    [("documented-first", [True]), ("empty-first", [False, True]), ("duplicate 1", [True, False])],
)
async def test_the_first_callback_has_three_shapes(words: str, finished: list[bool]) -> None:
    async with a_world() as world:
        await world.play(words, callbacks=3)

        assert [bool(track["audio_url"]) for track in world.receiver.tracks("first") or []] == finished


async def test_a_track_may_stay_without_audio() -> None:
    async with a_world() as world:
        task_id = await world.play("empty-track", callbacks=3)

        record = await world.record(task_id)
        told = world.receiver.tracks("complete") or []
        assert record["status"] == "SUCCESS"
        assert [bool(track["audioUrl"]) for track in record["response"]["sunoData"]] == [False, True]
        assert [bool(track["audio_url"]) for track in told] == [False, True]


async def test_the_second_track_may_come_after_success() -> None:
    async with a_world() as world:
        task_id = await world.play("second-track-later 0.3", callbacks=3)
        told = world.receiver.tracks("complete") or []
        before = await world.record(task_id)
        await world.suno.wait_until(lambda: all(track.finished for track in world.suno.tasks[task_id].tracks))
        after = await world.record(task_id)

        assert [bool(track["audio_url"]) for track in told] == [True, False]
        shown = [[bool(track["audioUrl"]) for track in each["response"]["sunoData"]] for each in (before, after)]
        assert shown == [[True, False], [True, True]]
        assert before["status"] == after["status"] == "SUCCESS"
        assert world.receiver.types == ["text", "first", "complete"]


async def test_success_may_come_before_its_tracks() -> None:
    async with a_world() as world:
        task_id = await world.play("success-empty 2", callbacks=3)

        records = [await world.record(task_id) for _ in range(3)]

        assert world.receiver.tracks("complete") == []
        assert [record["status"] for record in records] == ["SUCCESS"] * 3
        assert [len(record["response"]["sunoData"]) for record in records] == [0, 0, 2]


async def test_titles_may_come_back_otherwise() -> None:
    async with a_world() as world:
        for words in ("complete-alone", "complete-alone]][[title-uuid", "complete-alone]][[title-empty"):
            await world.play(words, callbacks=len(world.receiver.bodies) + 1)

        plain, by_id, empty = (body["data"]["data"] for body in world.receiver.bodies)

    assert [track["title"] for track in plain] == ["Boats [[complete-alone]]"] * 2
    assert [track["title"] for track in by_id] == [track["id"] for track in by_id]
    assert [track["title"] for track in empty] == ["", ""]


@pytest.mark.parametrize("instrumental", [True, False])
async def test_without_a_title_the_tracks_are_named_after_the_uploaded_file(instrumental: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    write_silence(source, 100_000)
    async with a_world() as world:
        url = (await world.upload(source, "paper boats.mp3"))["data"]["downloadUrl"]
        default = {"defaultParamFlag": False, "style": None, "title": None, "instrumental": instrumental}
        await world.begin(uploadUrl=url, **default)
        await world.told(3)

        assert [track["title"] for track in world.receiver.tracks("complete") or []] == ["paper boats"] * 2


async def test_planned_submissions_come_in_turn_and_only_to_what_passes_the_rules() -> None:
    async with a_world(BY_HAND) as world:
        world.suno.next_submit("error 430", times=2)
        world.suno.next_submit("error 500")

        codes = [(await world.submit(**changes))["code"] for changes in ({}, {"model": None}, {}, {}, {})]

    assert codes == [430, 400, 430, 500, 200]


async def test_a_standing_order_holds_until_the_next() -> None:
    async with a_world(BY_HAND) as world:
        world.suno.script("error 455")
        codes = [(await world.submit())["code"] for _ in range(2)]
        world.suno.script()
        codes.append((await world.submit())["code"])

    assert codes == [455, 455, 200]


async def test_any_call_can_be_made_to_fail() -> None:
    async with a_world(BY_HAND) as world:
        task_id = await world.begin()
        world.suno.next_call("record-info", "error 500", times=2)
        world.suno.next_call("file-url-upload", "drop")

        path = "/api/v1/generate/record-info"
        codes = [(await world.call("GET", path, params={"taskId": task_id}))["code"] for _ in range(3)]
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await world.call("POST", "/api/file-url-upload", json={})

    assert codes == [500, 500, 200]


@pytest.mark.parametrize("words", ["error 999", "one-track", "nonsense"])
async def test_an_order_that_is_none_is_refused_at_once(words: str) -> None:
    async with a_world(BY_HAND) as world:
        with pytest.raises(ValueError, match=r"scenarios|answer"):
            world.suno.next_call("record-info", words)


async def test_stages_never_run_backwards_in_the_record() -> None:
    order = ["PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "SUCCESS"]
    async with a_world(replace(QUICK, time_scale=0.002)) as world:
        task_id = await world.begin(title="[[duplicate]][[out-of-order]]")
        seen = ["PENDING"]
        while seen[-1] != "SUCCESS":
            seen.append(await world.status(task_id))

    assert all(order.index(earlier) <= order.index(later) for earlier, later in pairwise(seen))
