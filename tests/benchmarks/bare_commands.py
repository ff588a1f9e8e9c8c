"""The fastest answers possible with discord.py: `python bare_commands.py API_URL GATEWAY_URL TOKEN` only defers.

It announces nothing: its `/extend` answers the command that the real bot announced, and it defers clicks below the
messages that the real bot posted.
"""

import sys

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

Choices = list[app_commands.Choice[str]]
SUGGESTED = [app_commands.Choice(name=f"Paper Boats {number} · V5", value=str(number)) for number in range(25)]


@app_commands.command()
async def extend(
    interaction: discord.Interaction,
    audio: discord.Attachment | None = None,  # noqa: ARG001  # discord.py parses the options
    model: str | None = None,  # noqa: ARG001  # as above
    track: str | None = None,  # noqa: ARG001  # as above
) -> None:
    """Continue a piece of music."""
    await interaction.response.defer(ephemeral=True, thinking=True)


@extend.autocomplete("model")
@extend.autocomplete("track")
async def suggest(_: discord.Interaction, current: str) -> Choices:
    return [choice for choice in SUGGESTED if current in choice.name]


async def on_interaction(interaction: discord.Interaction) -> None:
    if interaction.type is discord.InteractionType.component:
        await interaction.response.defer(ephemeral=True, thinking=True)


if __name__ == "__main__":
    Route.BASE = sys.argv[1]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2])
    client = discord.Client(intents=discord.Intents(guilds=True))
    app_commands.CommandTree(client).add_command(extend)
    client.event(on_interaction)
    client.run(sys.argv[3])
