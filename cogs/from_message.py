"""`Extend this audio`, in the context menu of a message: continues a file in it."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands
from msgspec.structs import replace

from bot.acknowledge import acknowledge, reply
from bot.chat.form.audio_files import audio_in
from bot.chat.form.choice import CHOOSE_ID, choice_view
from bot.client import EncoreClient
from bot.domain.drafts import Draft, new_draft_id
from bot.domain.models import Offer
from bot.domain.request import ExtensionRequest
from bot.domain.text import text
from bot.errors import Refused
from bot.services.songs.drafts import Drafts
from cogs.clicks import ClickItem, answered
from cogs.form import FormCog
from cogs.submitting import check_place

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

NAME = "Extend this audio"


class FromMessageCog(commands.Cog):
    def __init__(self, client: EncoreClient, drafts: Drafts, form: FormCog, *, offer: Offer) -> None:
        self._client = client
        self._drafts = drafts
        self._form = form
        self._offer = offer
        self._command = app_commands.ContextMenu(
            name=NAME,
            callback=self._extend,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        )

    async def cog_load(self) -> None:
        self._client.tree.add_command(self._command)
        self._client.add_dynamic_items(AudioMenu)

    async def cog_unload(self) -> None:
        self._client.tree.remove_command(self._command.name, type=self._command.type)

    async def _extend(self, interaction: Interaction, message: discord.Message) -> None:
        check_place(interaction, private=False)
        found = audio_in(message)
        if not found:
            raise Refused(
                [text("I can't find any audio in this message. For a link, use `/extend` with `url`.")],
                rules=["no_audio_in_message"],
            )
        draft = Draft(
            id=new_draft_id(),
            member_id=interaction.user.id,
            request=ExtensionRequest(model=self._offer.default.name),
            source=found[0],
            choices=tuple(found) if len(found) > 1 else (),
            made_at=interaction.client.clock(),
        )
        if not draft.choices:
            await self._form.open(interaction, draft)
            return
        if await acknowledge(interaction):
            await self._drafts.keep(draft)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            question = say(text("There are several files in this message. Which one do you want to continue?"))
            await reply(interaction, question, view=choice_view(draft, say))

    async def choose(self, interaction: Interaction, draft_id: str, values: Sequence[str]) -> None:
        """Open the form for one of the draft's files. Each choice is a draft of its own."""
        draft = await self._drafts.of(interaction.user.id, draft_id)
        chosen = next((source for number, source in enumerate(draft.choices) if [str(number)] == list(values)), None)
        if chosen is None:  # Discord's own clients always send one of them
            raise Refused([text("Pick a file from the list.")])
        await self._form.open(interaction, replace(draft, id=new_draft_id(), source=chosen, choices=()))


class AudioMenu(ClickItem[discord.ui.Select[View]], template=CHOOSE_ID):
    """The files to choose from. It carries the id of the draft."""

    kind = discord.ui.Select

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def choose(cog: FromMessageCog) -> None:
            await cog.choose(interaction, self.carried["draft"], self.item.values)

        await answered(interaction, FromMessageCog, choose, acknowledges=False)
