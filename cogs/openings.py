"""Notice when a channel may be open again, and deliver uncollected music at once."""

import discord
from discord.ext import commands

from bot.services.members.members import Members


class OpeningsCog(commands.Cog):
    def __init__(self, members: Members) -> None:
        self._members = members

    @commands.Cog.listener()
    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        await self._members.try_uncollected(after.guild.id)

    @commands.Cog.listener()
    async def on_thread_update(self, _: discord.Thread, after: discord.Thread) -> None:
        await self._members.try_uncollected(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        await self._members.try_uncollected(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._members.try_uncollected(guild.id)
