"""`/quota` and `/cancel`: a member's own things."""

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat import cards, job_list
from bot.client import EncoreClient
from bot.domain.titles import shown_title
from bot.services.common.messenger import Messenger
from bot.services.common.sentences import UNTITLED
from bot.services.members.members import Members
from bot.text import plain
from cogs.jobs import cancelled_sentences, withdraw_receipt

Interaction = discord.Interaction[EncoreClient]


class MembersCog(commands.Cog):
    def __init__(self, members: Members, messenger: Messenger) -> None:
        self._members = members
        self._messenger = messenger

    @app_commands.command(description=locale_str("See how many extensions you have left today."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def quota(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            balance = await self._members.quota(interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, job_list.quota_content(balance, say))

    @app_commands.command(description=locale_str("Cancel a waiting job. It doesn't use up an extension."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    @app_commands.describe(job=locale_str("The job to cancel; it must still be waiting"))
    async def cancel(self, interaction: Interaction, job: app_commands.Range[str, 1, 40]) -> None:
        if await acknowledge(interaction):
            cancelled = await self._members.cancel(interaction.user.id, job, interaction_id=interaction.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, cards.as_list(cancelled_sentences(cancelled), say))
            await withdraw_receipt(self._messenger, cancelled)

    @cancel.autocomplete("job")
    async def _waiting(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        wanted = current.strip().lower()
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        choices = []
        for job in await self._members.cancellable(interaction.user.id):
            title = shown_title(job) or say(UNTITLED)
            if wanted in job.short_id or wanted in title.lower():
                name = f"{plain(title, limit=80)} · {job.short_id}"
                choices.append(app_commands.Choice(name=name, value=job.short_id))
        return choices
