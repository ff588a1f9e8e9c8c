"""Discord fails while the bot starts: the bot keeps trying until everything works."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from msgspec.structs import replace

from bot import announce
from bot.app import App, build, run_parts
from bot.sandbox.discord import DiscordOptions, FakeDiscord, TroubleKind
from bot.sandbox.discord.wire.events import GUILDS, Event
from bot.sandbox.stand_ins import free_port
from bot.services.common.clock import utc_now
from tests.end_to_end.town import Town, eventually
from tests.support.process import ROOT, bot_process, environ_of, said

ANNOUNCE = "/applications/{application_id}/commands"


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """The operator's log; each entry is one line, without a traceback."""
    records = [record for record in caplog.records if record.levelno >= level and not record.name.endswith("sandbox")]
    assert not [record for record in records if record.exc_info]
    return [record.getMessage() for record in records]


async def check_a_job(town: Town) -> None:
    await town.extend()
    assert len((await town.result()).attachments) == 2


# The account


@pytest.mark.parametrize(
    ("credits_left", "words"),
    [(1000, "1000 credits left; an extension costs 12"), (5, "5 credits left, and an extension costs 12: top up")],
)
async def test_the_balance_is_logged_at_the_start(
    town: Town, caplog: pytest.LogCaptureFixture, credits_left: int, words: str
) -> None:
    town.suno.credits = credits_left

    await town.start()

    await eventually(lambda: logged(caplog, words))


async def test_a_wrong_key_is_noticed_at_the_start_and_the_bot_keeps_working(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.start(suno_api_key="a-key-that-is-not-it")

    await eventually(lambda: logged(caplog, "SUNO_API_KEY is refused (provider: 401"))
    assert "10 of 10 extensions left" in (await (await town.mia.command(town.songs, "quota")).response()).content
    assert len(lines(caplog)) == 1


async def test_a_wrong_address_is_noticed_at_the_start_and_when_a_file_is_handed_over(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    await town.start(suno_api_url=nobody, suno_upload_url=nobody)

    await eventually(lambda: logged(caplog, "for its credits (provider: no connection (ClientConnectorError))"))
    await (await town.extend()).wait_until(lambda answer: "isn't taking files" in answer.content)
    asked, handed_over = lines(caplog)  # and nothing of each attempt
    assert "check SUNO_API_URL" in asked
    assert "check SUNO_UPLOAD_URL" in handed_over


async def test_a_silent_music_service_holds_up_nothing(town: Town) -> None:
    town.suno.next_call("credit", "hold")

    await town.start()

    await check_a_job(town)


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    leave = asyncio.Event()

    async def until() -> None:
        await leave.wait()

    parts = asyncio.create_task(run_parts(app, until))
    try:
        yield
    finally:
        leave.set()
        await parts


@asynccontextmanager
async def started(town: Town, *more: app_commands.Command[Any, ..., None]) -> AsyncIterator[App]:
    """The bot with extra commands, connected, perhaps with nothing announced."""
    async with build(town.settings) as app:
        for command in more:
            app.client.tree.add_command(command)
        async with running(app):
            await town.discord.wait_ready()
            town.apps.append(app)
            yield app


def announcements(town: Town) -> int:
    return sum(request.method == "PUT" and request.path.endswith("/commands") for request in town.discord.requests)


async def forget_what_was_announced(app: App) -> None:
    """Once it is written down, which the start does last."""
    name = f"commands of {app.client.application_id}"
    await eventually(lambda: app.storage.reading.memos.get(name))
    async with app.storage.transaction() as work:
        await work.memos.put(name, "")


@pytest.mark.parametrize("path", ["/users/@me", "/oauth2/applications/@me"])
@pytest.mark.parametrize("kind", [TroubleKind.ERROR_BEFORE, TroubleKind.ABORT_BEFORE, TroubleKind.ABORT_AFTER])
async def test_a_login_that_fails_is_tried_again(
    town: Town, caplog: pytest.LogCaptureFixture, path: str, kind: TroubleKind
) -> None:
    times = 2 if kind is TroubleKind.ERROR_BEFORE else 4  # aiohttp itself repeats some that lost their connection
    fault = town.discord.troubles.add("GET", path, kind, times=times, status=503)

    await town.start()

    assert fault.hits == times
    why = "HTTP 503" if kind is TroubleKind.ERROR_BEFORE else "the connection was lost"
    assert lines(caplog) == [f"cannot log in to Discord ({why}); trying again until it works"]
    await check_a_job(town)


async def test_the_bot_waits_for_a_discord_that_cannot_be_reached_at_first(town: Town, tmp_path: Path) -> None:
    options = DiscordOptions(port=free_port())
    api_url, gateway_url = (f"{kind}://127.0.0.1:{options.port}" for kind in ("http", "ws"))
    settings = replace(
        town.settings, discord_api_url=f"{api_url}/api/v10", discord_gateway_url=f"{gateway_url}/gateway/"
    )

    async with bot_process(environ_of(settings), "run", folder=tmp_path) as bot:
        await said(bot, "cannot log in to Discord (connection refused); trying again until it works")
        async with FakeDiscord(options) as late:
            await late.wait_ready()
            await late.wait_for_commands("extend")
            assert await bot.end() == 0

    assert not [line for line in bot.said if "Traceback" in line]


@pytest.mark.parametrize("kind", [TroubleKind.ERROR_BEFORE, TroubleKind.ABORT_BEFORE, TroubleKind.ABORT_AFTER])
async def test_a_failed_announcement_is_tried_again_beside_a_working_bot(
    town: Town, caplog: pytest.LogCaptureFixture, kind: TroubleKind
) -> None:
    await forget_what_was_announced(await town.start())
    await town.stop()
    fault = town.discord.troubles.add("PUT", ANNOUNCE, kind, times=1000, status=503)

    await town.start()
    await check_a_job(town)
    await fault.reached(2)
    town.discord.troubles.clear()
    await town.discord.wait_for_request(lambda request: request.method == "PUT" and request.status == 200)
    await eventually(lambda: announced_in(caplog))
    assert sum("the commands could not be announced" in line for line in lines(caplog)) == 1


async def announced_in(caplog: pytest.LogCaptureFixture) -> bool:
    return caplog.messages.count("announced 11 commands to Discord") == 2


async def test_a_rejected_set_of_commands_names_the_field_and_is_not_sent_again(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.start()
    await town.stop()

    @app_commands.command(description="x" * 150)
    async def wrong(interaction: discord.Interaction) -> None:
        raise NotImplementedError

    async with started(town, wrong):
        await eventually(lambda: logged(caplog, "Discord rejects the commands"))
        await check_a_job(town)

    (line,) = lines(caplog, logging.ERROR)
    assert "command 'wrong'" in line
    assert "description: Must be between 1 and 100 in length" in line
    assert len(line.splitlines()) == 1
    announced = [request for request in town.discord.requests if request.method == "PUT"]
    assert [request.status for request in announced] == [200, 400]
    town.discord.requests.remove(announced[1])  # it violates Discord's document on purpose


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_an_unreadable_event_ends_the_connection_but_not_the_bot(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    app = await town.start()

    town.discord.gateway.send(Event(name="GUILD_CREATE", data={"name": "a server without an id"}, intents=GUILDS))
    await town.discord.gateway.wait_identified(2)

    await check_a_job(town)
    assert len(town.discord.gateway.sessions) == 1  # the old connection is closed
    assert app.client.connected.is_set()
    assert lines(caplog) == ["cannot read what Discord sent (KeyError); connecting again"]


async def test_a_bot_in_very_many_servers_logs_once_that_it_will_need_sharding(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1_999):
        town.discord.guild(f"server {number}")
    app = await town.start()
    for _ in range(2):
        await app.client.on_ready()

    (line,) = lines(caplog)
    assert line.startswith("in 2000 servers: from 2,500 on, Discord requires shards; set SHARDS=auto")


async def test_of_several_processes_that_start_together_one_announces(town: Town) -> None:
    app = await town.start()
    await town.announced()
    await forget_what_was_announced(app)
    before = announcements(town)

    await asyncio.gather(*(announce.keep_announced(app.client.tree, app.storage) for _ in range(3)))

    assert announcements(town) == before + 1


async def test_the_turn_of_a_process_that_died_while_announcing_runs_out(town: Town) -> None:
    app = await town.start()
    await town.announced()
    await forget_what_was_announced(app)
    long_ago = (utc_now() - announce.TURN).isoformat()
    async with app.storage.transaction() as work:
        await work.memos.put(f"commands of {app.client.application_id}: whose turn", f"somebody {long_ago}")

    await announce.keep_announced(app.client.tree, app.storage)

    assert await town.announced()


async def test_discord_is_greeted_before_anything_else_begins(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with build(town.settings) as app, running(app):
        await town.discord.gateway.wait_identified(1)
        asked_before = len(town.suno.requests)
        await eventually(lambda: logged(caplog, "credits left; an extension"))

    assert asked_before == 0


async def test_a_command_that_comes_with_the_greeting_is_answered(town: Town) -> None:
    """The bot makes its commands while Discord answers the greeting."""
    await town.start()
    await town.announced()
    await town.stop()
    async with build(town.settings) as app, running(app):
        await town.discord.gateway.wait_identified(2)
        answer = await (await town.mia.command(town.songs, "quota")).response()

    assert "10 of 10" in answer.content


async def test_a_silent_gateway_does_not_keep_the_workers_waiting(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    town.discord.gateway.refuse_connections(1_000_000)

    async with build(town.settings) as app, running(app):
        await eventually(lambda: logged(caplog, "credits left; an extension"))

        assert not app.client.connected.is_set()


SEVERAL = (
    *("bot.chat.shared_turns", "bot.parts.shards", "bot.services.gateway", "bot.shard_client", "bot.shard_keeper"),
    *("storage.engines.postgres", "storage.engines.postgres_bells", "storage.engines.postgres_budgets"),
    "storage.restored",
)


async def test_one_process_with_a_gateway_imports_nothing_that_it_does_not_need_to_start(tmp_path: Path) -> None:
    """discord.py would import PyNaCl, for voice: ten milliseconds and a megabyte at each start."""
    later = ("bot.parts.selection", "bot.services.pipeline", "cogs")
    managed = ("bot.service_manager", "bot.standing", "faulthandler", "storage.upgrade")
    unwanted = ("argparse", "asyncpg", "gettext", "nacl", "nacl.bindings", *later, *managed, *SEVERAL)
    code = (
        "import sys; from bot.__main__ import _run; from bot.roles import ALL; from bot.settings import Settings\n"
        "_run(Settings(discord_token='invented-token', suno_api_key='invented-key'), ALL).close()\n"
        f"print([name for name in ('bot.app', 'discord.voice_client', *{unwanted}) if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()

    assert printed.decode().strip() == "['bot.app', 'discord.voice_client']"


@pytest.mark.parametrize("name", SEVERAL)
def test_those_modules_exist(name: str) -> None:
    assert find_spec(name) is not None
