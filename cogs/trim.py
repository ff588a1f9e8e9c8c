"""`Trim it`, below a refusal of audio that is too long. Outlives restarts."""

from typing import Any

import discord
from discord.ext import commands
from msgspec.structs import replace

from bot.chat.form.fix import TRIM_ID
from bot.client import EncoreClient
from bot.domain.drafts import refused_draft_id
from bot.errors import Refused
from bot.services.songs.drafts import Drafts
from bot.services.songs.picking import Picking
from cogs.beginning import Beginning
from cogs.clicks import ClickItem, answered
from cogs.submitting import check_place, click_behind

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View


class TrimCog(commands.Cog):
    def __init__(self, client: EncoreClient, picking: Picking, drafts: Drafts, beginning: Beginning) -> None:
        self._client = client
        self._picking = picking
        self._drafts = drafts
        self._beginning = beginning

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(TrimButton)

    async def trim(self, interaction: Interaction, draft_id: str) -> None:
        """Submit the same again, with only the part before the moment."""
        before = await self._drafts.of(interaction.user.id, draft_id)
        await self._picking.check_first(draft_id, click_behind(interaction))
        request = replace(before.request, trim=True)
        draft = replace(before, id=refused_draft_id(interaction.id), request=request, problems=(), can_be_trimmed=False)
        try:
            check_place(interaction, private=draft.private)
            await self._beginning.begin(interaction, draft)
        except Refused as error:
            await self._drafts.keep_refused(error, draft)
            raise


class TrimButton(ClickItem[discord.ui.Button[View]], template=TRIM_ID):
    """It carries the id of the draft."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def trim(cog: TrimCog) -> None:
            await cog.trim(interaction, self.carried["draft"])

        await answered(interaction, TrimCog, trim, acknowledges=False)
