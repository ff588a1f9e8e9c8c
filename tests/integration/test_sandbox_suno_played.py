"""Every scenario, over real sockets: answers that fail, callbacks that misbehave, odd tasks."""

import asyncio
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.suno.material import write_silence
from bot.sandbox.suno.troubles import SUBMIT_ERRORS, TASK_ERRORS
from tests.support.suno_api import BY_HAND, KEY, QUICK, SUBMIT, Caller, a_caller


async def post(caller: Caller, **changes: object) -> tuple[int, str, str]:
    """HTTP status, content type and text of a submission's answer."""
    async with caller.session.post(caller.suno.api_url + SUBMIT, json=caller.body(**changes), headers=KEY) as answer:
        return answer.status, answer.content_type, await answer.text()


@pytest.mark.parametrize("code", list(SUBMIT_ERRORS))
async def test_each_submit_error_can_be_provoked_and_starts_nothing(code: str) -> None:
    async with a_caller() as caller:
        answer = await caller.submit(title=f"[[error {code}]]")

        assert (answer["code"], answer["msg"], answer["data"]) == (*SUBMIT_ERRORS[code], None)
        assert (caller.suno.submits, caller.suno.credits) == (0, 10_000)


async def test_an_error_can_be_limited_to_a_number_of_times_per_callback_address() -> None:
    async with a_caller() as caller:
        other = caller.receiver.url.replace("t1", "t2")

        codes = [(await caller.submit(prompt="[[error 455 2]]"))["code"] for _ in range(3)]
        codes_of_other = [(await caller.submit(prompt="[[error 455 2]]", callBackUrl=other))["code"] for _ in range(3)]

    assert codes == codes_of_other == [455, 455, 200]


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_answers_with_a_page(status: int) -> None:
    async with a_caller() as caller:
        answer = await post(caller, title=f"[[http {status}]]")

        assert answer[:2] == (status, "text/html")
        assert caller.suno.submits == 0


async def test_a_web_page_may_come_with_http_200() -> None:
    async with a_caller() as caller:
        status, kind, text = await post(caller, title="[[html]]")

    assert (status, kind) == (200, "text/html")
    assert text.startswith("<!doctype html>")


@pytest.mark.parametrize(("words", "started"), [("drop", 0), ("drop started", 1)])
async def test_a_connection_may_break_before_or_after_the_start(words: str, started: int) -> None:
    async with a_caller() as caller:
        caller.suno.next_submit(words)

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.submit()

        assert len(caller.suno.paid_tasks) == caller.suno.submits == started
        assert (await caller.submit())["code"] == 200


@pytest.mark.parametrize(("words", "started"), [("hold", 0), ("hold started", 1)])
async def test_an_answer_may_never_come(words: str, started: int) -> None:
    async with a_caller(replace(QUICK, hold_seconds=0.1)) as caller:
        caller.suno.next_submit(words)

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.submit()

        assert caller.suno.submits == started


async def test_a_started_task_whose_answer_was_lost_calls_back_all_the_same() -> None:
    async with a_caller() as caller:
        assert (await post(caller, title="[[http 504 started]]"))[0] == 504

        await caller.told(3)

        assert caller.receiver.types == ["text", "first", "complete"]


async def test_an_answer_may_lack_the_task_id() -> None:
    async with a_caller() as caller:
        answer = await caller.submit(title="[[no-task-id started]]")

        assert answer == {"code": 200, "msg": "success", "data": None}
        assert caller.suno.submits == 1


async def test_the_answer_may_come_after_the_callbacks() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(title="[[late-answer]]")

        assert caller.receiver.types == ["text", "first", "complete"]
        assert caller.receiver.bodies[0]["data"]["task_id"] == task_id


async def test_a_late_answer_also_comes_when_the_task_fails() -> None:
    async with a_caller() as caller:
        await caller.begin(title="[[late-answer]][[callback-error 413]]")

        assert caller.receiver.types == ["error"]


async def test_an_answer_may_be_slow_and_its_code_a_string() -> None:
    async with a_caller() as caller:
        loop = asyncio.get_running_loop()
        start = loop.time()

        answer = await caller.submit(title="[[slow-answer 0.1]][[code-text]]")

        assert answer["code"] == "200"
        assert loop.time() - start >= 0.09


@pytest.mark.parametrize("code", list(TASK_ERRORS))
@pytest.mark.parametrize(("stage", "before"), [("text", []), ("complete", ["text", "first"])])
async def test_each_task_error_is_reported_and_gives_the_credits_back(code: str, stage: str, before: list[str]) -> None:
    async with a_caller() as caller:
        task_id = await caller.play(f"callback-error {code} {stage}", callbacks=len(before) + 1)

        failure = TASK_ERRORS[code]
        record = await caller.record(task_id)
        assert caller.receiver.types == [*before, "error"]
        assert (caller.receiver.bodies[-1]["code"], caller.receiver.bodies[-1]["msg"]) == (
            failure.code,
            failure.message,
        )
        assert (record["status"], record["errorCode"], record["errorMessage"]) == (
            failure.status,
            failure.code,
            failure.message,
        )
        assert (caller.suno.credits, caller.suno.paid_tasks) == (10_000, [])


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("create-failed", "CREATE_TASK_FAILED"),
        ("generate-failed", "GENERATE_AUDIO_FAILED"),
        ("sensitive-word", "SENSITIVE_WORD_ERROR"),
    ],
)
async def test_a_task_may_end_with_each_failing_status(words: str, status: str) -> None:
    async with a_caller() as caller:
        task_id = await caller.play(words, callbacks=1)

        assert await caller.status(task_id) == status
        assert caller.receiver.types == ["error"]


async def test_a_task_may_be_stuck_with_an_error() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(title="[[stuck]]")
        await caller.suno.wait_until(caller.suno.tasks[task_id].judged.is_set)

        record = await caller.record(task_id)

        assert (record["status"], record["errorCode"], record["response"]) == ("PENDING", 413, None)


async def test_a_silent_task_stays_pending_and_paid() -> None:
    async with a_caller() as caller:
        silent = await caller.begin(title="[[silent]][[odd-status]]")
        await caller.play(callbacks=3)

        assert await caller.status(silent) == "GENERATING"
        assert len(caller.suno.paid_tasks) == 2
        assert all(sent.task_id != silent for sent in caller.suno.callbacks_sent)


async def test_callbacks_may_stay_away() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(title="[[no-callbacks]]")
        await caller.suno.wait_until(lambda: caller.suno.tasks[task_id].ended)

        assert (await caller.status(task_id), caller.receiver.bodies) == ("SUCCESS", [])


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
async def test_callbacks_may_be_left_out_repeated_or_reordered(words: str, types: list[str]) -> None:
    async with a_caller() as caller:
        await caller.play(words, callbacks=len(types))

        assert caller.receiver.types == types


async def test_a_callback_exception_can_be_ordered() -> None:
    async with a_caller() as caller:
        task_id = await caller.begin(title="[[callback-exception]]")
        await caller.suno.wait_until(lambda: caller.suno.tasks[task_id].ended)

        record = await caller.record(task_id)

        assert record["status"] == "CALLBACK_EXCEPTION"
        assert len(record["response"]["sunoData"]) == 2
        assert "complete" not in caller.receiver.types


@pytest.mark.parametrize(("words", "count"), [("one-track", 1), ("tracks 3", 3)])
async def test_a_task_may_have_another_number_of_tracks(words: str, count: int) -> None:
    async with a_caller() as caller:
        task_id = await caller.play(words, callbacks=3)

        assert len(caller.receiver.tracks("complete") or []) == count
        assert len((await caller.record(task_id))["response"]["sunoData"]) == count


async def test_the_task_id_may_be_spelt_in_camel_case() -> None:
    async with a_caller() as caller:
        task_id = await caller.play("camel-task-id", callbacks=3)

        assert [body["data"]["taskId"] for body in caller.receiver.bodies] == [task_id] * 3
        assert not any("task_id" in body["data"] for body in caller.receiver.bodies)


async def test_the_text_callback_has_three_shapes() -> None:
    async with a_caller() as caller:
        for words in ("skip first complete", "skip first complete]][[text-null", "skip first complete]][[text-tracks"):
            await caller.play(words, callbacks=len(caller.receiver.bodies) + 1)

        told = [body["data"]["data"] for body in caller.receiver.bodies]

    assert told[:2] == [[], None]
    assert [track["audio_url"] for track in told[2]] == ["", ""]


async def test_times_may_be_text() -> None:
    async with a_caller() as caller:
        await caller.play("create-time-text", callbacks=3)

        for track in caller.receiver.tracks("complete") or []:
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", track["createTime"])


@pytest.mark.parametrize(
    ("words", "finished"),
    [("documented-first", [True]), ("empty-first", [False, True]), ("duplicate 1", [True, False])],
)
async def test_the_first_callback_has_three_shapes(words: str, finished: list[bool]) -> None:
    async with a_caller() as caller:
        await caller.play(words, callbacks=3)

        assert [bool(track["audio_url"]) for track in caller.receiver.tracks("first") or []] == finished


async def test_a_track_may_stay_without_audio() -> None:
    async with a_caller() as caller:
        task_id = await caller.play("empty-track", callbacks=3)

        record = await caller.record(task_id)
        told = caller.receiver.tracks("complete") or []
        assert record["status"] == "SUCCESS"
        assert [bool(track["audioUrl"]) for track in record["response"]["sunoData"]] == [False, True]
        assert [bool(track["audio_url"]) for track in told] == [False, True]


async def test_the_second_track_may_come_after_success() -> None:
    async with a_caller() as caller:
        task_id = await caller.play("second-track-later 0.3", callbacks=3)
        told = caller.receiver.tracks("complete") or []
        before = await caller.record(task_id)
        await caller.suno.wait_until(lambda: all(track.finished for track in caller.suno.tasks[task_id].tracks))
        after = await caller.record(task_id)

        assert [bool(track["audio_url"]) for track in told] == [True, False]
        shown = [[bool(track["audioUrl"]) for track in each["response"]["sunoData"]] for each in (before, after)]
        assert shown == [[True, False], [True, True]]
        assert before["status"] == after["status"] == "SUCCESS"
        assert caller.receiver.types == ["text", "first", "complete"]


async def test_success_may_come_before_its_tracks() -> None:
    async with a_caller() as caller:
        task_id = await caller.play("success-empty 2", callbacks=3)

        records = [await caller.record(task_id) for _ in range(3)]

        assert caller.receiver.tracks("complete") == []
        assert [record["status"] for record in records] == ["SUCCESS"] * 3
        assert [len(record["response"]["sunoData"]) for record in records] == [0, 0, 2]


async def test_titles_may_come_back_changed() -> None:
    async with a_caller() as caller:
        for words in ("complete-alone", "complete-alone]][[title-uuid", "complete-alone]][[title-empty"):
            await caller.play(words, callbacks=len(caller.receiver.bodies) + 1)

        plain, by_id, empty = (body["data"]["data"] for body in caller.receiver.bodies)

    assert [track["title"] for track in plain] == ["Boats [[complete-alone]]"] * 2
    assert [track["title"] for track in by_id] == [track["id"] for track in by_id]
    assert [track["title"] for track in empty] == ["", ""]


@pytest.mark.parametrize("instrumental", [True, False])
async def test_without_a_title_the_tracks_are_named_after_the_uploaded_file(instrumental: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.mp3"
    write_silence(source, 100_000)
    async with a_caller() as caller:
        url = (await caller.upload(source, "paper boats.mp3"))["data"]["downloadUrl"]
        default = {"defaultParamFlag": False, "style": None, "title": None, "instrumental": instrumental}
        await caller.begin(uploadUrl=url, **default)
        await caller.told(3)

        assert [track["title"] for track in caller.receiver.tracks("complete") or []] == ["paper boats"] * 2


async def test_planned_submissions_come_in_turn_and_only_to_what_passes_the_rules() -> None:
    async with a_caller(BY_HAND) as caller:
        caller.suno.next_submit("error 430", times=2)
        caller.suno.next_submit("error 500")

        codes = [(await caller.submit(**changes))["code"] for changes in ({}, {"model": None}, {}, {}, {})]

    assert codes == [430, 400, 430, 500, 200]


async def test_a_standing_order_holds_until_the_next() -> None:
    async with a_caller(BY_HAND) as caller:
        caller.suno.script("error 455")
        codes = [(await caller.submit())["code"] for _ in range(2)]
        caller.suno.script()
        codes.append((await caller.submit())["code"])

    assert codes == [455, 455, 200]


async def test_any_call_can_be_made_to_fail() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        caller.suno.next_call("record-info", "error 500", times=2)
        caller.suno.next_call("file-url-upload", "drop")

        path = "/api/v1/generate/record-info"
        codes = [(await caller.call("GET", path, params={"taskId": task_id}))["code"] for _ in range(3)]
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await caller.call("POST", "/api/file-url-upload", json={})

    assert codes == [500, 500, 200]


@pytest.mark.parametrize("words", ["error 999", "one-track", "nonsense"])
async def test_an_unknown_order_is_refused_at_once(words: str) -> None:
    async with a_caller(BY_HAND) as caller:
        with pytest.raises(ValueError, match=r"scenarios|answer"):
            caller.suno.next_call("record-info", words)


async def test_stages_never_run_backwards_in_the_record() -> None:
    order = ["PENDING", "TEXT_SUCCESS", "FIRST_SUCCESS", "SUCCESS"]
    async with a_caller(replace(QUICK, time_scale=0.002)) as caller:
        task_id = await caller.begin(title="[[duplicate]][[out-of-order]]")
        seen = ["PENDING"]
        while seen[-1] != "SUCCESS":
            seen.append(await caller.status(task_id))

    assert all(order.index(earlier) <= order.index(later) for earlier, later in pairwise(seen))
