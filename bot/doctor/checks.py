"""All checks but the first two, in the order in which they are made, and what they hand on to each other."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord

from bot.audio.process import AudioProcess
from bot.chat.permissions import invite_link
from bot.doctor import database, machine, provider, web_address
from bot.doctor.announced import check_commands
from bot.doctor.application import check_application, check_invite, check_token
from bot.doctor.decoder import check_decoder
from bot.doctor.examination import Check
from bot.doctor.finding import Found
from bot.doctor.servers import check_servers
from bot.doctor.silence import write_silence
from bot.domain.public_address import SelfCalls
from bot.gateway import discord_at
from bot.settings import Settings
from storage.look import Seen

SERVERS_SECONDS = 3600.0
"""Thousands of servers take minutes. The check has limits of its own for each answer."""


@asynccontextmanager
async def all_checks(settings: Settings, *, passed_over: str = "") -> AsyncIterator[list[Check]]:
    """They may be run until the block is left. `passed_over`: what to say if `TMPDIR` is not followed."""
    with (
        discord_at(settings.discord_api_url, settings.discord_gateway_url),
        tempfile.TemporaryDirectory(prefix="encore-doctor-") as folder,
    ):
        silence = Path(folder) / "silence.wav"
        await asyncio.to_thread(write_silence, silence)
        async with discord.Client(intents=discord.Intents(guilds=True)) as client:
            patient = _Patient(settings, client, silence, passed_over)
            yield patient.checks()


class _Patient:
    """What is examined, and what earlier checks have found out for later ones."""

    def __init__(self, settings: Settings, client: discord.Client, silence: Path, passed_over: str) -> None:
        self._settings = settings
        self._client = client
        self._silence = silence
        self._passed_over = passed_over
        self._calls = SelfCalls(settings.discord_token)
        self._seen: Seen | None = None
        self._account: provider.Answer | None = None
        self._port = web_address.Port()

    def checks(self) -> list[Check]:
        return [*self._of_the_machine(), *self._of_discord(), *self._of_the_provider(), *self._of_the_rest()]

    def _of_the_machine(self) -> list[Check]:
        return [
            Check(name="database", run=self._database, settings=("DATABASE_URL",)),
            Check(name="disk", run=self._disk, settings=("DATABASE_URL",)),
            Check(name="clock", run=self._clock, settings=("DISCORD_API_URL",)),
        ]

    def _of_discord(self) -> list[Check]:
        token, needs = ("DISCORD_TOKEN", "DISCORD_API_URL"), ("token",)
        return [
            Check(name="token", run=self._token, settings=token),
            Check(name="application", run=self._application, needs=needs, settings=("ALLOWED_SERVERS", "SHARDS")),
            Check(name="invite", run=self._invite, needs=needs),
            Check(
                name="servers", run=self._servers, needs=needs, settings=("ALLOWED_SERVERS",), seconds=SERVERS_SECONDS
            ),
            Check(name="commands", run=self._commands, needs=needs),
        ]

    def _of_the_provider(self) -> list[Check]:
        return [
            Check(name="key", run=self._key, settings=("SUNO_API_KEY", "SUNO_API_URL")),
            Check(name="credits", run=self._credits, needs=("key",)),
            Check(name="upload", run=self._upload, needs=("key",), settings=("SUNO_UPLOAD_URL",)),
        ]

    def _of_the_rest(self) -> list[Check]:
        own = ("DISCORD_TOKEN", "WEB_HOST", "WEB_PORT")
        return [
            Check(name="port", run=self._web_port, settings=own),
            Check(name="public_url", run=self._public_url, settings=("PUBLIC_URL", *own)),
            Check(
                name="interactions",
                run=self._interactions,
                needs=("public_url",),
                settings=("INTERACTIONS_PUBLIC_KEY", "PUBLIC_URL", *own),
            ),
            Check(name="decoder", run=self._decoder),
            Check(name="version", run=self._version, needs=("database",), settings=("DATABASE_URL",)),
        ]

    async def _database(self) -> Found:
        found, self._seen = await database.look_at_database(self._settings)
        return found

    async def _disk(self) -> Found:
        return await machine.check_disk(self._settings, passed_over=self._passed_over)

    async def _clock(self) -> Found:
        return await machine.check_clock(self._settings, self._seen)

    async def _token(self) -> Found:
        return await check_token(self._client, self._settings.discord_token)

    async def _application(self) -> Found:
        return check_application(self._registered(), self._settings)

    async def _invite(self) -> Found:
        return check_invite(self._registered())

    async def _servers(self) -> Found:
        return await check_servers(self._client, self._settings, invite=invite_link(self._registered().id))

    async def _commands(self) -> Found:
        return await check_commands(self._client)

    async def _key(self) -> Found:
        found, self._account = await provider.check_key(self._settings)
        return found

    async def _credits(self) -> Found:
        assert self._account is not None  # noqa: S101  # this check needs the one of the key
        return provider.judge_credits(self._account.credits)

    async def _upload(self) -> Found:
        return await provider.check_upload(self._settings, self._silence)

    async def _web_port(self) -> Found:
        found, self._port = await web_address.check_port(self._settings, self._calls)
        return found

    async def _public_url(self) -> Found:
        return await web_address.check_public_url(self._settings, self._calls, self._port)

    async def _interactions(self) -> Found:
        return await web_address.check_interactions(self._settings, self._calls, self._port)

    async def _decoder(self) -> Found:
        return await check_decoder(self._silence, AudioProcess())

    async def _version(self) -> Found:
        assert self._seen is not None  # noqa: S101  # this check needs the one of the database
        return database.check_version(self._seen)

    def _registered(self) -> discord.AppInfo:
        assert self._client.application is not None  # noqa: S101  # these checks need the one of the token
        return self._client.application
