"""`/lyrics`: has lyrics written from an idea. Nothing here makes music; one of the lyrics may go into the form."""

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat.lyrics.card import SING_ID, WRITE_ID, offer_content, offer_view
from bot.chat.places import place_of
from bot.client import EncoreClient
from bot.domain.jobs import Place
from bot.domain.lyrics import IDEA_MAX, LyricsOrder
from bot.domain.text import text
from bot.errors import Refused
from bot.services.common.lyrics_ports import LyricsMessages
from bot.services.common.messenger import RouteUnavailable
from bot.services.members.members import Members
from bot.services.songs.lyrics import Lyrics
from cogs.clicks import ClickItem, answered
from cogs.form import FormCog
from cogs.pieces import piece_named, track_choices
from cogs.submitting import check_place

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View


class LyricsCog(commands.Cog):
    def __init__(
        self,
        client: EncoreClient,
        lyrics: Lyrics,
        messages: LyricsMessages,
        members: Members,
        form: FormCog,
        *,
        max_source_bytes: int,
    ) -> None:
        self._client = client
        self._lyrics = lyrics
        self._messages = messages
        self._members = members
        self._form = form
        self._max_source_bytes = max_source_bytes

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(WriteButton, SingButton)

    @app_commands.command(description=locale_str("Get lyrics from an idea, then have them sung."))
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.describe(
        idea=locale_str("What the lyrics are about. Leave it out to see your latest ones"),
        audio=locale_str("The piece the lyrics are for: mp3, wav, flac, ogg, opus, m4a, webm or mp4"),
        url=locale_str("… or a link to it (https)"),
        track=locale_str("… or one of your earlier tracks"),
    )
    async def lyrics(
        self,
        interaction: Interaction,
        idea: app_commands.Range[str, 1, IDEA_MAX] | None = None,
        audio: discord.Attachment | None = None,
        url: app_commands.Range[str, 1, 2000] | None = None,
        track: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        check_place(interaction, private=False)
        if sum(given is not None for given in (audio, url, track)) > 1:
            raise Refused(
                [text("Give one piece of audio at most: an `audio` file, a `url`, or a `track` of your own.")],
                rules=["one_source"],
            )
        if not await acknowledge(interaction):
            return
        place = place_of(interaction, private=True, at=interaction.client.clock())
        if idea is None:
            await self._show(interaction, place, await self._lyrics.latest(interaction.user.id))
            return
        source = await piece_named(
            self._members,
            interaction.user.id,
            audio=audio,
            url=url,
            track=track,
            limit_bytes=self._max_source_bytes,
        )
        order, left = await self._lyrics.offer(place, idea, source)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await reply(interaction, offer_content(order, left, say), view=offer_view(order, say))

    @lyrics.autocomplete("track")
    async def _tracks(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        return await track_choices(interaction, self._members, current)

    async def write(self, interaction: Interaction, order_id: str) -> None:
        """Order what was offered, once."""
        place = place_of(interaction, private=True, at=interaction.client.clock())
        order, is_new = await self._lyrics.agree(order_id, place)
        try:
            await self._show(interaction, place, order)
        finally:
            if is_new:
                await self._lyrics.begin(order)

    async def sing(self, interaction: Interaction, order_id: str, number: int) -> None:
        """Open the form with a version. Nothing is submitted before the member does."""
        await self._form.open(interaction, await self._lyrics.draft(interaction.user.id, order_id, number))

    async def _show(self, interaction: Interaction, place: Place, order: LyricsOrder) -> None:
        """In the answer to the interaction, which has been acknowledged."""
        try:
            await self._messages.show(place, order)
        except RouteUnavailable:
            await reply(interaction, interaction.client.in_words(interaction, [NOT_SHOWN]))


NOT_SHOWN = text("I couldn't show your lyrics here. Use `/lyrics` without an idea to see them.")


class WriteButton(ClickItem[discord.ui.Button[View]], template=WRITE_ID):
    """Below what lyrics cost. It carries the id of the order."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def write(cog: LyricsCog) -> None:
            await cog.write(interaction, self.carried["order"])

        await answered(interaction, LyricsCog, write)


class SingButton(ClickItem[discord.ui.Button[View]], template=SING_ID):
    """Below lyrics. It carries the id of the order and the number of the version."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def sing(cog: LyricsCog) -> None:
            await cog.sing(interaction, self.carried["order"], int(self.carried["number"]))

        await answered(interaction, LyricsCog, sing, acknowledges=False)
