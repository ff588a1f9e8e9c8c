"""A bot that is stopped finishes what Discord's gateway has delivered to it."""

import asyncio
import logging

import pytest

from bot.domain.jobs import JobState
from bot.fault_points import hold
from bot.sandbox.discord import Callback
from tests.end_to_end.test_sending_again import send_again
from tests.end_to_end.town import Town


async def hung_up(town: Town) -> None:
    await town.discord.gateway.changes.until(
        lambda: not town.discord.gateway.sessions, wanted="the end of the session", seen=lambda: "it lasts"
    )


async def test_a_command_that_came_right_before_the_stop_is_acknowledged(town: Town) -> None:
    await town.start()
    async with hold("after the command is written down") as written:
        invocation = await town.extend()
        await written.reached()
        stopping = asyncio.create_task(town.stop())
        await hung_up(town)
        written.release()
        await stopping

    assert await invocation.acknowledged() is Callback.DEFERRED_MESSAGE
    await town.start()
    await town.result()
    assert (await town.job_in(JobState.DELIVERED)).place.interaction_id == invocation.interaction.id


async def test_a_click_that_came_right_before_the_stop_is_answered(town: Town) -> None:
    await town.start()
    await town.extend()
    await town.result()
    job = await town.job_in(JobState.DELIVERED)
    async with hold("before the post") as ready:
        click = await send_again(town, town.songs, job)
        await ready.reached()
        stopping = asyncio.create_task(town.stop())
        await hung_up(town)
        ready.release()
        await stopping

    assert "Sent" in (await click.response()).content


async def test_a_stop_does_not_wait_for_ever_for_a_command(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    await town.start()
    with caplog.at_level(logging.WARNING):
        async with hold("after the command is written down") as written:
            await town.extend()
            await written.reached()
            await town.stop()

    assert "commands not answered within 2 s: 1; stopping anyway" in caplog.text
