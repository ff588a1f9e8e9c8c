"""Two processes that get the same clicks and commands, as during a hand-over: each is carried out by one of them."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.sandbox.discord import Message
from bot.sandbox.stand_ins import free_port, running
from bot.services.operator.pause import PAUSE
from tests.end_to_end.test_sending_again import send_again
from tests.end_to_end.town import Town, ended, ends, eventually


@pytest.fixture
async def both(town: Town) -> AsyncIterator[Town]:
    await town.start()
    port = free_port()
    async with running(town.stand_ins, replace(town.settings, web_port=port, public_url=f"http://127.0.0.1:{port}")):
        await town.discord.wait_ready(2)
        yield town


async def test_music_is_sent_again_once(both: Town) -> None:
    await both.extend(style="folk", title="Boats", prompt="la")
    await both.result()
    job = await both.job_in(JobState.DELIVERED)
    lounge = both.guild.channel("lounge")

    for number in range(1, 4):
        answer = await send_again(both, lounge, job)
        if number == 1:
            await ended(lounge)
        await answer.wait_until(lambda message: "sent" in message.content.lower())

    assert len(ends(lounge)) == 1


async def test_a_cancellation_cancels_one_job(both: Town) -> None:
    """After the first is cancelled, the same words would mean the second."""
    both.suno.credits = 0
    for title in ("Boats", "Boats again"):
        await both.extend(style="folk", title=title, prompt="la")
    jobs = both.app.storage.reading.jobs

    async def in_states(*states: JobState) -> bool:
        return sorted(job.state for job in await jobs.of_member(both.mia.id, limit=5)) == sorted(states)

    # Then no process begins to submit any more, and both jobs go back to waiting.
    await eventually(lambda: both.app.storage.reading.memos.get(PAUSE))
    await eventually(lambda: in_states(JobState.ACCEPTED, JobState.ACCEPTED))
    cancelled = await (await both.mia.command(both.songs, "cancel", job="boats")).response()
    await (await both.mia.command(both.songs, "quota")).response()

    assert cancelled.content == "Cancelled **Boats**. This didn't use up an extension."
    assert await in_states(JobState.ACCEPTED, JobState.CANCELLED)


async def test_a_whole_song_is_posted_once(both: Town) -> None:
    await both.extend(style="folk", title="Boats", prompt="la", continue_at="0:06")
    click = await both.mia.click(await both.result(), "Whole song")

    await click.wait_until(lambda message: "Here it is" in message.content)

    assert len([message for message in both.songs.messages if "the whole song" in message.content]) == 1


async def test_a_picked_moment_is_submitted_once(both: Town) -> None:
    command = await both.extend(style="folk", title="Boats", prompt="la", continue_at="pick")
    shown = await command.wait_until(lambda message: message.components)

    await both.mia.click(shown, "The end")
    await both.result()

    assert len(await both.app.storage.reading.jobs.of_member(both.mia.id, limit=5)) == 1


async def test_a_receipt_is_cancelled_once(both: Town) -> None:
    both.suno.credits = 0
    invocation = await both.extend(style="folk", title="Boats", prompt="la")
    receipt = await invocation.wait_until(lambda message: "This uses one extension" in message.content)
    await eventually(lambda: both.app.storage.reading.memos.get(PAUSE))
    await both.job_in(JobState.ACCEPTED)

    cancelled = await (await both.mia.click(receipt, "Cancel")).response()

    assert cancelled.content == "Cancelled **Boats**. This didn't use up an extension."
    await eventually(lambda: _is_without_buttons(receipt))
    assert (await both.balance()).left == both.settings.quota_per_day


async def _is_without_buttons(receipt: Message) -> bool:
    return not receipt.components
