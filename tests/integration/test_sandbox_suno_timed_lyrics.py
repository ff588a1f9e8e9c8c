"""The stand-in says when words are sung, refuses what the provider would refuse, and takes credits for each answer."""

from pathlib import Path

import pytest

from bot.domain.timed_lyrics import lines_of
from bot.sandbox.suno.timed_lyrics import PATH, TIMED_REFUSALS, words_of
from bot.suno.timed_lyrics import parse_timed_lyrics
from tests.support.suno_api import BY_HAND, KEY, Caller, Json, a_caller

PAGE = Path(__file__).parents[2] / "docs" / "sandbox-suno.md"
BROKEN: dict[str, Json] = {
    "task_missing": {"taskId": None},
    "task_type": {"taskId": 5},
    "audio_missing": {"audioId": ""},
    "audio_type": {"audioId": ["x"]},
}


async def asked(caller: Caller, body: object) -> tuple[Json, bytes]:
    async with caller.session.post(caller.suno.api_url + PATH, json=body, headers=KEY) as answer:
        return await answer.json(), await answer.read()


async def finished(caller: Caller, **changes: object) -> Json:
    """A question about the first track of a task that was played to its end."""
    task_id = await caller.begin(**changes)
    await caller.suno.finish(task_id)
    return {"taskId": task_id, "audioId": caller.suno.tasks[task_id].tracks[0].id}


async def test_the_words_have_times_and_are_paid_for_each_time() -> None:
    async with a_caller(BY_HAND) as caller:
        lyrics = "[Verse]\nSails at night\n\n[Chorus]\nCarry on (carry on)"
        question = await finished(caller, instrumental=False, prompt=lyrics)
        before = caller.suno.credits
        answer, body = await asked(caller, question)
        await asked(caller, question)

        assert [line.text for line in lines_of(parse_timed_lyrics(body))] == ["Sails at night", "Carry on (carry on)"]
        first = answer["data"]["alignedWords"][0]
        assert first["word"] == "[Verse]\nSails "
        assert 0 < first["startS"] < first["endS"]
        assert caller.suno.credits == before - 1
        assert caller.suno.timed_lyrics.answered == [(question["taskId"], question["audioId"])] * 2


async def test_an_instrumental_has_no_words() -> None:
    async with a_caller(BY_HAND) as caller:
        question = await finished(caller, instrumental=True)

        assert (await asked(caller, question))[0]["data"]["alignedWords"] == []


def test_no_word_is_lost() -> None:
    lyrics = "[Intro]\n\nOne, two\nthree [whispered] four\n[End]"

    assert words_of(lyrics) == ["[Intro]\n\nOne, ", "two\n", "three ", "[whispered] four\n[End]"]


def test_the_page_lists_every_refusal() -> None:
    page = PAGE.read_text(encoding="utf-8")

    rows = [f"| {row.code} | `{row.message}` | {row.source} |" for row in TIMED_REFUSALS]
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize("row", TIMED_REFUSALS, ids=lambda row: row.name)
async def test_a_refused_question_costs_nothing(row: object) -> None:
    refusal = next(each for each in TIMED_REFUSALS if each is row)
    async with a_caller() as caller:
        answer, _ = await asked(caller, {"taskId": "a", "audioId": "b", **BROKEN[refusal.name]})

        assert (answer["code"], answer["msg"], answer["data"]) == (refusal.code, refusal.message, None)
        assert caller.suno.credits == 10_000


async def test_what_is_not_there_or_not_finished_is_not_found() -> None:
    async with a_caller(BY_HAND) as caller:
        task_id = await caller.begin()
        track_id = caller.suno.tasks[task_id].tracks[0].id
        for wrong in ({}, {"audioId": "x"}, {"taskId": "x"}):
            assert (await asked(caller, {"taskId": task_id, "audioId": track_id, **wrong}))[0]["code"] == 404


async def test_credits_rate_key_and_body_are_those_of_the_account() -> None:
    async with a_caller(BY_HAND) as caller:
        question = await finished(caller)
        assert (await asked(caller, ["x"]))[0]["code"] == 400
        caller.suno.credits = 0.4
        assert (await asked(caller, question))[0]["code"] == 429
        caller.suno.refuse_key = True
        assert (await asked(caller, question))[0]["code"] == 401
