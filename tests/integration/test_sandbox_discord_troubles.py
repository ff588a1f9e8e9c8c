import asyncio

import aiohttp
import discord
import pytest

from bot.sandbox.discord import FakeDiscord, NeverHappened, TroubleKind, Upload
from tests.support.discord_api import TOKEN, Json, a_bot, connected, led_to, staged

MESSAGES = "/channels/{channel_id}/messages"
HELLO: Json = {"content": "hello"}


@pytest.mark.parametrize(
    ("kind", "effects"),
    [
        (TroubleKind.ERROR_BEFORE, 0),
        (TroubleKind.ERROR_AFTER, 1),
        (TroubleKind.RATE_LIMITED, 0),
        (TroubleKind.BANNED, 0),
    ],
)
async def test_a_trouble_strikes_once_before_or_after_the_effect(kind: TroubleKind, effects: int) -> None:
    async with staged() as stage:
        trouble = stage.discord.troubles.add("POST", MESSAGES, kind)

        struck = await stage.api.post(stage.songs, HELLO)

        assert struck.status == (429 if kind in (TroubleKind.RATE_LIMITED, TroubleKind.BANNED) else 500)
        assert ("Via" in struck.headers) is (kind is TroubleKind.RATE_LIMITED)
        assert len(stage.songs.messages) == effects
        assert (await stage.api.post(stage.songs, HELLO)).status == 200
        assert trouble.hits == 1


@pytest.mark.parametrize(("kind", "effects"), [(TroubleKind.ABORT_BEFORE, 0), (TroubleKind.ABORT_AFTER, 1)])
async def test_a_connection_is_lost_before_or_after_the_effect(kind: TroubleKind, effects: int) -> None:
    async with staged() as stage:
        stage.discord.troubles.add("POST", MESSAGES, kind)

        with pytest.raises(aiohttp.ClientConnectionError):
            await stage.api.post(stage.songs, HELLO)

        assert len(stage.songs.messages) == effects
        assert stage.discord.requests[-1].status == 0


@pytest.mark.parametrize(("kind", "effects"), [(TroubleKind.HOLD_BEFORE, 0), (TroubleKind.HOLD_AFTER, 1)])
async def test_a_request_is_held_until_it_is_released(kind: TroubleKind, effects: int) -> None:
    async with staged() as stage:
        trouble = stage.discord.troubles.add("POST", MESSAGES, kind)

        posting = asyncio.create_task(stage.api.post(stage.songs, HELLO))
        await trouble.reached()
        assert len(stage.songs.messages) == effects
        assert not posting.done()
        trouble.release()

        assert (await posting).status == 200
        assert len(stage.songs.messages) == 1


async def test_other_requests_are_not_struck() -> None:
    async with staged() as stage:
        posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
        trouble = stage.discord.troubles.add("POST", "/channels/*/messages", TroubleKind.ERROR_BEFORE)

        await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{posted}", HELLO)
        await stage.api.ask("GET", f"/channels/{stage.songs.id}/messages")

        assert trouble.hits == 0
        with pytest.raises(NeverHappened, match="0 hits"):
            await trouble.reached(timeout=0.01)


async def test_an_error_may_carry_any_status_and_code() -> None:
    async with staged() as stage:
        stage.discord.troubles.add("*", "*", TroubleKind.ERROR_BEFORE, status=400, code=50045, message="File too large")

        reply = await stage.api.post(stage.songs, HELLO)

        assert (reply.status, reply.body) == (400, {"message": "File too large", "code": 50045})


async def test_held_requests_proceed_when_the_stand_in_ends() -> None:
    async with staged() as stage:
        trouble = stage.discord.troubles.add("POST", MESSAGES, TroubleKind.HOLD_BEFORE)
        posting = asyncio.create_task(stage.api.post(stage.songs, HELLO))
        await trouble.reached()
        stage.discord.troubles.clear()

        assert (await posting).status == 200


async def test_discord_py_repeats_after_500_and_the_nonce_keeps_it_one_message() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        bot = a_bot()
        async with connected(fake, bot):
            fake.troubles.add("POST", MESSAGES, TroubleKind.ERROR_AFTER)

            await bot.get_partial_messageable(songs.id).send("done", nonce="n")

        assert [message.content for message in songs.messages] == ["done"]


async def test_discord_py_does_not_repeat_after_503_nor_without_via() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        bot = a_bot()
        async with connected(fake, bot):
            fake.troubles.add("POST", MESSAGES, TroubleKind.ERROR_BEFORE, status=503)
            with pytest.raises(discord.DiscordServerError):
                await bot.get_partial_messageable(songs.id).send("done")
            fake.troubles.add("POST", MESSAGES, TroubleKind.BANNED)
            with pytest.raises(discord.HTTPException):
                await bot.get_partial_messageable(songs.id).send("done")

        assert songs.messages == []


async def test_discord_py_waits_when_it_is_told_to() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        bot = a_bot()
        async with connected(fake, bot):
            trouble = fake.troubles.add("POST", MESSAGES, TroubleKind.RATE_LIMITED, retry_after_seconds=0.01)

            await bot.get_partial_messageable(songs.id).send("done")

        assert (trouble.hits, len(songs.messages)) == (1, 1)


START: dict[str, tuple[str, str]] = {
    "who the bot is": ("GET", "/users/@me"),
    "its application": ("GET", "/oauth2/applications/@me"),
    "its commands": ("PUT", "/applications/{application_id}/commands"),
}


async def start(fake: FakeDiscord) -> None:
    """What a discord.py bot requests before it connects."""
    bot = a_bot()

    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Ping."""

    with led_to(fake):
        try:
            await bot.login(TOKEN)
            await bot.tree.sync()
        finally:
            await bot.close()


@pytest.mark.parametrize("what", START)
@pytest.mark.parametrize(
    ("kind", "status", "times", "seen"),
    [
        (TroubleKind.ABORT_BEFORE, 500, 2, aiohttp.ClientConnectionError),  # aiohttp asks a second time on its own
        (TroubleKind.ERROR_BEFORE, 503, 1, discord.DiscordServerError),
    ],
)
async def test_each_start_up_request_fails_as_often_as_asked(
    what: str, kind: TroubleKind, status: int, times: int, seen: type[Exception]
) -> None:
    async with FakeDiscord() as fake:
        trouble = fake.troubles.add(*START[what], kind, times, status=status)

        with pytest.raises(seen):
            await start(fake)
        await start(fake)

        assert trouble.hits == times


async def test_while_unreachable_it_refuses_connections_like_an_unknown_name() -> None:
    async with FakeDiscord() as fake:
        async with fake.unreachable():
            with pytest.raises(aiohttp.ClientConnectorError):
                await start(fake)

        await start(fake)


async def test_an_outage_cuts_the_gateway_and_the_client_resumes() -> None:
    async with FakeDiscord() as fake:
        fake.guild()
        bot = a_bot()
        async with connected(fake, bot):
            async with fake.unreachable():
                await fake.gateway.changes.until(
                    lambda: not fake.gateway.sessions, timeout=5, wanted="the end of the connection", seen=str
                )
            await fake.gateway.wait_resumed()


async def test_a_failure_of_the_stand_in_itself_does_not_stay_hidden() -> None:
    fake = FakeDiscord()

    async def run() -> None:
        async with fake, aiohttp.ClientSession() as session:
            fake._routes.clear()
            fake._rates = None  # type: ignore[assignment]  # to break it
            fake._routes.append(FakeDiscord()._routes[0])
            async with session.get(f"{fake.api_url}/users/@me", headers={"Authorization": "Bot x"}) as answer:
                assert answer.status == 500

    with pytest.raises(ExceptionGroup):
        await run()


async def test_downloads_fail_on_demand() -> None:
    async with staged() as stage:
        link = stage.mia.post(stage.songs, "", Upload("a.mp3", b"song")).attachments[0].url
        stage.discord.troubles.add("GET", "/attachments/*", TroubleKind.ERROR_BEFORE, status=503)
        stage.discord.troubles.add("GET", "/attachments/*", TroubleKind.ABORT_BEFORE, times=2)  # aiohttp asks twice

        async with stage.api.session.get(link) as answer:
            assert answer.status == 503
        with pytest.raises(aiohttp.ClientConnectionError):
            await stage.api.session.get(link)
        async with stage.api.session.get(link) as answer:
            assert await answer.read() == b"song"


async def test_files_of_a_command_vanish_on_demand() -> None:
    async with staged() as stage:
        invocation = await stage.extend(audio=Upload("a.mp3", b"song"))
        (attachment,) = invocation.interaction.data["resolved"]["attachments"].values()

        stage.discord.vanish(invocation)

        async with stage.api.session.get(attachment["url"]) as answer:
            assert answer.status == 404
