"""Where an interaction came from, as the services keep it."""

from datetime import datetime

import discord

from bot.domain.jobs import Place


def place_of(interaction: discord.Interaction, *, private: bool, at: datetime) -> Place:
    """`at` is now by the clock of the services, as it is compared with their times."""
    return Place(
        application_id=interaction.application_id,
        interaction_id=interaction.id,
        interaction_token=interaction.token,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        member_id=interaction.user.id,
        locale=str(interaction.locale),
        private=private,
        received_at=at,
    )
