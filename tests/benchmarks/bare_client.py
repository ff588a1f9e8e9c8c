"""What discord.py alone costs: `python bare_client.py API_URL GATEWAY_URL TOKEN` connects and does nothing else."""

import sys

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

if __name__ == "__main__":
    Route.BASE = sys.argv[1]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2])
    discord.Client(intents=discord.Intents(guilds=True)).run(sys.argv[3])
