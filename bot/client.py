"""The Discord client: intents, which commands it announces, and what a member reads when something goes wrong."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot.acknowledge import TOO_LATE, reply
from bot.chat import cards
from bot.chat.permissions import invite_link
from bot.domain.text import text
from bot.errors import EncoreError, Refused
from bot.services.ports import Storage
from bot.text import Catalogue

log = logging.getLogger(__name__)

# Encore never joins a voice channel; discord.py need not warn about what is missing for that.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


class EncoreTree(app_commands.CommandTree["EncoreClient"]):
    async def on_error(
        self, interaction: discord.Interaction["EncoreClient"], error: app_commands.AppCommandError
    ) -> None:
        """The one place in which an error becomes words for a member."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if isinstance(cause, discord.NotFound) and cause.code == TOO_LATE:
            log.warning("a command was answered too late")
            return
        if isinstance(cause, Refused):
            sentences = cause.sentences
        elif isinstance(cause, EncoreError):
            sentences = (cause.sentence,)
        elif isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
            sentences = (text("This command has changed. Restart Discord or try again in a minute."),)
        else:
            log.error("a command failed", exc_info=cause)
            # It may have been written down before: nobody may be told that nothing was started.
            sentences = (text("Something went wrong on my side. Check `/jobs` before you try again."),)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await reply(interaction, cards.told(sentences, say))


class EncoreClient(commands.Bot):
    """Made by the composition root; `extensions` are the cogs that it carries."""

    def __init__(self, *, storage: Storage, catalogue: Catalogue, http_trace: aiohttp.TraceConfig) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=discord.Intents(guilds=True),  # no privileged ones; enough for upload limits
            tree_cls=EncoreTree,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            http_trace=http_trace,
        )
        self.catalogue = catalogue
        self.connected = asyncio.Event()  # set while the gateway is
        self.disconnected = asyncio.Event()
        self._storage = storage
        self._cogs_to_add: Sequence[commands.Cog] = ()

    def carry(self, cogs: Sequence[commands.Cog]) -> None:
        """Say which cogs belong to it, before it starts."""
        self._cogs_to_add = cogs

    async def setup_hook(self) -> None:
        for cog in self._cogs_to_add:
            await self.add_cog(cog)
        await self._announce_commands()
        if self.application_id is not None:
            log.info("invite link: %s", invite_link(self.application_id))

    async def close(self) -> None:
        """Also end discord.py's wait for the last server, which it would leave behind to fail on a closed client."""
        waiting: asyncio.Task[None] | None = getattr(self._connection, "_ready_task", None)
        if waiting is not None:
            waiting.cancel()
        await super().close()

    async def on_connect(self) -> None:
        self.connected.set()
        self.disconnected.clear()

    async def on_resumed(self) -> None:
        await self.on_connect()

    async def on_disconnect(self) -> None:
        self.connected.clear()
        self.disconnected.set()

    async def on_ready(self) -> None:
        log.info("ready as %s in %d servers", self.user, len(self.guilds))

    async def _announce_commands(self) -> None:
        """Once for each change: announcing at every start runs into Discord's limits."""
        commands_now = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        commands_now.sort(key=lambda command: (command["type"], command["name"]))
        digest = hashlib.sha256(json.dumps(commands_now, sort_keys=True).encode()).hexdigest()
        name = f"commands of {self.application_id}"
        if await self._storage.reading.facts.get(name) == digest:
            return
        await self.tree.sync()
        async with self._storage.transaction() as work:
            await work.facts.put(name, digest)
        log.info("announced %d commands to Discord", len(commands_now))
