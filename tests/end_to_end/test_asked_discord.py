"""A process without a gateway asks Discord about its servers, and is told what a gateway would have told it."""

import discord
import pytest
from msgspec.structs import replace

from bot.chat.asked import KEPT_SECONDS, AskedDiscord
from bot.chat.pacing import Pacer
from bot.chat.progress_messages import ProgressMessages
from bot.chat.routes import ChannelRoute
from bot.domain.jobs import Job, JobState, Place
from bot.sandbox.discord import Channel
from bot.services.common.messenger import HistoryClosed, RouteClosed
from bot.text import Catalogue
from tests.end_to_end.town import Town, ends

MIB = 1024 * 1024


class Steady:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def delivered(town: Town) -> Job:
    await town.start()
    await town.extend()
    await town.result()
    return await town.job_in(JobState.DELIVERED)


def asked(town: Town, steady: Steady | None = None) -> AskedDiscord:
    return AskedDiscord(town.app.client, steady or Steady())


def route(town: Town) -> ChannelRoute:
    return ChannelRoute(town.app.client, Catalogue.load(), Pacer(), asked=asked(town))


def in_channel(job: Job, channel: Channel) -> Place:
    return replace(job.place, channel_id=channel.id)


def asked_for_servers(town: Town) -> int:
    return sum(
        request.method == "GET" and request.path == f"/guilds/{town.guild.id}" for request in town.discord.requests
    )


async def test_a_servers_upload_limit_is_asked_for_once_in_five_minutes(town: Town) -> None:
    await town.start()
    steady = Steady()
    discord_asked = asked(town, steady)
    town.guild.premium_tier = 2

    limits = [await discord_asked.upload_limit_bytes(town.guild.id) for _ in range(3)]
    assert (limits, asked_for_servers(town)) == ([50 * MIB] * 3, 1)

    town.guild.premium_tier = 3
    steady.seconds = KEPT_SECONDS
    assert await discord_asked.upload_limit_bytes(town.guild.id) == 100 * MIB
    assert asked_for_servers(town) == 2


async def test_a_server_that_the_bot_has_left_is_a_closed_route(town: Town) -> None:
    await town.start()

    with pytest.raises(RouteClosed):
        await asked(town).upload_limit_bytes(town.guild.id + 1)


async def test_a_result_is_found_without_a_gateway(town: Town) -> None:
    job = await delivered(town)
    assert job.finished_at is not None

    found = await route(town).find_end(job, since=job.finished_at)

    assert found is not None
    assert found.message_id == ends(town.songs)[0].id


async def test_a_history_that_may_not_be_read_is_not_taken_for_an_empty_one(town: Town) -> None:
    """Discord would show nothing, and the result would be posted a second time."""
    job = await delivered(town)
    assert job.finished_at is not None
    town.songs.deny("READ_MESSAGE_HISTORY")

    with pytest.raises(HistoryClosed):
        await route(town).find_end(job, since=job.finished_at)


async def test_a_threads_permissions_are_those_of_its_channel(town: Town) -> None:
    job = await delivered(town)
    place = in_channel(job, town.songs.thread("boats"))
    town.songs.deny("READ_MESSAGE_HISTORY")

    seen = await asked(town).seen(place)

    assert seen is not None
    assert isinstance(seen.channel, discord.Thread)
    assert seen.allowed.send_messages_in_threads
    assert not seen.allowed.read_message_history


async def test_a_member_reads_which_permission_is_missing(town: Town) -> None:
    job = await delivered(town)
    town.songs.deny("SEND_MESSAGES")
    progress = ProgressMessages(town.app.client, Catalogue.load(), Pacer(), asked(town))
    new = in_channel(job, town.songs)

    with pytest.raises(RouteClosed) as closed:
        await progress.begin(new, "paper-boats.mp3", is_repeat=False)

    assert closed.value.why is not None
    assert "Send Messages" in Catalogue.load().render(closed.value.why, "en-US")


async def test_a_channel_that_cannot_be_seen_is_refused_without_a_guess(town: Town) -> None:
    job = await delivered(town)
    town.songs.deny("VIEW_CHANNEL")
    progress = ProgressMessages(town.app.client, Catalogue.load(), Pacer(), asked(town))

    with pytest.raises(RouteClosed) as closed:
        await progress.begin(in_channel(job, town.songs), "paper-boats.mp3", is_repeat=False)

    assert closed.value.why is not None
    assert "Try another channel" in Catalogue.load().render(closed.value.why, "en-US")
