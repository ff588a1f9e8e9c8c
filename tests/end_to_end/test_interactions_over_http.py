"""A bot without a gateway: Discord sends its interactions to the web role. `either_way` marks further journeys."""

import dataclasses
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.app import build
from bot.domain.jobs import JobState
from bot.parts.web import web_part
from bot.roles import ALL
from bot.sandbox.discord import Invocation, NotVerified
from bot.sandbox.stand_ins import free_port, running
from tests.end_to_end.test_readiness import is_reported
from tests.end_to_end.test_sending_again import details, links
from tests.end_to_end.town import QUICK, UNHURRIED, WITHOUT_GATEWAY, Town, a_town, ends, eventually
from tests.support.interactions import Taken, post
from tests.support.one_address import one_address
from tests.support.process import BotProcess, bot_process, environ_of, said


@pytest.fixture
async def suspicious_town(tmp_path: Path, source: Path) -> AsyncIterator[Town]:
    """Discord sends a wrongly signed request before each interaction."""
    async with a_town(tmp_path, source, discord=dataclasses.replace(UNHURRIED, forged_every=1)) as town:
        yield town


async def jobs(town: Town) -> int:
    return len(await town.app.storage.reading.jobs.of_member(town.mia.id, limit=100))


def statuses(town: Town) -> set[int]:
    return {delivery.status for delivery in town.discord.endpoint.deliveries}


async def acknowledgements(town: Town, clicked: Invocation, number: int) -> None:
    """Wait until the bot has tried to acknowledge it this many times."""
    path = f"/interactions/{clicked.interaction.id}/"

    def tried() -> bool:
        return sum(each.path.startswith(path) and each.status is not None for each in town.discord.requests) >= number

    await town.discord.wait_for_request(lambda _: tried())


# From command to music


async def test_a_file_becomes_posted_music_without_a_gateway(town: Town) -> None:
    await town.start_over_http()

    invocation = await town.extend()
    answer = await invocation.wait_until(lambda message: "Got it" in message.content)
    result = await town.result()
    job = await town.job_in(JobState.DELIVERED)

    assert answer.is_ephemeral
    assert len(result.attachments) == 2
    assert (job.place.guild_id, job.place.channel_id) == (town.guild.id, town.songs.id)
    assert town.suno.submits == len(ends(town.songs)) == 1
    assert town.mia.pings[-1].message is result
    assert town.discord.gateway.identified == 0
    assert statuses(town) == {202}


async def test_a_private_result_is_shown_to_its_member_alone(town: Town) -> None:
    await town.start_over_http()

    invocation = await town.extend(private=True)
    answer = await invocation.wait_until(lambda message: message.attachments)

    assert answer.is_ephemeral
    assert len(answer.attachments) == 2
    assert town.songs.messages == []


async def test_suggestions_and_buttons_work(town: Town) -> None:
    await town.start_over_http(keep_tracks_days=1)
    models = await town.mia.autocomplete(town.songs, "extend", focused="model", value="3.5")
    await town.extend(style="folk", title="Boats", prompt="la")
    job = await town.job_in(JobState.DELIVERED)

    shown = await details(town, town.songs, job)
    clicked = await town.mia.click(shown, "Send again")

    assert [model.value for model in models] == ["V3_5"]
    assert "Open" in links(shown)
    assert (await clicked.wait_until(lambda message: "Sent" in message.content)).is_ephemeral
    assert len(ends(town.songs)) == 2
    assert statuses(town) == {202}


async def test_a_waiting_job_is_cancelled_by_its_button(slow_town: Town) -> None:
    town = slow_town
    await town.start_over_http(credits_per_day=12)
    await town.extend()
    await town.suno.wait_for_submit()
    await town.extend(title="Boats", style="folk", prompt="la")
    job = await town.job_in(JobState.ACCEPTED)

    clicked = await town.mia.click(await details(town, town.songs, job), "Cancel")

    assert "Cancelled" in (await clicked.wait_until(lambda message: "Cancelled" in message.content)).content
    await town.job_in(JobState.CANCELLED)


async def test_a_command_is_refused_in_the_same_words(town: Town) -> None:
    await town.start_over_http()
    town.songs.deny("ATTACH_FILES")

    answer = await (await town.extend()).response()

    assert "I'm missing Attach Files" in answer.content
    assert answer.is_ephemeral
    assert not town.handed_over()


async def test_a_server_that_is_not_allowed_is_refused_but_not_left(town: Town) -> None:
    other = town.discord.guild("Elsewhere")
    lobby = other.channel("lobby")
    other.join(town.mia)
    await town.start_over_http(allowed_servers=frozenset({town.guild.id}))

    answer = await (await town.mia.command(lobby, "quota")).response()

    assert answer.content == "Sorry, I'm not set up for this server."
    assert other.has_bot


# Several web processes


async def test_two_identical_processes_behind_one_address_share_the_work(town: Town) -> None:
    key = town.discord.endpoint.public_key
    ports = [free_port(), free_port()]
    async with one_address(ports) as port, AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{port}"
        settings = replace(town.settings, interactions_public_key=key, public_url=address)
        first = await stack.enter_async_context(
            running(town.stand_ins, replace(settings, web_port=ports[0]), only=WITHOUT_GATEWAY)
        )
        town.apps.append(first)
        async with running(town.stand_ins, replace(settings, web_port=ports[1]), only=WITHOUT_GATEWAY):
            await town.discord.endpoint.register(f"{address}/interactions")
            for number in range(1, 5):
                await town.extend()
                await town.result(number)
        await town.extend()  # the first process alone
        await town.result(5)
        await town.job_in(JobState.DELIVERED)

        assert await jobs(town) == town.suno.submits == len(ends(town.songs)) == 5
        assert (await town.balance()).spent == 5
        assert len([message for message in town.songs.messages if not message.embeds]) == 5
    assert statuses(town) == {202}
    announced = [request for request in town.discord.requests if request.method == "PUT"]
    assert len(announced) == 1


@pytest.mark.postgres
async def test_web_processes_apart_from_the_workers_survive_the_loss_of_one(town: Town, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    async with one_address(ports) as port, AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{port}"

        async def a_process(only: str, web_port: int = 0) -> BotProcess:
            settings = replace(town.settings, public_url=address, web_port=web_port)
            environ = environ_of(settings, INTERACTIONS_PUBLIC_KEY=town.discord.endpoint.public_key)
            bot = await stack.enter_async_context(bot_process(environ, "run", "--only", only, folder=tmp_path))
            await said(bot, "invite link")  # it has logged in
            return bot

        await a_process("workers")
        first, _ = [await a_process("web", port) for port in ports]
        await town.discord.wait_for_commands("extend")
        await town.discord.endpoint.register(f"{address}/interactions")
        for number in (1, 2):
            await town.extend()
            await town.result(number)
        first.process.kill()
        await first.process.wait()
        for number in (3, 4):
            await town.extend()
            await town.result(number)

    assert town.suno.submits == len(ends(town.songs)) == 4
    assert statuses(town) == {202}
    assert town.discord.gateway.identified == 0


async def test_an_interaction_that_comes_both_ways_is_carried_out_once(tmp_path: Path, source: Path) -> None:
    options = dataclasses.replace(UNHURRIED, interactions_both_ways=True)
    async with a_town(tmp_path, source, QUICK, options) as town:
        await town.start_over_http(ALL)
        assert town.discord.gateway.identified == 1

        for number in range(1, 4):
            await town.extend()
            await town.result(number)
            await town.job_in(JobState.DELIVERED)

        assert await jobs(town) == town.suno.submits == len(ends(town.songs)) == 3
        assert (await town.balance()).spent == 3


async def test_a_click_that_comes_both_ways_sends_the_music_once(tmp_path: Path, source: Path) -> None:
    options = dataclasses.replace(UNHURRIED, interactions_both_ways=True)
    async with a_town(tmp_path, source, QUICK, options) as town:
        await town.start_over_http(ALL)
        await town.extend()
        job = await town.job_in(JobState.DELIVERED)

        clicked = await town.mia.click(await details(town, town.songs, job), "Send again")
        await town.result(2)
        await acknowledgements(town, clicked, 2)
        await (await town.mia.command(town.songs, "quota")).response()

        assert len(ends(town.songs)) == 2


# Signatures


async def test_discord_verifies_the_address_and_finds_every_forgery_refused(suspicious_town: Town) -> None:
    town = suspicious_town
    await town.start_over_http()
    at_registration = dict(town.discord.endpoint.forged)

    for _ in range(3):
        await (await town.mia.command(town.songs, "quota")).response()

    assert at_registration == {401: 3}
    assert town.discord.endpoint.forged == {401: 6}
    assert town.discord.endpoint.removed_because == ""


async def test_a_bot_with_the_wrong_key_is_not_registered_and_says_so(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    _ = town.discord.endpoint.public_key
    app = await town.start(WITHOUT_GATEWAY, interactions_public_key=Taken().signer.public_key)

    with pytest.raises(NotVerified, match="a PING was answered 401"):
        await town.discord.endpoint.register(f"{app.settings.public_url}/interactions")

    async def is_said() -> bool:
        return any(
            "is not this application's key" in record.getMessage() and record.levelname == "ERROR"
            for record in caplog.records
        )

    await eventually(is_said)
    await eventually(partial(is_reported, app.settings.web_port, 503, {"discord": False, "database": True}))


async def test_a_restart_with_a_registered_address_logs_no_warning(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.start_over_http()
    await town.stop()
    caplog.clear()

    await town.start_over_http()
    await (await town.mia.command(town.songs, "quota")).response()

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_gateway_without_the_key_says_where_its_commands_go(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.start_over_http()
    await town.stop()
    caplog.clear()

    await town.start()

    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.startswith(f"Discord sends interactions to {town.discord.endpoint.url} and not to the gateway")


async def test_a_replayed_command_starts_nothing(town: Town) -> None:
    await town.start_over_http()
    await town.extend()
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert await town.discord.endpoint.replay() == 202
    await (await town.mia.command(town.songs, "quota")).response()  # it has been looked at by now

    assert await jobs(town) == town.suno.submits == len(ends(town.songs)) == 1
    assert (await town.balance()).spent == 1


async def test_a_replayed_click_sends_nothing_again(town: Town) -> None:
    await town.start_over_http()
    await town.extend()
    job = await town.job_in(JobState.DELIVERED)
    clicked = await town.mia.click(await details(town, town.songs, job), "Send again")
    await town.result(2)

    assert await town.discord.endpoint.replay() == 202
    await acknowledgements(town, clicked, 2)
    await (await town.mia.command(town.songs, "quota")).response()

    assert len(ends(town.songs)) == 2


async def test_a_replay_after_the_token_has_run_out_does_nothing(town: Town) -> None:
    await town.start_over_http()
    await (await town.mia.command(town.songs, "quota")).response()
    before = len(town.discord.requests)
    town.discord.advance(16 * 60)

    assert await town.discord.endpoint.replay() == 202
    answered = await town.discord.wait_for_request(
        lambda request: request in list(town.discord.requests)[before:] and request.path.endswith("/callback")
    )

    assert answered.status == 400


@pytest.mark.sqlite
async def test_a_flood_of_wrongly_signed_requests_stores_nothing(town: Town) -> None:
    key = town.discord.endpoint.public_key
    settings = replace(town.settings, web_port=0, interactions_public_key=key)
    forger, body = Taken(), b'{"id": "1", "type": 2}'
    async with build(settings, only=WITHOUT_GATEWAY) as app, web_part(app.ground, has_gateway=False) as port:
        with closing(sqlite3.connect(town.settings.database_path)) as other:
            version = other.execute("PRAGMA data_version").fetchone()
            answers = [await post(port, body, forger.signed(body)) for _ in range(200)]

            assert other.execute("PRAGMA data_version").fetchone() == version
    assert {status for status, _ in answers} == {401}


# Being ready


async def test_it_is_ready_once_it_has_logged_in(town: Town) -> None:
    port = town.settings.web_port
    key = town.discord.endpoint.public_key
    settings = replace(town.settings, interactions_public_key=key)
    async with build(settings, only=WITHOUT_GATEWAY) as app, web_part(app.ground, has_gateway=False):
        assert await is_reported(port, 503, {"discord": False, "database": True})
        await town.discord.endpoint.register(f"{town.settings.public_url}/interactions")  # PING needs no log-in

    await town.start_over_http()
    assert await is_reported(port, 200, {"discord": True, "database": True})


async def test_a_bot_without_a_gateway_needs_no_postgresql(town: Town, tmp_path: Path) -> None:
    environ = environ_of(town.settings, INTERACTIONS_PUBLIC_KEY=town.discord.endpoint.public_key)
    async with bot_process(environ, "run", "--only", "web,workers", folder=tmp_path) as bot:
        await said(bot, "listening on port")
        await town.discord.wait_for_commands("extend")
        await said(bot, f"enter {town.settings.public_url}/interactions as Interactions Endpoint URL")
        await town.discord.endpoint.register(f"{town.settings.public_url}/interactions")
        await town.extend()
        await town.result()

        assert await bot.end() == 0


async def test_without_pynacl_one_line_says_what_to_install(town: Town, tmp_path: Path) -> None:
    (tmp_path / "nacl").mkdir()
    (tmp_path / "nacl" / "__init__.py").write_text("raise ModuleNotFoundError('nacl')\n")
    environ = environ_of(town.settings, INTERACTIONS_PUBLIC_KEY="a1" * 32)
    environ["PYTHONPATH"] = f"{tmp_path}:{environ['PYTHONPATH']}"

    async with bot_process(environ, "run", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert bot.said[-1] == (
        "encore: stopped: INTERACTIONS_PUBLIC_KEY needs PyNaCl: pip install 'encore-bot[interactions]'"
    )
