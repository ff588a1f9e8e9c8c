"""From a draft to its way on: handed in, or first the form or the picture that it needs."""

import discord
from msgspec.structs import replace

from bot.chat.places import place_of
from bot.client import EncoreClient
from bot.domain.adjustments import adjusted
from bot.domain.drafts import Draft, Problem, wants_to_pick
from bot.domain.jobs import Intake
from bot.domain.models import Offer
from bot.domain.request import Mode
from bot.domain.rules import broken_rules
from bot.services.pipeline.accept import Acceptance
from cogs.form import FormCog
from cogs.picture import Pictures
from cogs.submitting import hand_in

Interaction = discord.Interaction[EncoreClient]


class Beginning:
    def __init__(self, acceptance: Acceptance, form: FormCog, pictures: Pictures, *, offer: Offer) -> None:
        self._acceptance = acceptance
        self._form = form
        self._pictures = pictures
        self._offer = offer

    async def begin(self, interaction: Interaction, draft: Draft, *, in_form: bool = False) -> None:
        """Hand it in, or first show the picture if the moment is to be picked, or open the form if that is wanted or if
        lyrics are missing.

        Raises:
            Refused: one of these refuses it.
        """
        source, request = draft.source, draft.request
        assert source is not None  # noqa: S101  # whoever begins has checked that
        if wants_to_pick(request) and not in_form:
            await self._pictures.show(interaction, draft)
            return
        if in_form or (request.mode is Mode.CUSTOM_VOCAL and not request.prompt):
            broken = () if in_form else broken_rules(adjusted(replace(request, source_model=source.model)), self._offer)
            problems = tuple(Problem(rule.option, rule.sentence) for rule in broken)
            await self._form.open(interaction, replace(draft, problems=problems))
            return
        place = place_of(interaction, private=draft.private, at=interaction.client.clock())
        intake = Intake(place=place, source=source, request=request, parent=draft.parent, due_at=place.received_at)
        await hand_in(interaction, self._acceptance, intake)
