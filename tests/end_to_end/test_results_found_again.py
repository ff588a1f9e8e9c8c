"""A result is looked for in its channel before it is posted again: among all that was said, if the bot may look."""

import discord
import pytest

from bot.chat.pacing import Pacer
from bot.chat.routes import ChannelRoute
from bot.domain.jobs import Job, JobState
from bot.sandbox.discord import TroubleKind
from bot.services.common.messenger import HistoryClosed, RouteClosed
from bot.text import Catalogue
from tests.end_to_end.town import Town, ends, eventually

A_PAGE_AND_MORE = 120
POST = ("POST", "/channels/{channel_id}/messages")
GET = ("GET", "/channels/{channel_id}/messages")


async def delivered(town: Town) -> Job:
    await town.extend()
    await town.result()
    return await town.job_in(JobState.DELIVERED)


def chat(town: Town) -> None:
    for number in range(A_PAGE_AND_MORE):
        town.mia.post(town.songs, f"line {number}")


def channel_route(town: Town) -> ChannelRoute:
    return ChannelRoute(town.app.client, Catalogue.load(), Pacer())


async def close_history(town: Town) -> None:
    """Take the permission to read it from the bot, and wait until the bot knows."""
    town.songs.deny("READ_MESSAGE_HISTORY")

    async def is_known() -> bool:
        channel = town.app.client.get_channel(town.songs.id)
        assert isinstance(channel, discord.TextChannel)
        return not channel.permissions_for(channel.guild.me).read_message_history

    await eventually(is_known)


async def test_a_result_is_found_among_hundreds_of_messages_before_and_after_it(town: Town) -> None:
    await town.start()
    chat(town)
    job = await delivered(town)
    chat(town)
    assert job.finished_at is not None

    found = await channel_route(town).find_end(job, since=job.finished_at)

    assert found is not None
    assert found.message_id == ends(town.songs)[0].id


async def test_a_history_that_discord_refuses_to_show_is_not_a_closed_channel(town: Town) -> None:
    await town.start()
    job = await delivered(town)
    assert job.finished_at is not None
    refusal = town.discord.troubles.add(
        *GET, TroubleKind.ERROR_BEFORE, status=403, code=50013, message="Missing Permissions"
    )

    with pytest.raises(HistoryClosed):
        await channel_route(town).find_end(job, since=job.finished_at)
    assert refusal.hits == 1


async def test_a_history_that_is_shown_empty_for_want_of_a_permission_is_not_an_empty_channel(town: Town) -> None:
    await town.start()
    job = await delivered(town)
    assert job.finished_at is not None
    await close_history(town)

    with pytest.raises(HistoryClosed):
        await channel_route(town).find_end(job, since=job.finished_at)


@pytest.mark.parametrize("code", [50001, 10003])
async def test_a_channel_that_cannot_be_seen_is_closed(town: Town, code: int) -> None:
    await town.start()
    job = await delivered(town)
    assert job.finished_at is not None
    town.discord.troubles.add(*GET, TroubleKind.ERROR_BEFORE, status=403 if code == 50001 else 404, code=code)

    with pytest.raises(RouteClosed):
        await channel_route(town).find_end(job, since=job.finished_at)


async def test_without_the_right_to_look_a_result_still_comes_once_and_in_its_channel(slow_town: Town) -> None:
    town = slow_town
    await town.start()
    await town.extend()
    await town.suno.wait_for_submit()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    await close_history(town)
    town.discord.troubles.add(*POST, TroubleKind.ERROR_AFTER, status=503)

    await town.suno.finish(next(iter(town.suno.tasks)))
    await town.job_in(JobState.DELIVERED)

    assert len(ends(town.songs)) == 1
    assert town.mia.dm.messages == []
