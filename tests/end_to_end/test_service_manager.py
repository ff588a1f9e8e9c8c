"""The bot under a service manager: ready once it serves members, alive while its loop turns."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.roles import Role
from bot.sandbox.discord import DiscordOptions, FakeDiscord
from tests.end_to_end.town import Town
from tests.support.listening_manager import ListeningManager, listening_manager
from tests.support.process import bot_process, environ_of, said


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[ListeningManager]:
    with listening_manager(tmp_path) as manager:
        yield manager


def environ(town: Town, manager: ListeningManager) -> dict[str, str]:
    return environ_of(town.settings, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="1500000")


async def test_it_is_ready_once_discord_is_and_says_when_it_stops(
    town: Town, manager: ListeningManager, tmp_path: Path
) -> None:
    town.discord.gateway.refuse_connections(1_000_000)
    async with bot_process(environ(town, manager), "run", folder=tmp_path) as bot:
        await said(bot, "listening on port")
        manager.waiting()
        del manager.heard[:]
        await manager.hear("EXTEND_TIMEOUT_USEC=1500000")  # it may take as long as it lives
        assert "READY=1" not in manager.heard

        town.discord.gateway.refuse_connections(0)
        await manager.hear("READY=1")
        await said(bot, " ready as encore ")
        await manager.hear("STATUS=Running gateway, web, workers")

        town.discord.gateway.refuse_connections(1_000_000)
        town.discord.gateway.drop()
        await manager.hear("STATUS=Running gateway, web, workers: not connected to Discord")
        assert await bot.end() == 0
        await manager.hear("STOPPING=1")
        await manager.hear("STATUS=Finishing open submissions and commands")

    assert manager.heard.count("READY=1") == 1


@pytest.mark.postgres
@pytest.mark.parametrize("role", [Role.WEB, Role.WORKERS])
async def test_a_process_without_a_gateway_is_ready_once_its_role_works(
    town: Town, manager: ListeningManager, tmp_path: Path, role: Role
) -> None:
    async with bot_process(environ(town, manager), "run", "--only", role, folder=tmp_path) as bot:
        await manager.hear("READY=1")
        await manager.hear(f"STATUS=Running {role}")
        assert await bot.end() == 0


@pytest.mark.postgres
async def test_a_gateway_process_is_ready_once_it_serves_shards(
    town: Town, manager: ListeningManager, tmp_path: Path
) -> None:
    settings = environ(town, manager) | {"SHARDS": "2"}
    async with bot_process(settings, "run", "--only", "gateway", folder=tmp_path) as bot:
        await manager.hear("READY=1")

        await said(bot, "ready in")


async def test_what_the_watchdog_ends_leaves_in_the_log_where_it_hung(
    town: Town, manager: ListeningManager, tmp_path: Path
) -> None:
    async with bot_process(environ(town, manager), "run", folder=tmp_path) as bot:
        await manager.hear("READY=1")
        bot.process.send_signal(signal.SIGABRT)  # as systemd does

        assert await bot.exit_status() == -signal.SIGABRT

    assert any("Fatal Python error: Aborted" in line for line in bot.said)


async def test_each_bot_of_a_machine_has_settings_of_its_own(town: Town, tmp_path: Path) -> None:
    file, environ = tmp_path / "choir.env", environ_of(town.settings)
    file.write_text("".join(f"{name}={value}\n" for name, value in environ.items() if name.isupper()))
    (tmp_path / ".env").write_text("DISCORD_TOKEN=another.bots.token\n")
    plain = {"PYTHONPATH": environ["PYTHONPATH"]}

    for arguments in (["run", "--env-file", str(file)], ["--env-file", str(file), "run"]):
        async with bot_process(plain, *arguments, folder=tmp_path) as bot:
            await said(bot, f"settings: {file} and the environment")
            await said(bot, "ready as encore in 1 server")
            assert await bot.end() == 0


async def test_an_env_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    async with bot_process({"PYTHONPATH": str(Path.cwd())}, "run", "--env-file", "choir.env", folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    assert bot.said == [f"encore: --env-file: there is no file {tmp_path / 'choir.env'}"]


async def test_a_bot_that_discord_refuses_never_says_that_it_is_ready(
    town: Town, manager: ListeningManager, tmp_path: Path
) -> None:
    async with FakeDiscord(DiscordOptions(token="the right one")) as discord:
        settings = environ(town, manager) | {
            "DISCORD_API_URL": discord.api_url,
            "DISCORD_GATEWAY_URL": discord.gateway_url,
        }
        async with bot_process(settings, "run", folder=tmp_path) as bot:
            assert await bot.exit_status() == 1

    manager.waiting()
    assert "READY=1" not in manager.heard
    assert bot.said[-1].startswith("encore: stopped: DISCORD_TOKEN is refused")
