"""`/relay`: members of a thread extend one song in turns. Its button outlives restarts."""

import asyncio
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat import cards
from bot.chat.discord_errors import TROUBLES
from bot.chat.places import place_of
from bot.chat.result.rows import view_of
from bot.chat.song.relay import TURN, status_sentences, turn_rows
from bot.client import EncoreClient
from bot.domain.drafts import Draft, new_draft_id
from bot.domain.follow_ups import PostedFile, parent_of, take_as_source
from bot.domain.jobs import Job, Parent, RelayTurn, Track
from bot.domain.models import Offer
from bot.domain.relays import Opening
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice
from bot.domain.takes import takes_of
from bot.domain.text import text
from bot.domain.titles import shown_title, source_title
from bot.errors import Refused, quota_refusal
from bot.services.members.members import Members
from bot.services.songs.relays import GONE, Relays, RelayView
from cogs.clicks import ClickItem, answered
from cogs.form import FormCog
from cogs.pieces import piece_named, track_choices
from cogs.results import TAKE_GONE, posted_in
from cogs.songs import song_choices
from cogs.submitting import check_place

Interaction = discord.Interaction[EncoreClient]
Choices = list[app_commands.Choice[str]]
View = discord.ui.View

MESSAGE_SECONDS = 1.0
"""How long the message with a take is waited for: the form is due within three seconds."""
_BUTTON = rf"encore:{TURN}:(?P<relay>[0-9a-z]{{1,64}})"


class RelayCog(commands.Cog):
    relay = app_commands.Group(
        name="relay",
        description=locale_str("Extend one song in turns, in a thread."),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
    )

    def __init__(
        self,
        client: EncoreClient,
        relays: Relays,
        members: Members,
        form: FormCog,
        *,
        offer: Offer,
        max_source_bytes: int,
    ) -> None:
        self._client = client
        self._relays = relays
        self._members = members
        self._form = form
        self._offer = offer
        self._max_source_bytes = max_source_bytes

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(TurnButton)

    @relay.command(name="start", description=locale_str("Begin a relay in this thread."))
    @app_commands.describe(
        result=locale_str("One of my results in this thread. Leave it out for the latest"),
        audio=locale_str("… or a file to begin with; the first turn is yours"),
        url=locale_str("… or a link to one (https)"),
        track=locale_str("… or one of your earlier tracks"),
    )
    async def start(
        self,
        interaction: Interaction,
        result: app_commands.Range[str, 1, 100] | None = None,
        audio: discord.Attachment | None = None,
        url: app_commands.Range[str, 1, 2000] | None = None,
        track: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        check_place(interaction, private=False)
        _check_thread(interaction)
        if sum(given is not None for given in (result, audio, url, track)) > 1:
            raise Refused([text("Give just one to begin with: a `result`, an `audio` file, a `url` or a `track`.")])
        place = place_of(interaction, private=False, at=interaction.client.clock())
        if audio is None and url is None and track is None:
            if await acknowledge(interaction):
                job = await self._relays.result_meant(place.guild_id or 0, place.channel_id, result or "")
                await self._relays.start(place, _opening_with(job))
                say = interaction.client.catalogue.for_reader(str(interaction.locale))
                await reply(interaction, say(text("The relay begins. I'll post the button for the first turn here.")))
            return
        await self._check_quota(interaction)
        source = await piece_named(
            self._members,
            interaction.user.id,
            audio=audio,
            url=url,
            track=track,
            limit_bytes=self._max_source_bytes,
        )
        assert source is not None  # noqa: S101  # one of the three is given
        opening = Opening(
            member_id=interaction.user.id,
            title=source_title(source.name),
            model=source.model or self._offer.default.name,
            source=source,
        )
        view = await self._relays.start(place, opening)
        await self._open(interaction, view, source, parent=None)

    @relay.command(name="status", description=locale_str("See where this thread's relay stands."))
    async def status(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            view, ruling = await self._relays.status(interaction.channel_id or 0, interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            shown = cards.as_list(status_sentences(view, ruling), say)
            await reply(interaction, shown, view=view_of(turn_rows(view, say)))

    @relay.command(name="finish", description=locale_str("End this thread's relay and post the whole song."))
    async def finish(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            place = place_of(interaction, private=False, at=interaction.client.clock())
            manages = interaction.permissions.manage_messages
            view = await self._relays.finish(place, manages_messages=manages)
            if not view.has_song:  # otherwise, whoever joins it answers
                say = interaction.client.catalogue.for_reader(str(interaction.locale))
                await reply(interaction, say(text("The relay is finished. There's no song to post.")))

    async def take_turn(self, interaction: Interaction, relay_id: str) -> None:
        """The form for the next turn, if it is this member's to take."""
        check_place(interaction, private=False)
        await self._check_quota(interaction)
        view = await self._relays.take_turn(relay_id, interaction.user.id)
        job, opening = view.position.base, view.relay.opening
        if job is None:
            assert opening.source is not None  # noqa: S101  # such a relay has no other beginning
            await self._open(interaction, view, opening.source, parent=None)
            return
        if (track := takes_of(job).get(view.take or 1)) is None:
            raise Refused([GONE])
        posted = await self._posted(job, track)
        source = take_as_source(job, track, posted, at=interaction.client.clock())
        if source is None:
            raise Refused([TAKE_GONE])
        await self._open(interaction, view, source, parent=parent_of(job, track))

    async def _open(
        self, interaction: Interaction, view: RelayView, source: SourceChoice, *, parent: Parent | None
    ) -> None:
        base, opening, at = view.position.base, view.relay.opening, interaction.client.clock()
        draft = Draft(
            id=new_draft_id(),
            member_id=interaction.user.id,
            request=ExtensionRequest(model=base.request.model if base else opening.model),
            source=source,
            parent=parent,
            relay_turn=RelayTurn(relay_id=view.relay.id, number=view.position.number),
            # A file that was handed to `/relay start` lives from then on.
            made_at=at if base is not None else view.relay.started_at,
        )
        await self._form.open(interaction, draft)

    async def _posted(self, job: Job, track: Track) -> PostedFile | None:
        """The take in the message with the result, if Discord shows it soon enough."""
        if job.final_message_id is None or job.final_channel_id is None or job.final_is_answer:
            return None
        channel = self._client.get_partial_messageable(job.final_channel_id)
        try:
            async with asyncio.timeout(MESSAGE_SECONDS):
                return posted_in(await channel.fetch_message(job.final_message_id), job, track)
        except TROUBLES:
            return None

    async def _check_quota(self, interaction: Interaction) -> None:
        """Before the turn is taken from others. Raises `QuotaExceeded`."""
        if (refusal := quota_refusal(await self._members.quota(interaction.user.id))) is not None:
            raise refusal

    @start.autocomplete("result")
    async def _results(self, interaction: Interaction, current: str) -> Choices:
        if interaction.guild_id is None or interaction.channel_id is None:
            return []
        found = await self._relays.results_in(interaction.guild_id, interaction.channel_id, current)
        return [
            app_commands.Choice(name=choice.name, value=job.id)
            for choice, job in zip(song_choices(found, interaction), found, strict=True)
        ]

    @start.autocomplete("track")
    async def _tracks(self, interaction: Interaction, current: str) -> Choices:
        return await track_choices(interaction, self._members, current)


def _check_thread(interaction: Interaction) -> None:
    if not isinstance(interaction.channel, discord.Thread):
        raise Refused([text("A relay needs a thread of its own. Open a thread, and use `/relay start` there.")])


def _opening_with(job: Job) -> Opening:
    return Opening(member_id=job.place.member_id, title=shown_title(job), model=job.request.model, job_id=job.id)


class TurnButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    """Takes the next turn of a relay, whose id it carries: whichever turn that is by now."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def take_turn(cog: RelayCog) -> None:
            await cog.take_turn(interaction, self.carried["relay"])

        await answered(interaction, RelayCog, take_turn, acknowledges=False)
