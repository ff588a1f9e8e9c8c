"""Which servers the bot serves. It leaves the others with a short explanation."""

import asyncio
import logging
from collections.abc import Collection

import discord

from bot.chat.discord_errors import TROUBLES, in_words
from bot.domain.text import text
from bot.text import Catalogue

GOODBYE = text(
    "Thanks for the invite! I only work in servers that my operator has chosen, though, so I'm leaving again."
)

log = logging.getLogger(__name__)


class Servers:
    """`allowed` are the ids in `ALLOWED_SERVERS`; empty means every server."""

    def __init__(self, allowed: Collection[int]) -> None:
        self._allowed = frozenset(allowed)
        self._leaving: set[int] = set()
        self._told: set[int] = set()  # it has said goodbye there, but not left yet
        self._turn = asyncio.Lock()  # one server at a time, however many there are

    def allows(self, guild_id: int | None) -> bool:
        """True for direct messages, which belong to no server."""
        return guild_id is None or not self._allowed or guild_id in self._allowed

    async def leave_unless_allowed(self, guild: discord.Guild, catalogue: Catalogue) -> None:
        """A server that cannot be left now is tried again once ready and on the next connection, without a word."""
        if self.allows(guild.id) or guild.id in self._leaving:
            return
        self._leaving.add(guild.id)
        try:
            async with self._turn:
                if guild.id not in self._told:
                    self._told.add(guild.id)
                    await _say_goodbye(guild, catalogue)
                await guild.leave()
        except TROUBLES as error:
            log.warning("could not leave server %s (%d): %s", guild.name, guild.id, in_words(error))
        else:
            self._told.discard(guild.id)
            log.warning("left server %s (%d): it is not in ALLOWED_SERVERS", guild.name, guild.id)
        finally:
            self._leaving.discard(guild.id)


async def _say_goodbye(guild: discord.Guild, catalogue: Catalogue) -> None:
    """In the server's language, if the bot may write there; leaving matters more than the goodbye."""
    channel = next((each for each in _channels(guild) if _may_write(each)), None)
    if channel is None:
        return
    say = catalogue.for_reader(str(guild.preferred_locale))
    try:
        await channel.send(say(GOODBYE))
    except TROUBLES as error:
        log.info("could not say goodbye in server %s (%d): %s", guild.name, guild.id, in_words(error))


def _channels(guild: discord.Guild) -> list[discord.TextChannel]:
    """The system channel first, then in their order."""
    system = guild.system_channel
    return [*([system] if system is not None else []), *guild.text_channels]


def _may_write(channel: discord.TextChannel) -> bool:
    may = channel.permissions_for(channel.guild.me)
    return may.view_channel and may.send_messages
