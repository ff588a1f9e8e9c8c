"""`/quota`, `/jobs` and `/cancel`: a member's own things."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import cards
from bot.client import EncoreClient, acknowledge, reply
from bot.domain.text import text
from bot.services.members import Members
from bot.services.sentences import title_of
from bot.text import plain

Interaction = discord.Interaction[EncoreClient]


class MembersCog(commands.Cog):
    def __init__(self, members: Members) -> None:
        self._members = members

    @app_commands.command()
    @app_commands.allowed_contexts(guilds=True, dms=True)
    async def quota(self, interaction: Interaction) -> None:
        """See how many extensions you have left today."""
        if await acknowledge(interaction):
            balance = await self._members.quota(interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, cards.quota_content(balance, say))

    @app_commands.command()
    @app_commands.allowed_contexts(guilds=True, dms=True)
    async def jobs(self, interaction: Interaction) -> None:
        """See your latest jobs."""
        if await acknowledge(interaction):
            jobs = await self._members.jobs(interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, cards.jobs_content(jobs, say))

    @app_commands.command()
    @app_commands.allowed_contexts(guilds=True, dms=True)
    @app_commands.describe(job="Which one; only jobs that still wait can be cancelled")
    async def cancel(self, interaction: Interaction, job: app_commands.Range[str, 1, 40]) -> None:
        """Take a waiting job back; it costs nothing."""
        if await acknowledge(interaction):
            cancelled = await self._members.cancel(interaction.user.id, job)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(
                interaction, say(text("Job `{job}` is cancelled; your quota has it back.", job=cancelled.short_id))
            )

    @cancel.autocomplete("job")
    async def _waiting(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        wanted = current.strip().lower()
        return [
            app_commands.Choice(name=f"{job.short_id} · {plain(title_of(job), limit=80)}", value=job.short_id)
            for job in await self._members.cancellable(interaction.user.id)
            if wanted in job.short_id or wanted in title_of(job).lower()
        ]
