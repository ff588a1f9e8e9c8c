"""`ALLOWED_SERVERS`: the bot serves its own servers and politely leaves every other one."""

import asyncio
import logging
from functools import partial

import pytest

from bot.app import App
from bot.sandbox.discord import Guild, TroubleKind
from tests.end_to_end.town import Town, eventually

GOODBYE = "I only work in servers that my operator has chosen"


async def left(town: Town, guild: Guild) -> None:
    await town.discord.wait_for_request(
        lambda request: request.path == f"/users/@me/guilds/{guild.id}" and request.status == 204
    )
    assert not guild.has_bot


async def knows(app: App, guild: Guild) -> bool:
    return app.client.get_guild(guild.id) is not None


async def test_it_says_goodbye_to_a_server_that_it_may_not_serve_and_leaves(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    closed, lobby = other.channel("rules"), other.channel("lobby")
    closed.deny("SEND_MESSAGES")

    await town.start(allowed_servers=frozenset({town.guild.id}))
    await left(town, other)

    assert GOODBYE in lobby.messages[0].content
    assert closed.messages == []
    assert town.guild.has_bot
    assert town.songs.messages == []


async def test_it_leaves_a_server_that_invites_it_with_a_goodbye_in_the_system_channel(town: Town) -> None:
    await town.start(allowed_servers=frozenset({town.guild.id}))
    other = town.discord.guild("Elsewhere", with_bot=False)
    other.channel("lobby")
    other.system_channel = other.channel("welcome")

    other.invite_bot()
    await left(town, other)

    assert GOODBYE in other.system_channel.messages[0].content


async def test_it_leaves_a_server_silently_if_it_may_not_write_there(town: Town) -> None:
    await town.start(allowed_servers=frozenset({town.guild.id}))
    other = town.discord.guild("Elsewhere", with_bot=False)
    lobby = other.channel("lobby")
    other.deny("SEND_MESSAGES")

    other.invite_bot()
    await left(town, other)

    assert lobby.messages == []


async def test_a_server_that_could_not_be_left_is_left_on_the_next_connection(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    town.discord.troubles.add("DELETE", "/users/@me/guilds/*", TroubleKind.ERROR_BEFORE, status=503)
    await town.start(allowed_servers=frozenset({town.guild.id}))
    await town.discord.wait_for_request(lambda request: request.status == 503)

    town.discord.gateway.invalidate()
    await left(town, other)

    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told[0] == f"could not leave server Elsewhere ({other.id}): HTTP 503"
    assert len(lobby.messages) == 1


async def test_a_server_whose_arrival_discord_py_lost_is_left_once_ready(town: Town) -> None:
    """Its queue of servers drops one that comes when the wait for the last one runs out."""
    app = await town.start(allowed_servers=frozenset({town.guild.id}))
    await app.client.wait_until_ready()
    app.client._connection._ready_state = asyncio.Queue()  # the state of that moment
    other = town.discord.guild("Elsewhere")
    await eventually(partial(knows, app, other))

    app.client.dispatch("ready")

    await left(town, other)


async def test_a_command_from_another_server_is_refused_with_a_sentence(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    other.join(town.mia)
    town.discord.troubles.add("DELETE", "/users/@me/guilds/*", TroubleKind.ERROR_BEFORE, times=10, status=503)
    await town.start(allowed_servers=frozenset({town.guild.id}))

    answer = await (await town.mia.command(lobby, "quota")).response()

    assert answer.content == "Sorry, I'm not set up for this server."
    assert answer.is_ephemeral
    assert "10 of 10 extensions left" in (await (await town.mia.command(town.songs, "quota")).response()).content
    assert "10 of 10 extensions left" in (await (await town.mia.command(town.mia.dm, "quota")).response()).content


async def test_a_click_in_another_server_is_refused_with_a_sentence(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    other.join(town.mia)
    await town.start()
    await town.extend()
    await town.result()
    listed = await (await town.mia.command(lobby, "jobs")).response()
    job = await town.job()
    await town.stop()
    town.discord.troubles.add("DELETE", "/users/@me/guilds/*", TroubleKind.ERROR_BEFORE, times=10, status=503)
    await town.start(allowed_servers=frozenset({town.guild.id}))

    answer = await (await town.mia.choose(listed, "Choose a job…", job.id)).response()

    assert answer.content == "Sorry, I'm not set up for this server."
    assert answer.is_ephemeral


async def test_without_the_setting_every_server_is_served(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    other.join(town.mia)
    await town.start()

    assert "10 of 10 extensions left" in (await (await town.mia.command(lobby, "quota")).response()).content
