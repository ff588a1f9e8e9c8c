"""The form in which everything about an extension can be filled in, and the button that brings it back."""

import re
from collections.abc import Mapping
from typing import Any, cast

import discord
from discord.ext import commands
from msgspec.structs import replace

from bot.acknowledge import acknowledge, open_form
from bot.chat.form.answers import Answers, answers_in
from bot.chat.form.fix import FIX_ID
from bot.chat.form.modal import FORM_ID, form_of
from bot.chat.places import place_of
from bot.client import EncoreClient
from bot.domain.drafts import BY_FILE, Draft, Field, filled, refused_draft_id, wants_to_pick
from bot.domain.jobs import Intake
from bot.domain.models import Offer
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import text
from bot.errors import Refused, quota_refusal
from bot.services.members.members import Members
from bot.services.pipeline.accept import Acceptance
from bot.services.songs.drafts import Drafts
from bot.services.songs.lyrics_file import LyricsFiles
from cogs.clicks import ClickItem, answered
from cogs.picture import Pictures
from cogs.submitting import check_place, check_size, hand_in

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View


class FormCog(commands.Cog):
    def __init__(
        self,
        client: EncoreClient,
        acceptance: Acceptance,
        members: Members,
        drafts: Drafts,
        lyrics: LyricsFiles,
        pictures: Pictures,
        *,
        offer: Offer,
        max_source_bytes: int,
    ) -> None:
        self._client = client
        self._acceptance = acceptance
        self._members = members
        self._drafts = drafts
        self._lyrics = lyrics
        self._pictures = pictures
        self._offer = offer
        self._max_source_bytes = max_source_bytes

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(FixButton)

    async def open(self, interaction: Interaction, draft: Draft) -> None:
        """Keep the draft and answer with its form; nothing may have answered the interaction before.

        Raises:
            QuotaExceeded: the member could not send it today.
        """
        await self._drafts.keep(draft)
        await self.show(interaction, draft)

    async def show(self, interaction: Interaction, draft: Draft) -> None:
        """The form of a draft that is kept. Raises as `open`."""
        if (refusal := quota_refusal(await self._members.quota(draft.member_id))) is not None:
            raise refusal
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await open_form(interaction, form_of(draft, self._offer, say, at=interaction.client.clock()))

    async def fix(self, interaction: Interaction, draft_id: str) -> None:
        await self.show(interaction, await self._drafts.of(interaction.user.id, draft_id))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Forms that come back. discord.py only knows those that this process opened since its start."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data = cast("Mapping[str, Any]", interaction.data or {})
        if (match := re.fullmatch(FORM_ID, str(data.get("custom_id")))) is None:
            return

        async def take_in(cog: FormCog) -> None:
            await cog.take_in(interaction, match["draft"], answers_in(data))

        await answered(interaction, FormCog, take_in, acknowledges=False)

    async def take_in(self, interaction: Interaction, draft_id: str, answers: Answers) -> None:
        """Submit what the form says, or refuse it with everything that was filled in kept for another try."""
        before = await self._drafts.of(interaction.user.id, draft_id)
        draft = _filled_in(before, answers, interaction)
        try:
            self._check(interaction, draft, answers)
            if (lyrics := answers.files.get(Field.PROMPT)) is not None:
                if not await acknowledge(interaction):  # before the file is fetched, which may take a while
                    return
                words = await self._lyrics.read(lyrics.url)
                draft = replace(draft, request=replace(draft.request, prompt=words), by_file=False)
            await self._hand_in(interaction, draft, is_acknowledged=lyrics is not None)
        except Refused as error:
            await self._drafts.keep_refused(error, draft)
            raise

    def _check(self, interaction: Interaction, draft: Draft, answers: Answers) -> None:
        """What can be said before anything is read."""
        check_place(interaction, private=draft.private)
        if draft.source is None:
            raise Refused([text("There's no audio yet. Add a file.")], rules=["one_source"], options=[Field.AUDIO])
        if (audio := answers.files.get(Field.AUDIO)) is not None:
            check_size(audio.size_bytes, limit_bytes=self._max_source_bytes)
        if draft.by_file and Field.PROMPT not in answers.files:
            raise Refused(
                [text("Longer lyrics need a text file (.txt). Please add one.")],
                rules=["lyrics_by_file"],
                options=[Field.PROMPT],
            )

    async def _hand_in(self, interaction: Interaction, draft: Draft, *, is_acknowledged: bool) -> None:
        if wants_to_pick(draft.request):
            await self._pictures.show(interaction, draft, is_acknowledged=is_acknowledged)
            return
        place = place_of(interaction, private=draft.private, at=interaction.client.clock())
        assert draft.source is not None  # noqa: S101  # see `_check`
        intake = Intake(
            place=place,
            source=draft.source,
            request=draft.request,
            parent=draft.parent,
            relay_turn=draft.relay_turn,
            due_at=place.received_at,
        )
        await hand_in(interaction, self._acceptance, intake, is_acknowledged=is_acknowledged)


def _filled_in(before: Draft, answers: Answers, interaction: Interaction) -> Draft:
    """The draft with what the form says. `by_file`: its lyrics are in a file, or the form is to ask for one."""
    request = filled(before.request, answers.words)
    by_file = request.prompt.casefold() in BY_FILE
    draft = replace(
        before,
        id=refused_draft_id(interaction.id),
        request=replace(request, prompt="") if by_file else request,
        problems=(),
        by_file=by_file or Field.PROMPT in answers.files,
        can_be_trimmed=False,
    )
    if (file := answers.files.get(Field.AUDIO)) is None:
        return draft
    source = SourceChoice(kind=SourceKind.ATTACHMENT, name=file.name, locator=file.url, size_bytes=file.size_bytes)
    # With other audio, it no longer comes from another job, and nobody has agreed to trimming it.
    request = replace(draft.request, trim=False)
    return replace(draft, source=source, request=request, parent=None, made_at=interaction.client.clock())


class FixButton(ClickItem[discord.ui.Button[View]], template=FIX_ID):
    """Below a refusal. It carries the id of the draft."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def fix(cog: FormCog) -> None:
            await cog.fix(interaction, self.carried["draft"])

        await answered(interaction, FormCog, fix, acknowledges=False)
