"""What Discord says about a server when asked, for a process that has no gateway to tell it."""

from collections.abc import Callable
from time import monotonic

import discord
import msgspec

from bot.chat.discord_errors import read_as_routes
from bot.domain.jobs import Place

KEPT_SECONDS = 300.0
"""A server's upload limit changes with its boosts. A file that is too large after all is refused and made smaller."""
KEPT_SERVERS = 4096


class Seen(msgspec.Struct, frozen=True):
    """A channel, and what the bot may do there."""

    channel: discord.abc.GuildChannel | discord.Thread
    allowed: discord.Permissions


class AskedDiscord:
    def __init__(self, client: discord.Client, steady: Callable[[], float] = monotonic) -> None:
        """`steady`: seconds that only ever grow."""
        self._client = client
        self._steady = steady
        self._limits: dict[int, tuple[float, int]] = {}  # by server: until when, and the bytes

    async def upload_limit_bytes(self, guild_id: int) -> int:
        """The server's limit for files, up to five minutes old. Raises `RouteClosed` and `RouteUnavailable`."""
        until, limit = self._limits.get(guild_id, (0.0, 0))
        if self._steady() < until:
            return limit
        with read_as_routes():
            guild = await self._client.fetch_guild(guild_id, with_counts=False)
        if len(self._limits) >= KEPT_SERVERS:
            self._limits.clear()
        self._limits[guild_id] = self._steady() + KEPT_SECONDS, guild.filesize_limit
        return guild.filesize_limit

    async def seen(self, place: Place) -> Seen | None:
        """The place as it is now; None for a direct message. Raises `RouteClosed` and `RouteUnavailable`."""
        if place.guild_id is None or self._client.user is None:
            return None
        with read_as_routes():
            guild = await self._client.fetch_guild(place.guild_id, with_counts=False)
            own = await guild.fetch_member(self._client.user.id)
            channel = await guild.fetch_channel(place.channel_id)
            ruling = await guild.fetch_channel(channel.parent_id) if isinstance(channel, discord.Thread) else channel
        return Seen(channel, ruling.permissions_for(own))
