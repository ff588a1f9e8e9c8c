"""`Whole song` below a result, and its other formats in `More…`. Outlives restarts."""

import re
from typing import Any, Self

import discord
from discord.ext import commands

from bot.chat.places import place_of
from bot.chat.result.rows import WHOLE_SONG
from bot.client import EncoreClient
from bot.domain.joins import JoinFormat
from bot.domain.whole_songs import WholeSongOrder
from bot.services.songs.results import Results
from bot.services.songs.whole_song import WholeSongs
from cogs.clicks import answered
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
        job = await self._results.job(job_id)
        check_place(interaction, private=job.place.private)
        place = place_of(interaction, private=job.place.private, at=interaction.client.clock())
        order = WholeSongOrder(place=place, job_id=job_id, message_id=message_id, audio_format=audio_format)
        await self._songs.order(order)


class WholeSongButton(discord.ui.DynamicItem[discord.ui.Button[View]], template=_BUTTON):
    """It carries the job's id."""

    def __init__(self, item: discord.ui.Button[View], job_id: str) -> None:
        super().__init__(item)
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003  # discord.py's
        item: discord.ui.Item[Any],
        match: re.Match[str],
    ) -> Self:
        assert isinstance(item, discord.ui.Button)  # noqa: S101  # a result has no other items of this kind
        return cls(item, match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def order(cog: WholeSongCog) -> None:
            assert interaction.message is not None  # noqa: S101  # every click has its message
            message = interaction.message
            await cog.order(interaction, self._job_id, message_id=message.id)

        await answered(interaction, WholeSongCog, order)
