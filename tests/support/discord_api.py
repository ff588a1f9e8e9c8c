"""A bot made of bare requests, and a real discord.py bot, for testing the stand-in for Discord."""

import asyncio
import io
import json as jsonlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.sandbox.discord import Channel, DiscordOptions, FakeDiscord, Guild, Invocation, Member
from bot.sandbox.patience import PATIENCE_SECONDS

TOKEN = "an invented token"
Json = Any  # whatever JSON can say

EXTEND: Mapping[str, Json] = {
    "name": "extend",
    "description": "Go on",
    "options": [
        {"type": 11, "name": "audio", "description": "The piece"},
        {"type": 3, "name": "model", "description": "Which model", "autocomplete": True, "max_length": 20},
        {"type": 10, "name": "weight", "description": "How much", "min_value": 0, "max_value": 1},
        {"type": 5, "name": "private", "description": "Only for you"},
    ],
}
MENU: Mapping[str, Json] = {"name": "Extend this audio", "type": 3}


def a_label(component: Json, label: str = "Lyrics") -> Json:
    return {"type": 18, "label": label, "component": component}


def a_modal(*rows: Json) -> Json:
    """A form with one text input, called `prompt`."""
    prompt = a_label({"type": 4, "custom_id": "prompt", "style": 2, "max_length": 100})
    return {"title": "Extend", "custom_id": "form", "components": list(rows) or [prompt]}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Json
    headers: Mapping[str, str]

    def field_errors(self, path: str) -> list[str]:
        """The error codes of the field at `path`, such as `embeds.0.title`."""
        node = self.body["errors"]
        for key in filter(None, path.split(".")):
            node = node.get(key, {})
        return [error["code"] for error in node.get("_errors", [])]


@dataclass
class Api:
    discord: FakeDiscord
    session: aiohttp.ClientSession

    async def ask(
        self,
        method: str,
        path: str,
        json: Json = None,
        *,
        files: Sequence[tuple[str, bytes]] = (),
        token: str | None = TOKEN,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """`files` are sent as `files[n]` with `payload_json`; `data` replaces the whole body."""
        sent = {**({"Authorization": f"Bot {token}"} if token else {}), **(headers or {})}
        body: bytes | str | aiohttp.FormData | None = data
        if data is None and files:
            body = _form(json or {}, files)
        elif data is None and json is not None:
            body, sent["Content-Type"] = jsonlib.dumps(json), "application/json"
        url = yarl.URL(self.discord.api_url + path)
        async with self.session.request(method, url, data=body, headers=sent) as answer:
            raw = await answer.read()
            is_json = answer.headers.get("Content-Type") == "application/json"
            return Reply(answer.status, jsonlib.loads(raw) if is_json else raw, answer.headers)

    async def announce(self, *definitions: Mapping[str, Json]) -> Reply:
        return await self.ask("PUT", f"/applications/{self.discord.application_id}/commands", list(definitions))

    async def post(self, channel: Channel, json: Json = None, *, files: Sequence[tuple[str, bytes]] = ()) -> Reply:
        return await self.ask("POST", f"/channels/{channel.id}/messages", json, files=files)

    async def answer(
        self,
        invocation: Invocation,
        json: Json,
        *,
        files: Sequence[tuple[str, bytes]] = (),
        query: str = "?with_response=1",
    ) -> Reply:
        of = invocation.interaction
        path = f"/interactions/{of.id}/{of.token}/callback{query}"
        return await self.ask("POST", path, json, files=files, token=None)

    async def follow(
        self,
        invocation: Invocation,
        json: Json = None,
        *,
        method: str = "POST",
        to: str = "",
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Reply:
        """Send a followup, or with `to` (`@original` or an id), act on an answer."""
        path = f"/webhooks/{self.discord.application_id}/{invocation.interaction.token}"
        return await self.ask(method, f"{path}/messages/{to}" if to else path, json, files=files, token=None)


def _form(json: Json, files: Sequence[tuple[str, bytes]]) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", jsonlib.dumps(json))
    for number, (name, content) in enumerate(files):
        form.add_field(f"files[{number}]", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return form


@dataclass
class Stage:
    """A server with a channel, a member and announced commands, and bare requests."""

    discord: FakeDiscord
    api: Api
    guild: Guild
    songs: Channel
    mia: Member

    async def extend(self, **options: object) -> Invocation:
        return await self.mia.command(self.songs, "extend", **options)


@asynccontextmanager
async def staged(options: DiscordOptions | None = None) -> AsyncIterator[Stage]:
    async with FakeDiscord(options) as fake, aiohttp.ClientSession() as session:
        guild = fake.guild("Choir")
        stage = Stage(fake, Api(fake, session), guild, guild.channel("songs"), fake.member("Mia"))
        await stage.api.announce(EXTEND, MENU)
        yield stage


def a_bot(intents: discord.Intents | None = None) -> commands.Bot:
    return commands.Bot(
        command_prefix=commands.when_mentioned,
        help_command=None,
        intents=intents or discord.Intents(guilds=True),
        guild_ready_timeout=0.1,
        max_messages=None,
    )


@contextmanager
def led_to(fake: FakeDiscord) -> Iterator[None]:
    """discord.py keeps its addresses on two classes; they are restored afterwards."""
    before = (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY)
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = fake.api_url, yarl.URL(fake.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@asynccontextmanager
async def connected(fake: FakeDiscord, *clients: commands.Bot) -> AsyncIterator[None]:
    """Real clients, ready; the first one's commands are announced."""
    with led_to(fake):
        tasks = [asyncio.create_task(client.start(TOKEN)) for client in clients]
        try:
            await fake.wait_ready(len(clients))
            async with asyncio.timeout(PATIENCE_SECONDS):
                for client in clients:
                    await client.wait_until_ready()
            if clients[0].tree.get_commands():
                await clients[0].tree.sync()
            yield
        finally:
            for client in clients:
                await client.close()
            await asyncio.gather(*tasks)
