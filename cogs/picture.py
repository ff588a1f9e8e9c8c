"""Answers a command or form with a picture in which its member picks the moment."""

import discord
from msgspec.structs import replace

from bot.acknowledge import acknowledge, reply
from bot.chat.attachments import attachments
from bot.chat.pick.choice import buttons_of, file_of, words_of
from bot.client import EncoreClient
from bot.domain.drafts import Draft
from bot.domain.request import is_longer_than_its_model_takes
from bot.errors import quota_refusal
from bot.services.members.members import Members
from bot.services.songs.drafts import Drafts
from bot.services.songs.picking import Picking

Interaction = discord.Interaction[EncoreClient]


class Pictures:
    def __init__(self, picking: Picking, drafts: Drafts, members: Members) -> None:
        self._picking = picking
        self._drafts = drafts
        self._members = members

    async def show(self, interaction: Interaction, draft: Draft, *, is_acknowledged: bool = False) -> None:
        """Keep the draft, and show its source with a button for each point.

        Raises:
            Refused: the source can't be read, or the member has no extension left today.
        """
        if (refusal := quota_refusal(await self._members.quota(draft.member_id))) is not None:
            raise refusal
        assert draft.source is not None  # noqa: S101  # whoever wants a picture has checked that
        await self._drafts.keep(draft)
        if not is_acknowledged and not await acknowledge(interaction):
            return
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        async with self._picking.pictured(draft.source, draft.member_id) as picture:
            if is_longer_than_its_model_takes(draft.request, picture.outline.length_seconds):
                draft = replace(draft, request=replace(draft.request, trim=True))
                await self._drafts.keep(draft)
            with attachments([file_of(picture, say)]) as attached:
                view = buttons_of(draft, picture.outline.points, say)
                await reply(interaction, words_of(draft, picture.outline, say), view=view, files=attached)
