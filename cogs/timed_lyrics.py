"""`Lyrics with times`, below `More…`: their cost first, then an `.lrc` file of each take that is asked for."""

from typing import Any

import discord
from discord.ext import commands

from bot.acknowledge import reply
from bot.chat.attachments import attachments
from bot.chat.lyrics.timed import TIMED_ID, head, lrc_files, offer, takes_view, unknown
from bot.chat.places import place_of
from bot.client import EncoreClient
from bot.domain.more import lyrics_of
from bot.domain.takes import takes_of
from bot.domain.text import text
from bot.errors import Refused
from bot.services.songs.lyrics_timing import LyricsTiming
from bot.services.songs.results import Results
from cogs.clicks import ClickItem, answered

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View


class TimedLyricsCog(commands.Cog):
    def __init__(self, client: EncoreClient, results: Results, timing: LyricsTiming) -> None:
        self._client = client
        self._results = results
        self._timing = timing

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(TimedButton)

    async def show(self, interaction: Interaction, job_id: str) -> None:
        """What is kept, and what the other takes cost."""
        job = await self._results.job(job_id, interaction.user.id)
        if not (sung := lyrics_of(job)):
            raise Refused([text("I have no lyrics for this.")])
        kept = await self._timing.kept(job)
        missing, silent = [take for take in sung if take not in kept], [take for take in kept if not kept[take]]
        sentences, offered = [head(job)], []
        if silent:
            sentences.append(unknown(silent, of=len(takes_of(job))))
        if missing:
            place = place_of(interaction, private=True, at=interaction.client.clock())
            try:
                sentences.append(offer(await self._timing.left(job, place)))
                offered = missing
            except Refused as error:
                if not kept:
                    raise
                sentences += error.sentences
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        view = takes_view(job.id, offered, say, of=len(takes_of(job))) if offered else None
        with attachments(lrc_files(job, kept, say)) as attached:
            await reply(interaction, "\n".join(map(say, sentences)), files=attached, view=view)

    async def get(self, interaction: Interaction, job_id: str, take: int) -> None:
        """The file of one take. This is what costs something, the first time."""
        job = await self._results.job(job_id, interaction.user.id)
        place = place_of(interaction, private=True, at=interaction.client.clock())
        lines = await self._timing.of_take(job, take, place)
        if not lines:
            raise Refused([unknown([take], of=len(takes_of(job)))])
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        with attachments(lrc_files(job, {take: lines}, say)) as attached:
            await reply(interaction, say(head(job)), files=attached)


class TimedButton(ClickItem[discord.ui.Button[View]], template=TIMED_ID):
    """Below what lyrics with times cost. It carries the job's id and the take."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def get(cog: TimedLyricsCog) -> None:
            await cog.get(interaction, self.carried["job"], int(self.carried["take"]))

        await answered(interaction, TimedLyricsCog, get)
