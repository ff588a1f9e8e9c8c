"""`/library`: a member's results, page by page. Its menus and buttons carry what they lead to, and outlive restarts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands
from msgspec.structs import replace

from bot.acknowledge import acknowledge, acknowledge_in_place, open_form, reply
from bot.chat.form.answers import answers_in
from bot.chat.job_list import open_url
from bot.chat.places import place_of
from bot.chat.song.library import (
    ANY_MODEL,
    LIBRARY_ID,
    LibraryVerb,
    library_id,
    page_content,
    page_view,
    read_library_id,
    result_content,
    search_form,
    searched,
)
from bot.client import EncoreClient
from bot.domain.actions import JobAction
from bot.domain.library import SEARCH_MAX, Edge, LibraryQuery
from bot.domain.models import MODELS, WHOLE_TABLE, folded, model_meant
from bot.domain.text import Said, text
from bot.errors import Refused
from bot.services.pipeline.resend import Resend
from bot.services.songs.library import Library
from cogs.clicks import ClickItem, answered
from cogs.jobs import job_button
from cogs.songs import family_button

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

_TO_ME = r"encore:tome:(?P<job>[0-9a-z]{1,64})"


class LibraryCog(commands.Cog):
    def __init__(self, client: EncoreClient, library: Library, resend: Resend) -> None:
        self._client = client
        self._library = library
        self._resend = resend

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(LibraryItem, ToMeButton)

    @app_commands.command(description=locale_str("Find your earlier results, and have one sent again."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    @app_commands.describe(
        search=locale_str("A part of the title or the style"),
        model=locale_str("Only what was made with this model"),
        here=locale_str("Only what was made in this server"),
    )
    async def library(
        self,
        interaction: Interaction,
        search: app_commands.Range[str, 1, SEARCH_MAX] | None = None,
        model: app_commands.Range[str, 1, 40] | None = None,
        here: bool = False,
    ) -> None:
        query = LibraryQuery(
            search=searched(search or ""),
            model=_model(model),
            guild_id=interaction.guild_id if here else None,
        )
        if await acknowledge(interaction):
            await self.show(interaction, query, None)

    @library.autocomplete("model")
    async def _models(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:  # noqa: ARG002
        found = [name for name in reversed(MODELS) if folded(current) in folded(name)]
        return [app_commands.Choice(name=name, value=name) for name in found]

    async def show(self, interaction: Interaction, query: LibraryQuery, edge: Edge | None) -> None:
        """Answer with this page."""
        page = await self._library.page(interaction.user.id, query, edge)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        view = page_view(page, edge, here=interaction.guild_id, say=say)
        await reply(interaction, page_content(page, say), view=view)

    async def show_result(self, interaction: Interaction, job_id: str, query: LibraryQuery, edge: Edge | None) -> None:
        """One result, with the way back to its page."""
        job, left = await self._library.result(interaction.user.id, job_id)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        view = View(timeout=None)
        if (url := open_url(job)) is not None and left.in_channel is not False:
            view.add_item(discord.ui.Button(label=say(text("Open")), url=url))
        if left.can_be_sent and not job.place.private:  # a private result is only ever sent to its member
            view.add_item(job_button(JobAction.SEND_AGAIN, job.id, label=say(text("Post it here"))))
        if left.can_be_sent:
            to_me = f"encore:tome:{job.id}"
            view.add_item(discord.ui.Button(custom_id=to_me, label=say(text("Send it to me"))))
        view.add_item(family_button(job.song_id, say(text("Family"))))
        back = library_id(LibraryVerb.PAGE, query, edge)
        view.add_item(discord.ui.Button(custom_id=back, label=say(text("Back"))))
        view.stop()  # discord.py need not remember it
        await reply(interaction, result_content(job, left, say), view=view)

    async def turn(
        self, interaction: Interaction, verb: LibraryVerb, query: LibraryQuery, edge: Edge | None, values: Sequence[str]
    ) -> None:
        """Answer a menu or a button in place of the page it belongs to."""
        if not await acknowledge_in_place(interaction):
            return
        if verb in {LibraryVerb.PICK, LibraryVerb.MODEL} and not values:  # Discord's own clients always send one
            raise Refused([text("Pick a result from the list.")])
        if verb is LibraryVerb.PICK:
            await self.show_result(interaction, values[0], query, edge)
            return
        if verb is LibraryVerb.MODEL:
            query = replace(query, model="" if values[0] == ANY_MODEL else _model(values[0]))
        await self.show(interaction, query, edge)

    async def ask(self, interaction: Interaction, query: LibraryQuery) -> None:
        """Open the form for a search."""
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await open_form(interaction, search_form(query, say))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """The form for a search, when it comes back. discord.py only knows those that this process opened."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data = cast("Mapping[str, Any]", interaction.data or {})
        if (match := re.fullmatch(LIBRARY_ID, str(data.get("custom_id")))) is None:
            return
        verb, query, _ = read_library_id(match)
        query = replace(query, search=searched(answers_in(data).words.get("words", "")))

        async def find(cog: LibraryCog) -> None:
            await cog.turn(interaction, verb, query, None, ())

        await answered(interaction, LibraryCog, find, acknowledges=False)

    async def send_to_me(self, interaction: Interaction, job_id: str) -> None:
        """Send the result again, where only its member sees it."""
        place = place_of(interaction, private=True, at=interaction.client.clock())
        await self._resend.send_again(job_id, interaction.user.id, place)


def _model(words: str | None) -> str:
    """The name of the model that is meant; empty for none.

    Raises:
        Refused: there is no such model.
    """
    if not (words or "").strip():
        return ""
    model = model_meant(words or "", WHOLE_TABLE)
    if model is None:
        raise Refused([text("There's no model `{given}`. Pick one from the list.", given=Said(words or ""))])
    return model.name


class LibraryItem(ClickItem[discord.ui.Item[View]], template=LIBRARY_ID):
    """A menu or a button of the library; its custom id says what it leads to."""

    kind = discord.ui.Item

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        verb, query, edge = read_library_id(self.carried)
        values = self.item.values if isinstance(self.item, discord.ui.Select) else ()

        async def turn(cog: LibraryCog) -> None:
            if verb is LibraryVerb.SEARCH:
                await cog.ask(interaction, query)
            else:
                await cog.turn(interaction, verb, query, edge, values)

        await answered(interaction, LibraryCog, turn, acknowledges=False)


class ToMeButton(ClickItem[discord.ui.Button[View]], template=_TO_ME):
    """Sends a result to its member alone."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def send(cog: LibraryCog) -> None:
            await cog.send_to_me(interaction, self.carried["job"])

        await answered(interaction, LibraryCog, send)
