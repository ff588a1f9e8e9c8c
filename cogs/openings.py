"""Notice when a channel or a member's direct messages may be open again, and deliver uncollected music soon."""

import contextlib

import discord
from discord.ext import commands

from bot.errors import Outage
from bot.services.common.messenger import Messenger
from bot.services.members.members import Members
from cogs.jobs import JobsCog


class OpeningsCog(commands.Cog):
    def __init__(self, members: Members, messenger: Messenger) -> None:
        self._members = members
        self._messenger = messenger

    @commands.Cog.listener()
    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        await self._opened_in(after.guild.id)

    @commands.Cog.listener()
    async def on_thread_update(self, _: discord.Thread, after: discord.Thread) -> None:
        await self._opened_in(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        await self._opened_in(after.guild.id)

    @commands.Cog.listener()
    async def on_member_update(self, _: discord.Member, after: discord.Member) -> None:
        """Only of the bot itself: it was given a role, or its time-out ended."""
        if after.id == after.guild.me.id:
            await self._opened_in(after.guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._opened_in(guild.id)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A member who writes to the bot may have opened their direct messages."""
        if message.guild is None and not message.author.bot:
            await self._heard_of(message.author.id)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """A member who uses a command may have opened their direct messages; Discord does not say so.

        `/jobs` and its buttons don't count: a delivery in progress would block the `Send again` that they offer.
        """
        is_command = interaction.type is discord.InteractionType.application_command
        if is_command and getattr(interaction.command, "name", "") != JobsCog.jobs.name:
            await self._heard_of(interaction.user.id)

    async def _opened_in(self, guild_id: int) -> None:
        with contextlib.suppress(Outage):  # the job is tried later in any case
            await self._members.try_uncollected(guild_id)

    async def _heard_of(self, member_id: int) -> None:
        self._messenger.expect_direct(member_id)
        with contextlib.suppress(Outage):  # as above
            await self._members.try_uncollected_of(member_id)
