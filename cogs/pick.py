"""The buttons below a picture with points, and the form for any other moment. All outlive restarts."""

import re
from collections.abc import Mapping
from typing import Any, cast

import discord
from discord.ext import commands
from msgspec.structs import replace

from bot.acknowledge import open_form
from bot.chat.form.answers import answers_in
from bot.chat.pick.choice import END, HUNDREDTHS, MOMENT_ID, OTHER, PICK_ID, moment_form
from bot.client import EncoreClient
from bot.domain.drafts import Field, filled, refused_draft_id
from bot.errors import Refused
from bot.services.songs.drafts import Drafts
from bot.services.songs.picking import Picking
from cogs.beginning import Beginning
from cogs.clicks import ClickItem, answered
from cogs.submitting import check_place, click_behind

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View


class PickCog(commands.Cog):
    def __init__(self, client: EncoreClient, picking: Picking, drafts: Drafts, beginning: Beginning) -> None:
        self._client = client
        self._picking = picking
        self._drafts = drafts
        self._beginning = beginning

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(PickButton)

    async def pick(self, interaction: Interaction, draft_id: str, moment: str) -> None:
        """`moment` as in the button's custom_id."""
        if moment == OTHER:
            draft = await self._drafts.of(interaction.user.id, draft_id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            await open_form(interaction, moment_form(draft, say))
            return
        words = "" if moment == END else repr(int(moment) / HUNDREDTHS)
        await self.go_on(interaction, draft_id, words)

    async def go_on(self, interaction: Interaction, draft_id: str, words: str) -> None:
        """As the command or form would have, had its member written this moment; empty: the end."""
        before = await self._drafts.of(interaction.user.id, draft_id)
        await self._picking.check_first(draft_id, click_behind(interaction))
        request = filled(before.request, {Field.CONTINUE_AT: words})
        draft = replace(before, id=refused_draft_id(interaction.id), request=request, problems=())
        try:
            check_place(interaction, private=draft.private)
            await self._beginning.begin(interaction, draft)
        except Refused as error:
            await self._drafts.keep_refused(error, draft)
            raise

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """The form that comes back. discord.py only knows those that this process opened since its start."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data = cast("Mapping[str, Any]", interaction.data or {})
        if (match := re.fullmatch(MOMENT_ID, str(data.get("custom_id")))) is None:
            return

        async def go_on(cog: PickCog) -> None:
            await cog.go_on(interaction, match["draft"], answers_in(data).words.get(Field.CONTINUE_AT, ""))

        await answered(interaction, PickCog, go_on, acknowledges=False)


class PickButton(ClickItem[discord.ui.Button[View]], template=PICK_ID):
    """It carries the id of the draft and the moment."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def pick(cog: PickCog) -> None:
            await cog.pick(interaction, self.carried["draft"], self.carried["moment"])

        await answered(interaction, PickCog, pick, acknowledges=False)
