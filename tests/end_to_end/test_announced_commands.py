"""`encore commands sync` and `clear`, and `encore --version`."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bot import __version__
from bot.sandbox.discord import DiscordOptions, FakeDiscord, TroubleKind
from tests.end_to_end.town import Town
from tests.support.process import bot_process, environ_of

NAMES = {"extend", "Extend this audio", "jobs", "cancel", "song", "library", "lyrics", "preset", "quota", "why"}


def announced(town: Town) -> set[str]:
    return {command["name"] for command in town.discord.commands}


async def encore(town: Town, folder: Path, *arguments: str, status: int = 0) -> list[str]:
    async with bot_process(environ_of(town.settings), *arguments, folder=folder) as bot:
        assert await bot.exit_status() == status
    return bot.said


async def test_sync_announces_a_set_of_commands_that_was_wiped(town: Town, tmp_path: Path) -> None:
    await town.start()
    await town.stop()
    town.discord.commands.clear()

    told = await encore(town, tmp_path, "commands", "sync")

    assert told == [f"Announced {len(NAMES)} commands to Discord."]
    assert announced(town) == NAMES


async def test_clear_removes_the_commands_until_the_next_start(town: Town, tmp_path: Path) -> None:
    await town.start()
    await town.stop()

    told = await encore(town, tmp_path, "commands", "clear")

    assert told == ["Removed all commands from Discord. The bot announces them again when it next starts."]
    assert announced(town) == set()
    await town.start()
    assert announced(town) == NAMES


async def test_a_start_after_sync_announces_nothing(town: Town, tmp_path: Path) -> None:
    await encore(town, tmp_path, "commands", "sync")

    await town.start()

    assert sum(request.method == "PUT" for request in town.discord.requests) == 1


@pytest.mark.parametrize("action", ["sync", "clear"])
@pytest.mark.parametrize("path", ["/users/@me", "/applications/{application_id}/commands"])
async def test_a_discord_that_does_not_answer_is_one_line(town: Town, tmp_path: Path, action: str, path: str) -> None:
    town.discord.troubles.add("*", path, TroubleKind.ERROR_BEFORE, status=503)

    told = await encore(town, tmp_path, "commands", action, status=1)

    assert told == ["encore: stopped: Discord does not answer (HTTP 503); try again in a few minutes"]


@pytest.mark.parametrize("action", ["sync", "clear"])
async def test_a_refused_token_is_reported_in_one_line(town: Town, tmp_path: Path, action: str) -> None:
    async with FakeDiscord(DiscordOptions(token="the right one")) as discord:
        town.settings = replace(town.settings, discord_api_url=discord.api_url)
        told = await encore(town, tmp_path, "commands", action, status=1)

    assert len(told) == 1
    assert told[0].startswith("encore: stopped: DISCORD_TOKEN is refused by Discord: reset it")


async def test_the_version_is_printed(town: Town, tmp_path: Path) -> None:
    assert await encore(town, tmp_path, "--version") == [f"encore {__version__}"]
