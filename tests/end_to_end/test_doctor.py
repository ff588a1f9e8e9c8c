"""`encore doctor` against the stand-ins: a healthy bot, and every fault at Discord and at the music service."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace as replaced
from pathlib import Path

import discord
import pytest
from msgspec.structs import replace

from bot.doctor.application import check_application, check_token
from bot.doctor.finding import Status
from bot.doctor.servers import check_servers
from bot.gateway import discord_at
from bot.sandbox.discord import DiscordOptions, TroubleKind
from bot.settings import Settings
from tests.end_to_end.town import QUICK, UNHURRIED, Town, a_town
from tests.support.doctor import check, examined, failed, warned
from tests.support.front import Front, standing
from tests.support.process import ROOT, bot_process, environ_of

AS_INTENDED = replaced(UNHURRIED, bot_public=False, integration_types=frozenset({0}))
ALL = [
    *("python", "settings", "database", "disk", "clock", "token", "application", "invite", "servers", "commands"),
    *("key", "credits", "upload", "port", "public_url", "interactions", "decoder", "version"),
]
NEEDED = ["VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES", "READ_MESSAGE_HISTORY"]


@asynccontextmanager
async def town_with(folder: Path, source: Path, discord: DiscordOptions = AS_INTENDED) -> AsyncIterator[Town]:
    async with a_town(folder, source, QUICK, discord) as town:
        yield town


@pytest.fixture
async def tidy(tmp_path: Path, source: Path) -> AsyncIterator[Town]:
    """A town whose application is set up as README.md says."""
    async with town_with(tmp_path, source) as town:
        yield town


# The whole


async def test_beside_a_healthy_bot_all_is_fine_and_nothing_is_spent(tidy: Town) -> None:
    app = await tidy.start()
    await tidy.announced()
    before = tidy.suno.credits

    found = await examined(app.settings)

    assert {each.name: each.came_back for each in found.values() if each.status is not Status.OK} == {}
    assert list(found) == ALL
    assert tidy.suno.submits == 0
    assert tidy.suno.credits == before
    assert not [request for request in tidy.suno.requests if "generate/upload-extend" in request.path]
    assert len([request for request in tidy.suno.requests if "upload" in request.path]) == 1
    await tidy.extend()
    await tidy.result()  # the bot has not been disturbed


async def test_without_a_running_bot_all_but_the_commands_is_fine(tidy: Town) -> None:
    found = await examined(tidy.settings)

    warned(found.pop("commands"), "no command is announced yet")
    assert {each.name: each.came_back for each in found.values() if each.status is not Status.OK} == {}
    assert not tidy.discord.gateway.identified


async def test_as_a_program_it_exits_with_1_if_something_needs_fixing(tidy: Town, tmp_path: Path) -> None:
    environ = environ_of(tidy.settings)
    async with bot_process(environ, "doctor", folder=tmp_path) as fine:
        assert await fine.exit_status() == 0
    tidy.suno.credits = 5
    async with bot_process(environ, "doctor", folder=tmp_path) as poor:
        assert await poor.exit_status() == 1

    assert fine.said[-1] == "Nothing needs fixing; see the warnings (1)."
    assert poor.said[-1] == "1 of 18 checks found something that needs fixing."
    credits_line = next(line for line in poor.said if line.startswith("failed"))
    assert credits_line.split()[:3] == ["failed", "credits", "5"]


async def test_a_rehearsal_plays_one_job_on_this_machine(tidy: Town, tmp_path: Path) -> None:
    async with bot_process(environ_of(tidy.settings), "doctor", "--rehearse", folder=tmp_path) as bot:
        await bot.process.wait()

    line = next(line for line in bot.said if " rehearsal " in line)
    assert line.startswith("ok ")
    assert "the music was posted after" in line
    assert tidy.suno.submits == 0


async def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    command = f"{sys.executable} -m bot doctor | head -1"
    shell = await asyncio.create_subprocess_shell(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "DISCORD_API_URL": "http://127.0.0.1:1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await shell.communicate()

    assert said.startswith(b"ok       python")
    assert complaints == b""


async def test_without_its_libraries_it_says_so_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text("raise ImportError('half of it is missing')")
    async with bot_process({"PYTHONPATH": f"{tmp_path}:{ROOT}"}, "doctor", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert any("a library can't be imported (half of it is missing)" in line for line in bot.said)


async def test_bad_settings_leave_the_other_checks_alone(tidy: Town) -> None:
    found = await examined(tidy.settings, {"DISCORD_TOKEN": "", "QUOTA_PER_DAY": "many"})

    failed(found["settings"], "is not set", "correct these settings")
    assert {name for name, each in found.items() if each.status is Status.SKIPPED} == {
        *("token", "application", "invite", "servers", "commands", "port", "public_url", "interactions")
    }
    assert found["token"].came_back == "not checked: DISCORD_TOKEN has to be corrected first"
    for name in ("database", "key", "credits", "upload", "decoder", "version"):
        assert found[name].status is Status.OK


async def test_no_secret_is_printed_however_it_was_mangled(tidy: Town) -> None:
    token, password = "half.a-token and-the-other-half", "pass%20word-of-mine"
    environ = {
        "DISCORD_TOKEN": token,
        "SUNO_API_KEY": "a-key-that-nobody-knows",
        "DATABASE_URL": f"postgresql://encore:{password}@127.0.0.1:1/encore",
    }

    found = await examined(tidy.settings, environ)

    printed = " ".join(f"{each.tried} {each.came_back} {each.remedy}" for each in found.values())
    for secret in (*token.split(), *environ.values(), password, "pass word-of-mine"):
        assert secret not in printed


# Discord


async def test_a_refused_token_is_named_and_what_depends_on_it_is_skipped(tmp_path: Path, source: Path) -> None:
    async with town_with(tmp_path, source, replaced(AS_INTENDED, token="the right one")) as town:
        found = await examined(town.settings)

    failed(found["token"], "Discord refuses the token")
    for name in ("application", "invite", "servers", "commands"):
        check(found[name], Status.SKIPPED)
        assert found[name].came_back == "not checked: “token” has to be fixed first"
    assert found["key"].status is found["upload"].status is Status.OK


async def test_a_silent_discord_is_noticed(tidy: Town) -> None:
    async with tidy.discord.unreachable():
        found = await examined(tidy.settings)

    failed(found["token"], "Discord does not answer as it should")
    warned(found["clock"], "Discord didn't say what time it is")


async def test_an_address_that_is_not_discords_is_noticed(tidy: Town) -> None:
    async with standing(Front(status=200)) as front:
        found = await examined(replace(tidy.settings, discord_api_url=front.url))

    failed(found["token"], "the answer is not Discord's")


async def test_a_clock_that_differs_from_discords_is_noticed(tidy: Town) -> None:
    tidy.discord.advance(3600)

    found = await examined(tidy.settings)

    failed(found["clock"], "the clock of this machine")
    assert "is 3600 s behind" in found["clock"].came_back or "is 3599 s behind" in found["clock"].came_back


async def test_an_application_that_anybody_can_add_is_a_warning(tmp_path: Path, source: Path) -> None:
    options = replaced(AS_INTENDED, bot_public=True, integration_types=frozenset({0, 1}), privileged_intents=True)
    async with town_with(tmp_path, source, options) as town:
        found = await examined(town.settings)
        mine = await examined(replace(town.settings, allowed_servers=frozenset({town.guild.id})))

    words = ("User Install is on", "privileged intents are on that the bot does not use")
    warned(found["application"], "anybody can add the bot and spend your credits", *words)
    warned(mine["application"], *words)
    assert "Presence, Server Members, Message Content" in found["application"].came_back
    assert "anybody can add" not in mine["application"].came_back


async def test_an_invite_link_that_leads_nowhere_is_noticed(tmp_path: Path, source: Path) -> None:
    options = replaced(AS_INTENDED, requires_code_grant=True, integration_types=frozenset({1}))
    async with town_with(tmp_path, source, options) as town:
        found = await examined(town.settings)

    failed(found["invite"], "Requires OAuth2 Code Grant is on", "Guild Install is off")


async def test_the_invite_link_asks_for_exactly_what_the_bot_needs(tidy: Town) -> None:
    found = await examined(tidy.settings)

    assert found["invite"].came_back.startswith("https://discord.com/oauth2/authorize?client_id=")


async def test_the_key_of_another_application_is_noticed(tidy: Town) -> None:
    found = await examined(replace(tidy.settings, interactions_public_key="a1" * 32))

    failed(found["application"], "INTERACTIONS_PUBLIC_KEY is not this application's key")


async def test_missing_and_unexpected_endpoints_for_commands_are_noticed(tidy: Town) -> None:
    own = replace(tidy.settings, interactions_public_key=tidy.discord.endpoint.public_key)
    failed((await examined(own))["application"], "Discord sends no interactions over HTTP yet")

    await tidy.start_over_http()
    failed((await examined(tidy.settings))["application"], "and not to the gateway")


async def test_a_bot_that_takes_commands_over_http_answers_the_doctor_too(tidy: Town) -> None:
    app = await tidy.start_over_http()

    found = await examined(app.settings)

    check(found["interactions"], Status.OK)
    assert found["interactions"].came_back == "this bot answered"
    check(found["application"], Status.OK)


async def test_too_many_servers_for_one_connection_are_noticed(tidy: Town) -> None:
    for number in range(2500):
        tidy.discord.guild(f"Choir {number}", with_bot=True)

    found = await examined_without_servers(tidy.settings)

    assert "Discord requires shards" in found


async def examined_without_servers(settings: Settings) -> str:
    """What the check of the application says; looking at 2500 servers would take minutes."""
    async with logged_in(settings) as client:
        assert client.application is not None
        assert check_application(client.application, replace(settings, shards=0)).status is Status.OK
        found = check_application(client.application, settings)
    failed(found, "Discord requires shards")
    return found.came_back


@asynccontextmanager
async def logged_in(settings: Settings) -> AsyncIterator[discord.Client]:
    with discord_at(settings.discord_api_url, settings.discord_gateway_url):
        async with discord.Client(intents=discord.Intents(guilds=True)) as client:
            check(await check_token(client, settings.discord_token), Status.OK)
            yield client


async def test_all_servers_are_looked_at_however_many_there_are(tidy: Town) -> None:
    for number in range(201):
        last = tidy.discord.guild(f"Choir {number}", with_bot=True)
        last.channel("songs")
    last.deny("ATTACH_FILES")

    async with logged_in(tidy.settings) as client:
        found = await check_servers(client, tidy.settings, invite="a link", every_seconds=0)

    failed(found, "the bot can't work in any channel")
    assert "in Choir 200" in found.came_back


async def test_a_server_that_the_bot_leaves_meanwhile_is_passed_over(tidy: Town) -> None:
    tidy.discord.guild("Elsewhere", with_bot=True)
    left = TroubleKind.ERROR_BEFORE
    tidy.discord.troubles.add("GET", f"/guilds/{tidy.guild.id}", left, status=404, code=10004, message="Unknown Guild")

    found = await examined(tidy.settings)

    failed(found["servers"], "there is no channel")
    assert "Elsewhere" in found["servers"].came_back


async def test_a_bot_in_no_server_gets_its_invite_link(tidy: Town) -> None:
    tidy.guild.kick_bot()

    found = await examined(tidy.settings)

    warned(found["servers"], "the bot is in no server yet", "open the invite link")
    assert "https://discord.com/oauth2/authorize" in found["servers"].remedy


async def test_a_server_where_it_can_work_nowhere_is_named_with_the_missing_permissions(tidy: Town) -> None:
    tidy.songs.deny("ATTACH_FILES", "EMBED_LINKS")

    found = await examined(tidy.settings)

    failed(found["servers"], "the bot can't work in any channel")
    assert "in Harbour Choir" in found["servers"].came_back
    assert "Embed Links, Attach Files" in found["servers"].came_back


async def test_a_server_without_channels_is_named(tidy: Town) -> None:
    tidy.songs.delete()

    failed((await examined(tidy.settings))["servers"], "there is no channel")


async def test_a_private_channel_is_nobodys_fault(tidy: Town) -> None:
    tidy.guild.channel("moderators").deny("VIEW_CHANNEL")

    found = await examined(tidy.settings)

    check(found["servers"], Status.OK)
    assert found["servers"].came_back == "in 1 server, the bot can work in 1 of 2 channels"


async def test_a_role_that_grants_too_little_is_a_warning_while_a_channel_allows_the_rest(tidy: Town) -> None:
    tidy.guild.deny("ATTACH_FILES")
    tidy.songs.allow("ATTACH_FILES")

    found = await examined(tidy.settings)

    warned(found["servers"], "the bot's roles don't grant")


async def test_servers_that_do_not_fit_the_list_are_named(tidy: Town) -> None:
    absent = 123_456_789_012_345_678

    found = await examined(replace(tidy.settings, allowed_servers=frozenset({absent})))

    words = ("not in ALLOWED_SERVERS, so the bot leaves", "in ALLOWED_SERVERS, but the bot is not there")
    warned(found["servers"], *words)
    assert "Harbour Choir" in found["servers"].came_back
    assert str(absent) in found["servers"].came_back


async def test_a_discord_that_does_not_list_servers_or_commands_is_no_fault_of_the_doctor(tidy: Town) -> None:
    for path in ("/users/@me/guilds", "/applications/{application_id}/commands"):
        tidy.discord.troubles.add("GET", path, TroubleKind.ERROR_BEFORE, status=403, code=50001, message="No")

    found = await examined(tidy.settings)

    failed(found["servers"], "Discord does not say")
    failed(found["commands"], "Discord does not say")


async def test_commands_that_are_missing_outdated_or_unknown_are_named(tidy: Town) -> None:
    tidy.discord.world.global_commands.extend(
        {"id": str(number), "application_id": "1", "version": "1", "type": 1, "name": name, "description": "x"}
        for number, name in ((1, "extend"), (2, "dance"))
    )

    found = await examined(tidy.settings)

    failed(found["commands"], "not announced", "announced with other options", "announced, but unknown to this release")
    assert "/jobs" in found["commands"].came_back
    assert "encore commands sync" in found["commands"].remedy


# The music service


async def test_a_refused_key_is_named_and_what_depends_on_it_is_skipped(tidy: Town) -> None:
    tidy.suno.refuse_key = True

    found = await examined(tidy.settings)

    failed(found["key"], "the key is refused")
    assert found["credits"].status is found["upload"].status is Status.SKIPPED
    assert found["token"].status is Status.OK


async def test_a_music_service_that_is_out_of_order_is_noticed(tidy: Town) -> None:
    tidy.suno.next_call("generate/credit", "http 502")

    found = await examined(tidy.settings)

    failed(found["key"], "no useful answer")


async def test_a_music_service_at_a_wrong_address_is_noticed(tidy: Town) -> None:
    found = await examined(replace(tidy.settings, suno_api_url="http://127.0.0.1:1"))

    failed(found["key"], "no useful answer")


async def test_credits_that_run_out_are_noticed(tidy: Town) -> None:
    tidy.suno.credits = 60
    warned((await examined(tidy.settings))["credits"], "credits left")

    tidy.suno.credits = 11
    failed((await examined(tidy.settings))["credits"], "credits left", "top up the account")


async def test_uploads_that_are_not_accepted_are_noticed(tidy: Town) -> None:
    tidy.suno.next_call("file-stream-upload", "http 502")
    failed((await examined(tidy.settings))["upload"], "it was not accepted")

    elsewhere = replace(tidy.settings, suno_upload_url="http://127.0.0.1:1")
    failed((await examined(elsewhere))["upload"], "it was not accepted")


async def test_an_upload_host_that_refuses_the_key_is_noticed(tidy: Town) -> None:
    tidy.suno.next_call("file-stream-upload", "error 401")

    failed((await examined(tidy.settings))["upload"], "the key is refused there")
