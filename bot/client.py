"""The Discord client: what it asks of Discord, whom it serves, and what a member reads when something fails."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot.acknowledge import TOO_LATE, reply
from bot.chat import cards
from bot.chat.form.fix import fix_view
from bot.chat.permissions import invite_link
from bot.connected_client import ConnectedClient, lean
from bot.domain.gates import Gate
from bot.domain.text import Text, text
from bot.errors import EncoreError, Refused, TakenElsewhere
from bot.servers import Servers
from bot.services.common.clock import Clock
from bot.services.common.command_mentions import CommandMentions
from bot.services.common.sentences import with_more
from bot.text import Catalogue

if TYPE_CHECKING:
    from discord.types.gateway import InteractionCreateEvent

log = logging.getLogger(__name__)

# Encore never joins a voice channel, so discord.py need not warn about missing libraries.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


def _is_no_endpoint_warning(record: logging.LogRecord) -> bool:
    """discord.py warns about any endpoint for commands; `bot/endpoint.py` does so only if something is wrong."""
    return "interaction endpoint URL set" not in str(record.msg)


logging.getLogger("discord.client").addFilter(_is_no_endpoint_warning)

MANY_SERVERS = 2_000
"""Discord refuses an unsharded bot in more than 2,500 servers (docs/discord.md 6)."""

ANSWERS_ANYWHERE = frozenset({"why"})
"""Commands that say themselves why the bot does not work in this place."""

Interaction: TypeAlias = discord.Interaction["EncoreClient"]


class EncoreTree(app_commands.CommandTree["EncoreClient"]):
    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Before every command and suggestion: refuse politely where the bot does not work."""
        refusal = refusal_of(interaction)
        if refusal is None or getattr(interaction.command, "name", "") in ANSWERS_ANYWHERE:
            return True
        interaction.client.refused([Gate.PLACE])
        if interaction.type is discord.InteractionType.autocomplete:
            await interaction.response.autocomplete([])
        else:
            await reply(interaction, interaction.client.in_words(interaction, [refusal]))
        return False

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError) -> None:
        """The only place where an error becomes words for a member."""
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if isinstance(cause, discord.NotFound) and cause.code == TOO_LATE:
            log.warning("a command was answered too late")
            return
        if isinstance(cause, TakenElsewhere):
            return
        if isinstance(cause, Refused):
            await interaction.client.refuse(interaction, cause)
            return
        sentences: Sequence[Text]
        if isinstance(cause, EncoreError):
            sentences = (cause.sentence,)
        elif isinstance(cause, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
            sentences = (text("This command has changed. Restart Discord or try again in a minute."),)
        else:
            log.error("a command failed", exc_info=cause)
            # The command may have been written down, so we cannot say that nothing was started.
            sentences = (text("Something went wrong on my side. Check `/jobs` before you try again."),)
        await reply(interaction, interaction.client.in_words(interaction, sentences))


def refusal_of(interaction: Interaction) -> Text | None:
    """Why the command is refused, if it is: the bot was not added here, or doesn't serve this server."""
    is_in_direct_message = interaction.guild_id is None and interaction.context.dm_channel
    if interaction.is_user_integration() and not interaction.is_guild_integration() and not is_in_direct_message:
        return text("I only work in servers that have added me. Ask someone who manages this server to invite me.")
    if not interaction.client.servers.allows(interaction.guild_id):
        return text("Sorry, I'm not set up for this server.")
    return None


class EncoreClient(ConnectedClient, commands.Bot):
    """Made by the composition root, which adds the cogs before starting it. With shards it never connects itself."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        servers: Servers,
        mentions: CommandMentions,
        clock: Clock,
        http_trace: aiohttp.TraceConfig,
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=EncoreTree,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            http_trace=http_trace,
            **lean(),
        )
        self.catalogue = catalogue
        self.servers = servers
        self.mentions = mentions
        self.clock = clock
        self.logged_in = asyncio.Event()  # set once Discord's HTTP API can be used
        self.greeting = asyncio.Event()  # set as soon as the gateway is greeted for the first time
        self.shards: Mapping[int, ConnectedClient] | None = None  # by number; None: this client connects itself
        self.on_refused: Callable[[Sequence[str]], None] | None = None  # for the metrics; given the broken rules
        self._is_warned_of_size = False

    def refused(self, rules: Sequence[str]) -> None:
        if self.on_refused is not None:
            self.on_refused(rules)

    async def refuse(self, interaction: Interaction, refusal: Refused) -> None:
        """Say why, with a button to fix what can be fixed."""
        self.refused(refusal.rules)
        sentences: Sequence[Text] = refusal.sentences
        if refusal.is_explained:
            sentences = with_more(sentences, await self.mentions.see_why(interaction.application_id))
        view = None
        if refusal.draft is not None:
            view = fix_view(refusal.draft, self.catalogue.for_reader(str(interaction.locale)))
        await reply(interaction, self.in_words(interaction, sentences), view=view)

    def in_words(self, interaction: Interaction, sentences: Sequence[Text]) -> str:
        return cards.as_list(sentences, self.catalogue.for_reader(str(interaction.locale)))

    async def login(self, token: str) -> None:
        """Log in over new connections, so that it can be repeated: discord.py would reuse closed ones."""
        await self.http.close()
        self.http.connector = discord.utils.MISSING
        await super().login(token)

    def take_in(self, interaction: Mapping[str, Any]) -> None:
        """Carry out an interaction that came over HTTP, as if the gateway had sent it. Only after the log-in.

        discord.py has no public way in, so this relies on a private name, and is the only place that does
        (docs/discord.md 2.5).
        """
        self._connection.parse_interaction_create(cast("InteractionCreateEvent", interaction))

    @property
    def serves(self) -> bool:
        """Whether events arrive; with shards, whether this process has all of its own connected."""
        if self.shards is None:
            return super().serves
        return all(shard.serves for shard in self.shards.values())

    async def setup_hook(self) -> None:
        """The last step of a successful login."""
        if self.application_id is not None:
            log.info("invite link: %s", invite_link(self.application_id))
        self.logged_in.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        self.greeting.set()
        await super().before_identify_hook(shard_id, initial=initial)

    async def on_message(self, message: discord.Message, /) -> None:
        """No command is read from a message."""

    async def on_ready(self) -> None:
        servers = len(self.guilds)
        log.info("ready as %s in %d server%s", self.user, servers, "" if servers == 1 else "s")
        if len(self.guilds) >= MANY_SERVERS and not self._is_warned_of_size:
            self._is_warned_of_size = True
            log.warning(
                "in %d servers: from 2,500 on, Discord requires shards; set SHARDS=auto, or keep it to your own servers"
                " with ALLOWED_SERVERS",
                len(self.guilds),
            )
        await self.leave_unless_allowed(self.guilds)

    async def leave_unless_allowed(self, guilds: Iterable[discord.Guild]) -> None:
        """Called once ready: discord.py (2.7) loses the event of a server that comes just as its wait for them ends."""
        for guild in list(guilds):
            await self.servers.leave_unless_allowed(guild, self.catalogue)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self.servers.leave_unless_allowed(guild, self.catalogue)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Also called for each server that the bot is in when it connects."""
        await self.servers.leave_unless_allowed(guild, self.catalogue)
