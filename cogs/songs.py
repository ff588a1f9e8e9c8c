"""`/song`: a song's family. Its buttons outlive restarts: they carry the song's id and the page."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, acknowledge_in_place, reply
from bot.chat.attachments import attachments
from bot.chat.cards import Attached
from bot.chat.song.sight import Sight
from bot.chat.song.tree import pages_of, picture_described
from bot.client import EncoreClient
from bot.domain.jobs import Job
from bot.domain.text import Day, Text, text
from bot.domain.titles import shown_title
from bot.services.common.sentences import UNTITLED, hour
from bot.services.songs.families import Families, Family, Viewer
from bot.services.songs.family_pictures import FamilyPictures
from bot.text import plain
from cogs.clicks import ClickItem, answered

Interaction = discord.Interaction[EncoreClient]
Choices = list[app_commands.Choice[str]]
View = discord.ui.View

CHOICE_MAX = 100
FAMILY = "family"
"""Opens a song's family beside the message that was clicked; `PAGE` turns the page of one."""
PAGE = "song"
_BUTTON = rf"encore:(?P<verb>{FAMILY}|{PAGE}):(?P<song>[0-9a-z]{{1,64}})(:(?P<page>[0-9]{{1,4}}))?"


class SongsCog(commands.Cog):
    def __init__(self, client: EncoreClient, families: Families, pictures: FamilyPictures, sight: Sight) -> None:
        self._client = client
        self._families = families
        self._pictures = pictures
        self._sight = sight

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(SongButton)

    @app_commands.command(description=locale_str("See a song's family: who made which take from which moment."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    @app_commands.describe(song=locale_str("One of your songs, or a public one of this server"))
    async def song(self, interaction: Interaction, song: app_commands.Range[str, 1, 100]) -> None:
        if await acknowledge(interaction):
            viewer = self._viewer(interaction)
            await self._show(interaction, await self._families.meant(viewer, song), viewer, page=1)

    async def open(self, interaction: Interaction, song_id: str, page: int) -> None:
        """Answer with this page of the family, or the last one."""
        viewer = self._viewer(interaction)
        await self._show(interaction, await self._families.family(viewer, song_id), viewer, page=page)

    async def turn(self, interaction: Interaction, song_id: str, page: int) -> None:
        """As `open`, in place of the page with the button."""
        if await acknowledge_in_place(interaction):
            await self.open(interaction, song_id, page)

    async def _show(self, interaction: Interaction, family: Family, viewer: Viewer, *, page: int) -> None:
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        pages = pages_of(family, viewer, say)
        number = min(max(page, 1), len(pages))
        view = View(timeout=None)
        if number > 1:
            view.add_item(page_button(family.song_id, number - 1, say(text("Previous page"))))
        if number < len(pages):
            view.add_item(page_button(family.song_id, number + 1, say(text("Next page"))))
        view.stop()  # discord.py need not remember it
        shown = pages[number - 1]
        async with self._pictures.of(shown.nodes) as path:
            picture = [Attached(name="family.png", path=path, alt=picture_described(shown, say))] if path else []
            with attachments(picture) as files:
                await reply(interaction, shown.content, view=view if len(pages) > 1 else None, files=files)

    def _viewer(self, interaction: Interaction) -> Viewer:
        return Viewer(
            member_id=interaction.user.id,
            guild_id=interaction.guild_id,
            sees=partial(self._sight.seen, interaction),
        )

    @song.autocomplete("song")
    async def _songs(self, interaction: Interaction, current: str) -> Choices:
        found = await self._families.choices(self._viewer(interaction), current)
        return song_choices(found, interaction)


def song_choices(found: Sequence[Job], interaction: Interaction) -> Choices:
    """`Paper Boats · yours · 24 Nov · 14:05 UTC`: the newest result of each song."""
    say = interaction.client.catalogue.for_reader(str(interaction.locale))
    choices = []
    for job in found:
        at = job.ended_at or job.accepted_at
        words = Text("{day} · {hour}", {"day": Day(at.date()), "hour": hour(at)})  # nothing to translate
        if job.place.member_id == interaction.user.id:
            words = text("yours · {when}", when=words)
        label = say(words)
        title = plain(shown_title(job) or say(UNTITLED), limit=CHOICE_MAX - len(label) - 3)
        choices.append(app_commands.Choice(name=f"{title} · {label}", value=job.song_id))
    return choices


def family_button(song_id: str, label: str) -> discord.ui.Button[View]:
    """Opens the song's family."""
    return discord.ui.Button(custom_id=f"encore:{FAMILY}:{song_id}", label=label)


def page_button(song_id: str, page: int, label: str) -> discord.ui.Button[View]:
    return discord.ui.Button(custom_id=f"encore:{PAGE}:{song_id}:{page}", label=label)


class SongButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        verb, song_id, page = self.carried["verb"], self.carried["song"], int(self.carried["page"] or 1)

        async def act(cog: SongsCog) -> None:
            if verb == PAGE:
                await cog.turn(interaction, song_id, page)
            else:
                await cog.open(interaction, song_id, page)

        await answered(interaction, SongsCog, act, acknowledges=verb == FAMILY)
