"""`Whole song` below a result, and its other formats in `More…`. Outlives restarts."""

from typing import Any

import discord
from discord.ext import commands

from bot.chat.places import place_of
from bot.chat.result.rows import WHOLE_SONG
from bot.client import EncoreClient
from bot.domain.joins import JoinFormat
from bot.domain.whole_songs import WholeSongOrder
from bot.services.songs.results import Results
from bot.services.songs.whole_song import WholeSongs
from cogs.clicks import ClickItem, answered
from cogs.submitting import check_place

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

_BUTTON = rf"encore:{WHOLE_SONG}:(?P<job>[0-9a-z]{{1,64}})"


class WholeSongCog(commands.Cog):
    def __init__(self, client: EncoreClient, results: Results, songs: WholeSongs) -> None:
        self._client = client
        self._results = results
        self._songs = songs

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(WholeSongButton)

    async def order(
        self,
        interaction: Interaction,
        job_id: str,
        *,
        message_id: int,
        audio_format: JoinFormat = JoinFormat.MP3,
    ) -> None:
        """Have it joined and posted, for its member alone if the result is private. `message_id`: the result."""
        job = await self._results.job(job_id, interaction.user.id)
        if interaction.guild_id is not None:  # in a direct conversation, nothing is in the way of a file
            check_place(interaction, private=job.place.private)
        place = place_of(interaction, private=job.place.private, at=interaction.client.clock())
        order = WholeSongOrder(place=place, job_id=job_id, message_id=message_id, audio_format=audio_format)
        await self._songs.order(order)


class WholeSongButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    """It carries the job's id."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def order(cog: WholeSongCog) -> None:
            assert interaction.message is not None  # noqa: S101  # every click has its message
            message = interaction.message
            await cog.order(interaction, self.carried["job"], message_id=message.id)

        await answered(interaction, WholeSongCog, order)
