"""Which channels of a server a member can see: what others made there is shown to nobody else."""

import asyncio
import copy
from collections.abc import Callable, Collection
from time import monotonic
from typing import TypeVar

import discord

from bot.chat.discord_errors import TROUBLES

KEPT_SECONDS = 60.0
"""For a process without a gateway, which has to ask."""
KEPT_MAX = 4096
ASKED_MAX = 10
"""Channels about which Discord is asked at a time; the others count as unseen until the next try."""
ASK_SECONDS = 1.5
"""Suggestions have three seconds (docs/discord.md 1.3)."""

GuildChannel = discord.abc.GuildChannel
Kept = TypeVar("Kept")


class Sight:
    def __init__(self, client: discord.Client, steady: Callable[[], float] = monotonic) -> None:
        """`steady`: seconds that only ever grow."""
        self._client = client
        self._steady = steady
        self._guilds: dict[int, tuple[float, discord.Guild]] = {}
        self._channels: dict[int, tuple[float, GuildChannel | discord.Thread | None]] = {}

    async def seen(self, interaction: discord.Interaction, channels: Collection[int]) -> frozenset[int]:
        """Those of `channels` that the member who sent the interaction can see.

        Channels whose permissions nobody tells us count as unseen.
        """
        may_read = interaction.permissions.read_message_history
        here = {each for each in channels if each == interaction.channel_id and may_read}
        if not isinstance(interaction.user, discord.Member) or interaction.guild_id is None:
            return frozenset(here)
        others = set(channels) - {interaction.channel_id}
        guild = self._client.get_guild(interaction.guild_id)
        if guild is not None and guild.default_role is not None:
            return frozenset(here | {each for each in others if _sees(interaction.user, guild, each)})
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return frozenset(here | await self._asked(interaction.user, interaction.guild_id, others))
        except TROUBLES:
            return frozenset(here)

    async def _asked(self, member: discord.Member, guild_id: int, channels: Collection[int]) -> set[int]:
        """As far as Discord says it. Channels that it does not show to the bot are unseen."""
        if not channels:
            return set()
        guild = await self._guild(guild_id)
        found = await asyncio.gather(*(self._channel(guild, each) for each in self._first(channels)))
        there = copy.copy(member)
        there.guild = guild  # its roles are those of the server
        return {channel.id for channel in found if channel is not None and await self._is_seen(there, guild, channel)}

    async def _is_seen(
        self, member: discord.Member, guild: discord.Guild, channel: GuildChannel | discord.Thread
    ) -> bool:
        ruling = await self._channel(guild, channel.parent_id) if isinstance(channel, discord.Thread) else channel
        return isinstance(ruling, GuildChannel) and _may_see(member, channel, ruling)

    def _first(self, channels: Collection[int]) -> list[int]:
        """The known ones, and as many others as may be asked for, the newest first."""
        now = self._steady()
        unknown = [each for each in channels if self._channels.get(each, (0.0, None))[0] <= now]
        left_out = set(sorted(unknown, reverse=True)[ASKED_MAX:])
        return [each for each in channels if each not in left_out]

    async def _guild(self, guild_id: int) -> discord.Guild:
        until, guild = self._guilds.get(guild_id, (0.0, None))
        if guild is None or until <= self._steady():
            guild = await self._client.fetch_guild(guild_id, with_counts=False)
            _keep(self._guilds, guild_id, (self._steady() + KEPT_SECONDS, guild))
        return guild

    async def _channel(self, guild: discord.Guild, channel_id: int) -> GuildChannel | discord.Thread | None:
        until, channel = self._channels.get(channel_id, (0.0, None))
        if until <= self._steady():
            try:
                channel = await guild.fetch_channel(channel_id)
            except (discord.NotFound, discord.Forbidden, discord.InvalidData):
                channel = None
            _keep(self._channels, channel_id, (self._steady() + KEPT_SECONDS, channel))
        return channel


def _keep(kept: dict[int, tuple[float, Kept]], key: int, value: tuple[float, Kept]) -> None:
    if len(kept) >= KEPT_MAX:
        kept.clear()
    kept[key] = value


def _sees(member: discord.Member, guild: discord.Guild, channel_id: int) -> bool:
    """By what the gateway has told this process."""
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        return False
    ruling = guild.get_channel(channel.parent_id) if isinstance(channel, discord.Thread) else channel
    return ruling is not None and _may_see(member, channel, ruling)


def _may_see(member: discord.Member, channel: GuildChannel | discord.Thread, ruling: GuildChannel) -> bool:
    """`ruling` has the permissions: the channel itself, or that of the thread. Private threads are for their members,
    whom nobody tells us.
    """
    allowed = ruling.permissions_for(member)
    if isinstance(channel, discord.Thread) and channel.is_private() and not allowed.manage_threads:
        return False
    return allowed.view_channel and allowed.read_message_history
