"""Sessions: several, resumed, restarted, replayed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import discord
import pytest
from discord.ext import commands

from bot.sandbox.discord import DiscordOptions, FakeDiscord, SecondSession
from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.discord_api import TOKEN, Json, a_bot, connected


@dataclass
class Answers:
    """The outcome of each answer: 200, or the code that Discord refused it with."""

    codes: list[int] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)

    def add(self, code: int) -> None:
        self.codes.append(code)
        self.changes.tell()

    async def until(self, count: int) -> None:
        await self.changes.until(
            lambda: len(self.codes) >= count, wanted=f"{count} answers", seen=lambda: str(self.codes)
        )


def a_counting_bot(answers: Answers) -> commands.Bot:
    """Answers `/ping` and notes the outcome."""
    bot = a_bot()

    @bot.tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Ping."""
        try:
            await interaction.response.send_message("pong")
            answers.add(200)
        except discord.HTTPException as error:
            answers.add(error.code)

    return bot


async def test_two_sessions_both_get_each_command_and_one_wins() -> None:
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers), a_counting_bot(answers)):
            invocation = await mia.command(songs, "ping")
            await invocation.response()
            await answers.until(2)

        assert sorted(answers.codes) == [200, 40060]
        assert len(songs.messages) == 1


async def test_a_command_that_is_delivered_twice_is_answered_once() -> None:
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers)):
            fake.gateway.deliver_twice()
            invocation = await mia.command(songs, "ping")
            await answers.until(2)
            fake.redeliver(invocation)
            await answers.until(3)

        assert sorted(answers.codes) == [200, 40060, 40060]


async def test_after_op_7_the_session_is_resumed_and_what_was_missed_comes() -> None:
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers)):
            fake.gateway.reconnect()
            invocation = await mia.command(songs, "ping")
            await fake.gateway.wait_resumed()

            assert (await invocation.response()).content == "pong"
            assert fake.gateway.identified == 1


async def test_a_replayed_command_comes_again() -> None:
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers)):
            await (await mia.command(songs, "ping")).response()
            fake.gateway.reconnect(replay=1)
            await answers.until(2)

        assert answers.codes == [200, 40060]


async def test_a_dropped_connection_is_resumed() -> None:
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers)):
            fake.gateway.drop()
            invocation = await mia.command(songs, "ping")

            assert (await invocation.response()).content == "pong"
            assert fake.gateway.resumed == 1


@pytest.mark.slow
async def test_after_op_9_a_new_session_starts() -> None:
    """discord.py waits five seconds first."""
    answers = Answers()
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        async with connected(fake, a_counting_bot(answers)):
            fake.gateway.invalidate()
            await fake.gateway.wait_identified(2, timeout=15)

            assert (await (await mia.command(songs, "ping")).response()).content == "pong"
            assert len(fake.gateway.sessions) == 1


@pytest.mark.parametrize(("code", "kept"), [(1000, False), (4000, True)])
async def test_a_session_can_be_resumed_unless_the_bot_ended_it(code: int, kept: bool) -> None:
    async with FakeDiscord() as fake:
        await handshake(fake, IDENTIFY, code=code)

        await fake.gateway.changes.until(lambda: not fake.gateway.sessions, timeout=5, wanted="its end", seen=str)
        assert bool(fake.gateway.all_sessions) is kept


@asynccontextmanager
async def gateway_socket(fake: FakeDiscord) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(fake.gateway_url) as socket:
        yield socket


@pytest.mark.parametrize("frame", [b'{"op": 1, "d": null}', '{"op": 1, "d": null}'])
async def test_json_is_understood_in_text_and_in_binary_frames(frame: str | bytes) -> None:
    async with FakeDiscord() as fake, gateway_socket(fake) as socket:
        await socket.receive_json(timeout=5)
        await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))

        assert (await socket.receive_json(timeout=5))["op"] == 11


async def test_a_binary_frame_that_is_no_json_closes_the_connection() -> None:
    async with FakeDiscord() as fake, gateway_socket(fake) as socket:
        await socket.receive(timeout=5)
        await socket.send_bytes(b"\xff\xfe")
        await socket.receive(timeout=5)

        assert socket.close_code == 4002


async def told(*, private: bool) -> Json:
    """What the gateway says when Mia writes to the bot, in a channel or privately."""
    intents = 1 << 9 | 1 << 12
    async with FakeDiscord() as fake, gateway_socket(fake) as socket:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        await socket.receive_json(timeout=5)
        await socket.send_json({**IDENTIFY, "d": {**IDENTIFY["d"], "intents": intents}})
        await socket.receive_json(timeout=5)

        mia.post(mia.dm if private else songs, f"hello {fake.world.bot.mention}")
        return (await socket.receive_json(timeout=5))["d"]


async def test_a_message_in_a_server_says_who_its_author_is_there() -> None:
    message = await told(private=False)

    assert message["member"]["roles"] == []
    assert "user" not in message["member"]
    assert [mention["member"]["nick"] for mention in message["mentions"]] == [None]
    assert (message["author"]["username"], message["channel_type"]) == ("mia", 0)


async def test_a_direct_message_has_no_member() -> None:
    message = await told(private=True)

    assert "member" not in message
    assert "guild_id" not in message


async def test_the_client_knows_the_author_of_a_message_as_a_member() -> None:
    async with FakeDiscord() as fake:
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        bot = a_bot(discord.Intents(guilds=True, guild_messages=True))
        authors: asyncio.Queue[object] = asyncio.Queue()

        @bot.event
        async def on_message(message: discord.Message) -> None:
            authors.put_nowait(message.author)

        async with connected(fake, bot), asyncio.timeout(PATIENCE_SECONDS):
            mia.post(songs, "hello")

            assert isinstance(await authors.get(), discord.Member)


async def handshake(fake: FakeDiscord, *frames: Json, code: int = 1000) -> tuple[list[Json], int | None]:
    """What comes back for these frames until the connection is closed or a second is over, and the close code."""
    heard: list[Json] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(fake.gateway_url) as socket:
        for frame in frames:
            await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        while len(heard) <= len(frames):
            message = await socket.receive(timeout=5)
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            heard.append(json.loads(message.data))
        await socket.close(code=code)
        return heard, socket.close_code


IDENTIFY: Json = {"op": 2, "d": {"token": TOKEN, "intents": 1, "properties": {}}}


async def test_hello_comes_first_and_heartbeats_are_answered() -> None:
    async with FakeDiscord() as fake:
        heard, _ = await handshake(fake, {"op": 1, "d": None})

        assert [frame["op"] for frame in heard] == [10, 11]
        assert heard[0]["d"]["heartbeat_interval"] == 41_250


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("no json", 4002),
        ({"op": 4, "d": None}, 4003),
        ({"op": 2, "d": {"token": "", "intents": 1}}, 4004),
        ({"op": 2, "d": {"token": TOKEN, "intents": 1 << 15}}, 4014),
    ],
)
async def test_the_connection_is_closed_with_the_reason(frame: Json, code: int) -> None:
    async with FakeDiscord() as fake:
        _, closed = await handshake(fake, frame)

        assert closed == code


async def test_a_second_identify_is_refused() -> None:
    async with FakeDiscord() as fake:
        heard, closed = await handshake(fake, IDENTIFY, IDENTIFY)

        assert ([frame["t"] for frame in heard], closed) == ([None, "READY"], 4005)


async def test_an_unknown_session_cannot_be_resumed() -> None:
    async with FakeDiscord() as fake:
        heard, _ = await handshake(fake, {"op": 6, "d": {"token": TOKEN, "session_id": "none", "seq": 1}})

        assert (heard[-1]["op"], heard[-1]["d"]) == (9, False)


async def test_each_shard_gets_its_own_servers() -> None:
    async with FakeDiscord() as fake:
        guilds = [fake.guild(str(number)) for number in range(4)]
        seen: list[str] = []
        for number in range(2):
            identify: Json = {"op": 2, "d": {**IDENTIFY["d"], "shard": [number, 2]}}
            heard, _ = await handshake(fake, identify)
            assert heard[1]["d"]["shard"] == [number, 2]
            ids = [guild["id"] for guild in heard[1]["d"]["guilds"]]
            assert all((int(guild_id) >> 22) % 2 == number for guild_id in ids)
            seen += ids

        assert sorted(seen) == sorted(str(guild.id) for guild in guilds)


def as_shard(number: int, count: int) -> Json:
    return {"op": 2, "d": {**IDENTIFY["d"], "shard": [number, count]}}


@pytest.mark.parametrize("shard", [[2, 2], [-1, 2], [0, 0], [0], ["0", "1"]])
async def test_an_impossible_shard_is_refused(shard: list[object]) -> None:
    async with FakeDiscord() as fake:
        _, closed = await handshake(fake, {"op": 2, "d": {**IDENTIFY["d"], "shard": shard}})

        assert closed == 4010


async def test_a_session_with_too_many_servers_is_refused_unless_shards_divide_them() -> None:
    async with FakeDiscord(DiscordOptions(session_servers=6)) as fake:
        for number in range(8):
            fake.guild(str(number))
            fake.advance(0.001)

        assert (await handshake(fake, IDENTIFY))[1] == 4011
        assert [(await handshake(fake, as_shard(number, 2)))[1] for number in range(2)] == [1000, 1000]


async def test_gateway_bot_names_the_recommended_shards_and_how_many_may_identify_together() -> None:
    async with FakeDiscord(DiscordOptions(shards=32, max_concurrency=16)) as fake, aiohttp.ClientSession() as session:
        answer = await session.get(f"{fake.api_url}/gateway/bot", headers={"Authorization": f"Bot {TOKEN}"})
        told = await answer.json()

    assert (told["shards"], told["session_start_limit"]["max_concurrency"]) == (32, 16)


async def test_one_shard_per_bucket_identifies_every_five_seconds() -> None:
    async with FakeDiscord(DiscordOptions(max_concurrency=2, identify_seconds=5)) as fake:
        heard = [(await handshake(fake, as_shard(number, 4)))[0][1] for number in range(3)]

        assert [frame["op"] for frame in heard] == [0, 0, 9]
        assert fake.gateway.too_early == [(2, 4)]


@pytest.mark.parametrize(
    ("second", "first_hears", "second_hears"),
    [(SecondSession.BOTH, None, 0), (SecondSession.REPLACES, 9, 0), (SecondSession.REFUSED, None, 9)],
)
async def test_a_test_chooses_what_happens_to_a_second_session_of_a_shard(
    second: SecondSession, first_hears: int | None, second_hears: int
) -> None:
    async with FakeDiscord(DiscordOptions(second_session=second)) as fake, gateway_socket(fake) as first:
        await first.receive_json(timeout=5)
        await first.send_json(as_shard(0, 2))
        await first.receive_json(timeout=5)

        heard, _ = await handshake(fake, as_shard(0, 2))

        assert heard[1]["op"] == second_hears
        if first_hears is not None:
            assert (await first.receive_json(timeout=5))["op"] == first_hears
        assert len(fake.gateway.sessions) == (0 if second is SecondSession.REPLACES else 1)


async def test_refused_connections_are_answered_503() -> None:
    async with FakeDiscord() as fake:
        fake.gateway.refuse_connections(1)

        with pytest.raises(aiohttp.WSServerHandshakeError):
            await handshake(fake)
        assert (await handshake(fake))[0][0]["op"] == 10
