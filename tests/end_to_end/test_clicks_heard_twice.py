"""Clicks on a result that two processes hear, as during a hand-over: one carries each out, and one answers."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.sandbox.discord import Message
from bot.sandbox.stand_ins import free_port, running
from tests.end_to_end.test_result_buttons import has_label, labels
from tests.end_to_end.town import Town, eventually


@pytest.fixture
async def both(town: Town) -> AsyncIterator[Town]:
    await town.start(undo_seconds=60.0)
    port = free_port()
    second = {"web_port": port, "public_url": f"http://127.0.0.1:{port}", "undo_seconds": 60.0}
    async with running(town.stand_ins, replace(town.settings, **second)):
        await town.discord.wait_ready(2)
        yield town


async def a_result(town: Town) -> Message:
    await town.extend(style="folk", title="Boats", prompt="la")
    result = await town.result()
    await town.job_in(JobState.DELIVERED)
    return result


async def settled(town: Town, message: Message, words: str) -> None:
    """The answer says so, and both processes have handled what was clicked."""

    async def look() -> bool:
        return words in message.content

    await eventually(look)
    await (await town.mia.command(town.songs, "quota")).response()
    assert words in message.content


async def test_a_vote_counts_once(both: Town) -> None:
    result = await a_result(both)

    answer = await (await both.mia.click(result, "Take 2 · 0")).response()

    await settled(both, answer, "You voted for take 2")
    await has_label(result, "Take 2 · 1")


async def test_again_is_begun_once_and_undone_once(both: Town) -> None:
    result = await a_result(both)
    answer = await (await both.mia.click(result, "Again")).response()
    await settled(both, answer, "undo")
    assert await both.app.storage.reading.intakes.open_of(both.mia.id) == 1

    await both.mia.click(answer, "Undo")

    await settled(both, answer, "Undone")
    assert labels(answer) == []
    assert await both.app.storage.reading.intakes.open_of(both.mia.id) == 0


async def test_a_result_is_deleted_once(both: Town) -> None:
    result = await a_result(both)
    more = await (await both.mia.click(result, "More…")).response()
    question = await (await both.mia.click(more, "Delete")).response()

    await both.mia.click(question, "Delete")

    await settled(both, question, "Deleted.")
    assert result.deleted


async def test_a_take_is_extended_with_one_form(both: Town) -> None:
    result = await a_result(both)

    form = await (await both.mia.click(result, "Extend 1")).opened_modal()
    await both.mia.submit_modal(form, {})
    await both.result(2)

    assert both.suno.submits == 2
