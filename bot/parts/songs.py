"""How members find songs again: families, the library, presets."""

from discord.ext import commands

from bot.chat.song.sight import Sight
from bot.parts.ground import Ground
from bot.services.songs.families import Families
from cogs.songs import SongsCog


def song_cogs(ground: Ground) -> tuple[commands.Cog, ...]:
    return (SongsCog(ground.client, Families(ground.storage), Sight(ground.client)),)
