"""Where an interaction came from, as the services keep it."""

import discord

from bot.domain.jobs import Place
from bot.services.common.clock import utc_now


def place_of(interaction: discord.Interaction, *, private: bool) -> Place:
    return Place(
        application_id=interaction.application_id,
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        member_id=interaction.user.id,
        locale=str(interaction.locale),
        private=private,
        received_at=utc_now(),  # our own clock, like all the times it is compared with
    )
