"""`encore run` as operators meet it: bad settings, a refused token, a port in use, a clean stop."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from bot.sandbox.discord import DiscordOptions, FakeDiscord
from tests.end_to_end.town import Town, eventually
from tests.support.database import on_postgres
from tests.support.process import bot_process, environ_of, said


async def test_each_missing_setting_is_one_line_and_the_exit_status_is_2(tmp_path: Path) -> None:
    async with bot_process({"PYTHONPATH": str(Path.cwd()), "WEB_PORT": "many"}, "run", folder=tmp_path) as bot:
        status = await bot.exit_status()

    assert status == 2
    assert len(bot.said) == 3
    assert {line.split()[1] for line in bot.said} == {"DISCORD_TOKEN", "SUNO_API_KEY", "WEB_PORT"}


async def test_settings_can_come_from_a_file(town: Town, tmp_path: Path) -> None:
    environ = environ_of(town.settings)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in environ.items() if name.isupper()))

    async with bot_process({"PYTHONPATH": environ["PYTHONPATH"]}, "run", folder=tmp_path) as bot:
        await town.discord.wait_ready()
        await said(bot, f"settings: {tmp_path / '.env'} and the environment")
        assert await bot.end() == 0


@pytest.mark.parametrize("content", ["DISCORD_TOKEN=a\n".encode("utf-16"), b"SUNO_API_KEY=\xe9\n", None])
async def test_an_env_file_that_cannot_be_read_is_named_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_bytes(content)

    async with bot_process({"PYTHONPATH": str(Path.cwd())}, "run", folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    (line,) = bot.said
    assert str(file) in line
    assert "save it again as UTF-8" in line or "cannot be read" in line


@pytest.mark.parametrize("command", ["run", "doctor", "backup copy.db"])
@pytest.mark.parametrize("line", ['LOG_FORMAT="json', "QUOTA_PER_DAY: 3", "DISCORD TOKEN=a-secret", "QUOTA_PER_DAY"])
async def test_a_line_of_the_env_file_that_cannot_be_read_stops_every_command(
    tmp_path: Path, line: str, command: str
) -> None:
    (tmp_path / ".env").write_text(f"SUNO_API_KEY=a-key\n\n{line}\nCREDITS_PER_DAY=120\n")

    async with bot_process({"PYTHONPATH": str(Path.cwd())}, *command.split(), folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    where = f"line 3 of {tmp_path / '.env'}"
    assert bot.said == [f"encore: {where} cannot be read: write it as NAME=value, and close every quote"]


async def test_a_misspelt_setting_in_the_env_file_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QUOTA_PERDAY=3\ncredits_per_day=120\nCOMPOSE_PROJECT_NAME=music\nhttp_proxy=x\n")

    async with bot_process({"PYTHONPATH": str(Path.cwd())}, "run", folder=tmp_path) as bot:
        assert await bot.exit_status() == 2

    assert bot.said[0].endswith("is not a setting; did you mean QUOTA_PER_DAY?")
    assert bot.said[1].endswith("is not a setting; did you mean CREDITS_PER_DAY?")
    assert not any("COMPOSE" in line or "http_proxy" in line for line in bot.said)


async def test_it_starts_prints_its_invite_link_and_stops_cleanly_on_sigterm(town: Town, tmp_path: Path) -> None:
    async with bot_process(environ_of(town.settings), "run", folder=tmp_path) as bot:
        await town.discord.wait_ready()
        await said(bot, "invite link: https://discord.com/oauth2/authorize")
        await said(bot, "listening on port")
        await said(bot, f"settings: the environment; no {tmp_path / '.env'}")
        await said(bot, " on PostgreSQL " if on_postgres() else f"database: {town.settings.database_path} (new)")
        await said(bot, "ready as encore in 1 server")
        health = f"{town.settings.public_url}/healthz"
        async with aiohttp.ClientSession() as session, session.get(health) as answer:
            assert answer.status == 200
        began = asyncio.get_running_loop().time()
        status = await bot.end()

    assert status == 0
    assert asyncio.get_running_loop().time() - began < 10
    assert not [line for line in bot.said if "Traceback" in line]


async def test_it_stops_cleanly_in_the_middle_of_a_job(town: Town, tmp_path: Path) -> None:
    town.suno.script("hold")
    async with bot_process(environ_of(town.settings), "run", folder=tmp_path) as bot:
        await town.discord.wait_ready()
        await town.discord.wait_for_commands("extend")
        await town.extend()

        async def submitting() -> bool:
            return any(request.path.endswith("upload-extend") for request in town.suno.requests)

        await eventually(submitting)
        assert await bot.end() == 0


async def test_a_refused_token_is_reported_in_one_line_that_names_the_setting(tmp_path: Path, town: Town) -> None:
    settings = replace(town.settings, discord_token="a.token.of-nobody")
    async with FakeDiscord(DiscordOptions(token="the right one")) as discord:
        settings = replace(settings, discord_api_url=discord.api_url, discord_gateway_url=discord.gateway_url)
        async with bot_process(environ_of(settings), "run", folder=tmp_path) as bot:
            status = await bot.exit_status()

    assert status == 1
    assert bot.said[-1].startswith("encore: stopped: DISCORD_TOKEN is refused")
    assert not [line for line in bot.said if "Traceback" in line]


async def test_a_port_in_use_is_reported_in_one_line_that_names_the_setting(tmp_path: Path, town: Town) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = replace(town.settings, web_port=taken.getsockname()[1])
        async with bot_process(environ_of(settings), "run", folder=tmp_path) as bot:
            status = await bot.exit_status()

    assert status == 1
    assert "WEB_PORT" in bot.said[-1]
    assert not [line for line in bot.said if "Traceback" in line]


@pytest.mark.sqlite
async def test_a_database_that_cannot_be_opened_is_reported_in_one_line(tmp_path: Path, town: Town) -> None:
    settings = replace(town.settings, database_path=Path("/proc/encore.db"))
    async with bot_process(environ_of(settings), "run", folder=tmp_path) as bot:
        status = await bot.exit_status()

    assert status == 1
    assert bot.said[-1].startswith("encore: stopped:")
    assert "database" in bot.said[-1]
    assert not [line for line in bot.said if "Traceback" in line]


@pytest.mark.sqlite
@pytest.mark.parametrize("command", ["run", "doctor"])
async def test_a_tmpdir_that_is_not_followed_is_named(tmp_path: Path, town: Town, command: str) -> None:
    settings = replace(town.settings, database_path=Path("/proc/encore.db"))  # it ends there
    environ = environ_of(settings) | {"TMPDIR": "/proc"}
    async with bot_process(environ, command, folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert any("TMPDIR is /proc, but nothing can be written there: " in line for line in bot.said)


async def test_a_failed_first_connection_is_tried_again(tmp_path: Path, town: Town) -> None:
    town.discord.gateway.refuse_connections(2)

    async with bot_process(environ_of(town.settings), "run", folder=tmp_path) as bot:
        await town.discord.wait_ready()
        assert await bot.end() == 0

    assert any("cannot connect to Discord's gateway (HTTP 503); trying again" in line for line in bot.said)
    assert not [line for line in bot.said if "Traceback" in line or "AttributeError" in line]


async def test_commands_are_announced_once_not_at_every_start(tmp_path: Path, town: Town) -> None:
    for words in ("announced 11 commands to Discord", "ready as encore"):
        async with bot_process(environ_of(town.settings), "run", folder=tmp_path) as bot:
            await said(bot, words)
            await bot.end()

    announced = [request for request in town.discord.requests if request.method == "PUT"]
    assert len(announced) == 1


@pytest.mark.parametrize("arguments", [[], ["dance"]])
async def test_an_unknown_command_exits_2_with_the_usage(tmp_path: Path, arguments: list[str]) -> None:
    async with bot_process({"PYTHONPATH": str(Path.cwd())}, *arguments, folder=tmp_path) as bot:
        assert await bot.exit_status() == 2
    assert any("usage: encore" in line for line in bot.said)


async def test_a_demo_of_a_missing_file_is_reported_in_one_line(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(Path.cwd()), "AUDIO": "missing.mp3"}
    async with bot_process(environ, "demo", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1
    assert bot.said == ["encore: stopped: AUDIO=missing.mp3: there is no such file"]


async def test_without_a_token_the_sandbox_runs_and_says_what_to_put_where(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(Path.cwd()), "PATH": "/usr/bin:/bin"}
    async with bot_process(environ, "run", "--or-sandbox", folder=tmp_path) as bot:
        await said(bot, "the sandbox runs")
        assert await bot.end() == 0

    text = "\n".join(bot.said)
    assert "No DISCORD_TOKEN is set, so this is the sandbox" in text
    assert "SUNO_API_KEY" in text
