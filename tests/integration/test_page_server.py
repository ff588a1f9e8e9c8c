"""Who gets into the page's server, and what it does with frames that no browser of ours would send."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.sandbox.discord import FakeDiscord
from bot.sandbox.page.samples import Samples
from bot.sandbox.page.scene import Identity, Scene
from bot.sandbox.page.server import PageServer
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno import FakeSuno


@dataclass
class Door:
    page: PageServer
    http: aiohttp.ClientSession
    discord: FakeDiscord
    scene: Scene

    @property
    def origin(self) -> str:
        parts = urlsplit(self.page.url)
        return f"{parts.scheme}://{parts.netloc}"

    async def status(self, url: str, **headers: str) -> int:
        async with self.http.get(url, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    identities: list[Identity] = []
    async with FakeDiscord() as discord, FakeSuno() as suno, aiohttp.ClientSession() as http:
        guild = discord.guild()
        guild.channel("songs")
        identities.append(Identity(member=discord.member("Mia", guild=guild), note="a member"))
        scene = Scene(discord=discord, suno=suno, identities=identities, samples=Samples(tmp_path))
        async with PageServer(scene) as page:
            yield Door(page, http, discord, scene)


async def test_the_page_is_served_with_a_strict_policy(door: Door) -> None:
    async with door.http.get(door.page.url) as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "https:" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.content_type == "text/html"


async def test_only_this_machine_can_reach_it(door: Door) -> None:
    assert urlsplit(door.page.url).hostname == "127.0.0.1"
    assert len(urlsplit(door.page.url).path) > 30


async def test_without_the_token_nothing_is_found(door: Door) -> None:
    token = urlsplit(door.page.url).path.strip("/")
    for path in ("", "/", f"/{token[:-1]}/", f"/{token[:-1]}x/main.js", f"/{token[:-1]}/socket", "/main.js"):
        assert await door.status(door.origin + path) == 404


async def test_another_host_name_is_refused(door: Door) -> None:
    assert await door.status(door.page.url, Host="evil.example") == 404
    assert await door.status(door.page.url, Host="localhost:1") == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
async def test_another_origin_gets_no_socket(door: Door, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await door.http.ws_connect(f"{door.page.url}socket", origin=origin or None)
    assert refused.value.status == 403


async def test_two_sandboxes_have_different_addresses(door: Door, tmp_path: Path) -> None:
    async with FakeSuno() as suno:
        identities = [Identity(member=door.discord.owner, note="")]
        scene = Scene(discord=door.discord, suno=suno, identities=identities, samples=Samples(tmp_path))
        async with PageServer(scene) as other:
            assert urlsplit(other.url).path != urlsplit(door.page.url).path


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{}",
        "[]",
        '{"do": "dance"}',
        '{"do": "open"}',
        '{"do": "open", "channel": 5}',
        "\0",
        '{"do": "submit", "interaction": "1", "answers": {"a": ' + "[" * 100_000,
    ],
    ids=lambda frame: frame[:40],
)
async def test_a_malformed_frame_ends_the_connection(door: Door, frame: str) -> None:
    async with door.http.ws_connect(f"{door.page.url}socket", origin=door.origin) as socket:
        await socket.send_str(frame)
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for _ in socket:
                pass
        assert socket.close_code == 1003


@pytest.mark.parametrize(
    ("request_", "refused"),
    [
        ({"do": "open", "channel": "12"}, "you can't see this channel"),
        ({"do": "open", "channel": "x"}, "you can't see this channel"),
        ({"do": "open", "channel": "9" * 5000}, "you can't see this channel"),
        ({"do": "click", "message": "99999999999999999999", "button": "b"}, "this message is gone"),
        ({"do": "click", "message": "9" * 5000, "button": "b"}, "this message is gone"),
        ({"do": "submit", "interaction": "1"}, "no form is open"),
        ({"do": "pull", "lever": "all"}, "there is no lever all"),
        ({"do": "sample", "file": "f1", "name": "../secret"}, "there is no sample ../secret"),
        ({"do": "apps", "name": "Count", "person": "7", "channel": "1"}, "there is nobody to use it on"),
        ({"do": "apps", "name": "Count", "person": "9" * 5000, "channel": "1"}, "there is nobody to use it on"),
    ],
)
async def test_an_impossible_request_is_refused_and_the_connection_stays(
    door: Door, request_: dict[str, str], refused: str
) -> None:
    async with door.http.ws_connect(f"{door.page.url}socket", origin=door.origin) as socket:
        await socket.send_json({**request_, "ask": 7})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (frame := json.loads((await socket.receive()).data)).get("is") != "answer":
                pass
        assert frame == {"is": "answer", "to": 7, "refused": refused}


async def test_a_channel_that_one_may_not_see_stays_unseen(door: Door) -> None:
    guild = next(iter(door.discord.world.guilds.values()))
    secret = guild.channel("secret")
    secret.deny("VIEW_CHANNEL", who="everyone")
    jonas = door.discord.member("Jonas", guild=guild, permissions=("ADMINISTRATOR",))
    jonas.post(secret, "a secret word")
    async with door.http.ws_connect(f"{door.page.url}socket", origin=door.origin) as socket:
        await socket.send_json({"do": "open", "channel": str(secret.id), "ask": 1})
        await socket.send_json({"do": "open", "channel": str(guild.channels[0].id), "ask": 2})
        seen = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while '"to":2' not in seen:
                seen += (await socket.receive()).data
    assert "secret" not in seen


async def test_a_window_that_asks_and_never_reads_is_cut_off(door: Door) -> None:
    guild = next(iter(door.discord.world.guilds.values()))
    (songs,) = guild.channels
    talker = door.discord.member("Jonas", guild=guild)
    for _ in range(25):
        talker.post(songs, "a" * 2000)
    asked = json.dumps({"do": "open", "channel": str(songs.id)}).encode()
    frame = b"\x81" + bytes([0x80 | len(asked)]) + b"\0\0\0\0" + asked  # masked with zeros

    async with PageServer(door.scene, unread_max_bytes=1_000_000) as page, asyncio.timeout(PATIENCE_SECONDS):
        address = urlsplit(page.url)
        _, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
        head = (
            f"GET {address.path}socket HTTP/1.1\r\nHost: {address.netloc}\r\nOrigin: http://{address.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.write(head.encode())
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(frame * 20)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
