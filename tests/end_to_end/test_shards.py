"""Discord's gateway in shards (`SHARDS`): one process with all of them, and several that share them."""

import asyncio
import dataclasses
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.app import App
from bot.domain.jobs import JobState
from bot.roles import Role
from bot.sandbox.cluster import a_server_in_every_shard
from bot.sandbox.discord import Channel, DiscordOptions, SecondSession, TroubleKind, Upload
from bot.sandbox.stand_ins import free_port, running
from storage.engines.base import BUSY_SECONDS
from tests.conftest import UNDESCRIBED
from tests.end_to_end.test_readiness import is_reported
from tests.end_to_end.town import UNHURRIED, Town, a_town, ended, ends, eventually, undescribed_keys
from tests.support.database import held
from tests.support.process import BotProcess, bot_process, environ_of, said

SHARDS = 4
SHARDED = dataclasses.replace(UNHURRIED, shards=SHARDS, max_concurrency=SHARDS, identify_seconds=0.2)
GATEWAY = frozenset({Role.GATEWAY})
SETTLED_SECONDS = 90.0


@asynccontextmanager
async def a_sharded_town(
    folder: Path, source: Path, request: pytest.FixtureRequest, discord: DiscordOptions = SHARDED
) -> AsyncIterator[Town]:
    async with a_town(folder, source, discord=discord) as town:
        town.settings = replace(town.settings, shards=SHARDS, identify_seconds=discord.identify_seconds)
        yield town
    request.config.stash[UNDESCRIBED].update(undescribed_keys(town))


@pytest.fixture
async def sharded(tmp_path: Path, source: Path, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    async with a_sharded_town(tmp_path, source, request) as town:
        yield town


def a_channel_in_every_shard(town: Town) -> list[Channel]:
    """By shard, each in a server with Mia."""
    guilds = a_server_in_every_shard(town.discord, SHARDS)
    for guild in guilds:
        guild.join(town.mia)
    return [guild.channel("songs") for guild in guilds]


async def answered_everywhere(town: Town, channels: list[Channel]) -> None:
    invocations = [await town.mia.command(channel, "quota") for channel in channels]
    for invocation in invocations:
        assert "left today" in (await invocation.response()).content


def shards_of(app: App) -> list[int]:
    return sorted(number for number, shard in (app.client.shards or {}).items() if shard.connected.is_set())


def shards_with_a_session(town: Town) -> list[int]:
    return sorted(session.shard[0] for session in town.discord.gateway.sessions)


async def until(look: Callable[[], bool]) -> None:
    async def looked() -> bool:
        return look()

    await eventually(looked, seconds=SETTLED_SECONDS)


async def settled(town: Town, *apps: App, each: int) -> None:
    """Every app has `each` shards and every shard one session."""
    await until(
        lambda: all(len(shards_of(app)) == each for app in apps) and shards_with_a_session(town) == [*range(SHARDS)]
    )


@pytest.mark.sqlite
async def test_one_process_on_a_file_serves_all_shards(sharded: Town) -> None:
    channels = a_channel_in_every_shard(sharded)

    app = await sharded.start()
    await settled(sharded, app, each=SHARDS)

    await answered_everywhere(sharded, channels)
    await sharded.extend()
    result = await sharded.result()
    assert len(result.attachments) == 2
    assert await sharded.announced()
    assert sharded.discord.gateway.too_early == []


@pytest.mark.sqlite
async def test_after_a_kill_a_process_on_a_file_does_not_wait_for_the_old_leases(sharded: Town, tmp_path: Path) -> None:
    environ = environ_of(sharded.settings, SHARDS=str(SHARDS), LEASE_SECONDS="600")
    async with bot_process(environ, "run", folder=tmp_path) as bot:
        await said(bot, "shard 0 of 4 is ready")
        await said(bot, "commands to Discord")  # its turn to announce them would last two minutes
        bot.process.kill()
        await bot.process.wait()

    app = await sharded.start(lease_seconds=600.0)

    await settled(sharded, app, each=SHARDS)


@pytest.mark.sqlite
async def test_a_new_process_on_a_file_shares_with_the_old_one_until_that_stops(sharded: Town, tmp_path: Path) -> None:
    environ = environ_of(sharded.settings, SHARDS=str(SHARDS), LEASE_SECONDS="1", WEB_PORT=str(free_port()))
    async with bot_process(environ, "run", folder=tmp_path) as old:
        await until(lambda: shards_with_a_session(sharded) == [*range(SHARDS)])
        new = await sharded.start()
        await settled(sharded, new, each=2)

        assert await old.end() == 0
        await settled(sharded, new, each=SHARDS)


async def test_the_number_is_asked_for_until_discord_answers(sharded: Town, caplog: pytest.LogCaptureFixture) -> None:
    sharded.discord.troubles.add("GET", "/gateway/bot", TroubleKind.ERROR_BEFORE, times=2, status=503)

    await settled(sharded, await sharded.start(shards=0), each=SHARDS)

    (line,) = [each for each in caplog.messages if "how many shards" in each]
    assert line == "cannot find out how many shards there are (HTTP 503); trying again"


async def test_a_start_that_could_use_up_the_days_sessions_is_reported(
    tmp_path: Path, source: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_sharded_town(tmp_path, source, request, dataclasses.replace(SHARDED, sessions_left=3)) as town:
        await settled(town, await town.start(), each=SHARDS)

    (line,) = [each.getMessage() for each in caplog.records if "more sessions" in each.getMessage()]
    assert line == (
        "Discord allows 3 more sessions in the next 24.0 hours, and each start of one of the 4 shards uses one;"
        " beyond that it resets the token: restart nothing until then"
    )


@pytest.mark.postgres
async def test_a_process_without_a_share_stands_by_and_says_so(sharded: Town, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(SHARDS):
            await stack.enter_async_context(running(sharded.stand_ins, sharded.settings, only=GATEWAY))
        await until(lambda: shards_with_a_session(sharded) == [*range(SHARDS)])
        caplog.clear()

        await stack.enter_async_context(running(sharded.stand_ins, sharded.settings, only=GATEWAY))
        await until(lambda: any("no shard is free for this process" in each for each in caplog.messages))


async def test_a_greeted_shard_counts_as_the_greeting_that_everything_else_waits_for(sharded: Town) -> None:
    app = await sharded.start()

    await settled(sharded, app, each=SHARDS)
    assert app.client.greeting.is_set()


async def test_auto_takes_the_number_that_discord_recommends(sharded: Town) -> None:
    app = await sharded.start(shards=0)

    await settled(sharded, app, each=SHARDS)
    assert sharded.discord.gateway.identified == SHARDS


async def test_menus_buttons_and_direct_messages_work(sharded: Town) -> None:
    await settled(sharded, await sharded.start(), each=SHARDS)
    await sharded.extend()
    await sharded.result()
    job = await sharded.job_in(JobState.DELIVERED)

    listed = await (await sharded.mia.command(sharded.mia.dm, "jobs")).response()
    chosen = await (await sharded.mia.choose(listed, "Choose a job…", job.id)).response()
    again = await (await sharded.mia.click(chosen, "Send again")).response()

    assert "https://discord.com/channels/" in again.content


async def test_a_server_whose_arrival_discord_py_lost_is_left_once_its_shard_is_ready(sharded: Town) -> None:
    """Its queue of servers drops one that comes when the wait for the last one runs out."""
    app = await sharded.start(allowed_servers=frozenset({sharded.guild.id}))
    await settled(sharded, app, each=SHARDS)
    shards = (app.client.shards or {}).values()
    for shard in shards:
        await shard.wait_until_ready()
        shard._connection._ready_state = asyncio.Queue()  # the state of that moment
    guilds = [channel.guild for channel in a_channel_in_every_shard(sharded)]
    await until(lambda: all(shard.guilds for shard in shards))

    for shard in shards:
        shard.dispatch("ready")

    await until(lambda: [guild for guild in guilds if guild and guild.has_bot] == [sharded.guild])


async def test_servers_that_are_not_allowed_are_left(sharded: Town) -> None:
    await settled(sharded, await sharded.start(allowed_servers=frozenset({sharded.guild.id})), each=SHARDS)

    channels = a_channel_in_every_shard(sharded)
    guilds = [channel.guild for channel in channels if channel.guild is not sharded.guild]

    await until(lambda: not any(guild is not None and guild.has_bot for guild in guilds))
    assert sharded.guild.has_bot


async def test_the_bot_is_not_ready_while_its_shards_are_away(sharded: Town) -> None:
    await sharded.start()
    port, gateway = sharded.settings.web_port, sharded.discord.gateway
    await eventually(partial(is_reported, port, 200, {"gateway": True, "database": True}))

    gateway.refuse_connections(1_000_000)
    gateway.drop()
    await eventually(partial(is_reported, port, 503, {"gateway": False, "database": True}))

    gateway.refuse_connections(0)
    await eventually(partial(is_reported, port, 200, {"gateway": True, "database": True}))


@asynccontextmanager
async def a_gateway_process(town: Town, folder: Path) -> AsyncIterator[BotProcess]:
    environ = environ_of(town.settings, SHARDS=str(SHARDS), LEASE_SECONDS="1")
    async with bot_process(environ, "run", "--only", "gateway", folder=folder) as bot:
        yield bot


@pytest.mark.postgres
async def test_shards_are_shared_taken_over_and_shared_again(sharded: Town, tmp_path: Path) -> None:
    town, channels = sharded, a_channel_in_every_shard(sharded)
    workers = frozenset({Role.WORKERS, Role.WEB})
    async with running(town.stand_ins, town.settings, only=workers), AsyncExitStack() as later:
        app = await town.start(only=GATEWAY)
        async with a_gateway_process(town, tmp_path) as other:
            await settled(town, app, each=2)
            await answered_everywhere(town, channels)

            other.process.kill()
            await other.process.wait()
        await answered_everywhere(town, [channels[number] for number in shards_of(app)])
        await settled(town, app, each=SHARDS)
        await answered_everywhere(town, channels)

        third = await later.enter_async_context(running(town.stand_ins, town.settings, only=GATEWAY))
        await in_service_until(town, channels, lambda: len(shards_of(third)) == 2)
        await settled(town, app, third, each=2)
        await answered_everywhere(town, channels)

    assert town.discord.gateway.too_early == []
    announcements = [each for each in town.discord.requests if each.method == "PUT"]
    assert len(announcements) == 1


async def in_service_until(town: Town, channels: list[Channel], look: Callable[[], bool]) -> None:
    """Every command is answered, whatever happens meanwhile."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while not look():
            await answered_everywhere(town, channels)
            await asyncio.sleep(0.05)


@pytest.mark.postgres
async def test_a_process_that_stops_gives_its_shards_back_at_once(sharded: Town) -> None:
    town = sharded
    long = replace(town.settings, lease_seconds=600.0)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(town.stand_ins, long, only=GATEWAY))
        async with running(town.stand_ins, long, only=GATEWAY) as second:
            await settled(town, first, second, each=2)

        await settled(town, first, each=SHARDS)


@pytest.mark.postgres
async def test_a_process_that_is_told_to_stop_gives_its_shards_back_before_it_waits_for_a_submission(
    sharded: Town, tmp_path: Path
) -> None:
    town = sharded
    environ = environ_of(town.settings, SHARDS=str(SHARDS), LEASE_SECONDS="600")
    town.suno.next_submit("hold started")
    async with (
        bot_process(environ, "run", folder=tmp_path) as bot,
        running(town.stand_ins, replace(town.settings, lease_seconds=600.0), only=GATEWAY) as other,
    ):
        await settled(town, other, each=2)
        await town.extend()
        await town.suno.wait_for_submit()

        bot.process.send_signal(signal.SIGTERM)
        await until(lambda: len(shards_of(other)) == SHARDS)
        assert not any("not answered within" in line for line in bot.said)


@pytest.mark.postgres
@pytest.mark.parametrize("second_session", SecondSession)
async def test_a_hand_over_succeeds_whatever_discord_makes_of_the_second_session(
    tmp_path: Path, source: Path, request: pytest.FixtureRequest, second_session: SecondSession
) -> None:
    options = dataclasses.replace(SHARDED, second_session=second_session)
    async with a_sharded_town(tmp_path, source, request, options) as town, AsyncExitStack() as stack:
        channels = a_channel_in_every_shard(town)
        first = await stack.enter_async_context(running(town.stand_ins, town.settings, only=GATEWAY))
        await settled(town, first, each=SHARDS)

        second = await stack.enter_async_context(running(town.stand_ins, town.settings, only=GATEWAY))
        await settled(town, first, second, each=2)

        await answered_everywhere(town, channels)


@pytest.mark.postgres
async def test_a_command_that_two_sessions_of_a_shard_deliver_is_carried_out_once(sharded: Town) -> None:
    town = sharded
    other = replace(town.settings, shards=None)  # one that is not part of the shards hears every command
    workers = frozenset({Role.WORKERS, Role.WEB})
    async with running(town.stand_ins, town.settings, only=workers), running(town.stand_ins, other, only=GATEWAY):
        app = await town.start(only=GATEWAY)
        await until(lambda: len(shards_of(app)) == SHARDS)

        for number in range(1, 4):
            await town.extend()
            await town.result(number)

    assert town.suno.submits == len(ends(town.songs)) == 3


@pytest.mark.postgres
async def test_two_processes_that_start_together_identify_five_seconds_apart(
    tmp_path: Path, source: Path, request: pytest.FixtureRequest
) -> None:
    options = dataclasses.replace(SHARDED, max_concurrency=1, identify_seconds=5.0)
    async with a_sharded_town(tmp_path, source, request, options) as town, AsyncExitStack() as stack:
        settings = replace(town.settings, shards=3)
        one, other = await asyncio.gather(
            *(stack.enter_async_context(running(town.stand_ins, settings, only=GATEWAY)) for _ in range(2))
        )
        await until(lambda: sorted(shards_of(one) + shards_of(other)) == [0, 1, 2])

        assert shards_of(one)
        assert shards_of(other)
        assert town.discord.gateway.identified == 3
        assert town.discord.gateway.too_early == []


@pytest.mark.postgres
async def test_a_frozen_process_drops_shards_that_were_taken_over(sharded: Town, tmp_path: Path) -> None:
    town, channels = sharded, a_channel_in_every_shard(sharded)
    app = await town.start(only=GATEWAY)
    async with a_gateway_process(town, tmp_path) as other:
        await settled(town, app, each=2)
        other.process.send_signal(signal.SIGSTOP)
        await until(lambda: len(shards_of(app)) == SHARDS)
        await answered_everywhere(town, channels)

        other.process.send_signal(signal.SIGCONT)

        await settled(town, app, each=2)
        await answered_everywhere(town, channels)
    assert town.discord.gateway.too_early == []


@pytest.mark.postgres
@pytest.mark.parametrize("busy_seconds", [BUSY_SECONDS])
async def test_every_process_keeps_its_shards_through_an_outage_of_the_database(
    sharded: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """It lasts longer than a lease."""
    town = sharded

    def said_by_both(words: str) -> bool:
        return sum(line.startswith(words) for line in caplog.messages) == 2

    async with (
        running(town.stand_ins, town.settings, only=GATEWAY) as one,
        running(town.stand_ins, town.settings, only=GATEWAY) as other,
    ):
        await settled(town, one, other, each=2)
        before, identified = (shards_of(one), shards_of(other)), town.discord.gateway.identified

        async with held(town.settings.database_path):
            await until(lambda: said_by_both("database unavailable"))
        await until(lambda: said_by_both("the database can be written again"))
        await settled(town, one, other, each=2)

        assert (shards_of(one), shards_of(other)) == before
        assert town.discord.gateway.identified == identified


@pytest.mark.postgres
async def test_another_number_is_refused_while_processes_are_at_work(sharded: Town, tmp_path: Path) -> None:
    await settled(sharded, await sharded.start(only=GATEWAY), each=SHARDS)

    environ = environ_of(sharded.settings, SHARDS="8", LEASE_SECONDS="1")
    async with bot_process(environ, "run", "--only", "gateway", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert bot.said[-1].startswith("encore: stopped: SHARDS is 8, but the gateway processes at work have 4 shards")


@pytest.mark.parametrize("shards", ["", "4"])
async def test_a_bot_that_needs_more_shards_stops_and_says_so(
    tmp_path: Path, source: Path, request: pytest.FixtureRequest, shards: str
) -> None:
    options = dataclasses.replace(SHARDED, session_servers=1)
    async with a_sharded_town(tmp_path, source, request, options) as town:
        a_channel_in_every_shard(town)
        async with bot_process(environ_of(town.settings, SHARDS=shards), "run", folder=tmp_path) as bot:
            assert await bot.exit_status() == 1

    assert "encore: stopped: Discord requires shards, or more of them, for a bot in this many servers: stop all" in (
        "\n".join(bot.said)
    )


async def test_a_form_is_refused_fixed_and_taken_in_whatever_its_shard(sharded: Town) -> None:
    channels = a_channel_in_every_shard(sharded)
    await sharded.start()
    await sharded.discord.wait_ready(SHARDS)
    for channel in channels:
        opened = await sharded.mia.command(channel, "extend", audio=Upload(sharded.source), form=True)
        sent = await sharded.mia.submit_modal(await opened.opened_modal(), {"Where to continue": "9:00"})
        refusal = await sent.wait_until(lambda message: message.components)
        again = await (await sharded.mia.click(refusal, "Fix")).opened_modal()
        await sharded.mia.submit_modal(again, {"Where to continue": "0:04"})

    for channel in channels:
        await ended(channel)
