"""`/why`: can I extend here right now, and if not, what would help?"""

from collections.abc import Awaitable, Callable, Iterator

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat.why import permissions_finding, place_finding, posting_finding, why_content
from bot.client import EncoreClient, refusal_of
from bot.domain.gates import Finding, Verdict
from bot.services.members.standing import Standing

Interaction = discord.Interaction[EncoreClient]


class WhyCog(commands.Cog):
    """`post_wait_seconds` gives the seconds until Discord's known limits leave room for a post in the channel."""

    def __init__(self, standing: Standing, post_wait_seconds: Callable[[int], Awaitable[float]]) -> None:
        self._standing = standing
        self._post_wait_seconds = post_wait_seconds

    @app_commands.command(description=locale_str("See whether you can extend here right now and, if not, what helps."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def why(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            waits = await self._post_wait_seconds(interaction.channel_id or 0)
            findings = [
                *_here(interaction, waits),
                *await self._standing.findings(interaction.user.id, interaction.guild_id),
            ]
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await reply(interaction, why_content(findings, say))


def _here(interaction: Interaction, post_wait_seconds: float) -> Iterator[Finding]:
    """The channel matters only where the bot works at all."""
    place = place_finding(interaction.guild_id, refusal_of(interaction))
    yield place
    if place.verdict is Verdict.OPEN:
        yield permissions_finding(interaction.channel, interaction.app_permissions)
        yield posting_finding(post_wait_seconds)
