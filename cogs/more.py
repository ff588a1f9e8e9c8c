"""`More…` below a result: what is needed less often, in an answer that only its member sees."""

from typing import Any

import discord
from discord.ext import commands

from bot.acknowledge import acknowledge_in_place, reply
from bot.chat.attachments import attachments
from bot.chat.cards import FILES_MAX, joins_attached
from bot.chat.result.lyrics import lyrics_shown
from bot.client import EncoreClient
from bot.domain.clicks import Click
from bot.domain.drafts import AUDIO_KEPT, Draft, new_draft_id
from bot.domain.follow_ups import parent_of, same_request
from bot.domain.jobs import Job
from bot.domain.joins import JoinFormat
from bot.domain.more import MoreAction, lyrics_of, may_delete, more_actions
from bot.domain.source import SourceKind
from bot.domain.text import Text, text
from bot.errors import Refused
from bot.services.common.messenger import Messenger, RouteClosed, RouteUnavailable
from bot.services.common.sentences import name_of
from bot.services.songs.complaints import Complaints
from bot.services.songs.join import Joins
from bot.services.songs.lyrics_timing import LyricsTiming
from bot.services.songs.results import MADE_EARLIER, Results
from cogs.clicks import ClickItem, answered
from cogs.form import FormCog
from cogs.songs import family_button
from cogs.submitting import check_place_of_click
from cogs.timed_lyrics import TimedLyricsCog
from cogs.whole_song import WholeSongCog

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

REMOVE = "remove"
"""What `Delete` does once it has asked."""
_BUTTON = rf"encore:(?P<verb>{'|'.join((*MoreAction, REMOVE))}):(?P<job>[0-9a-z]{{1,64}}):(?P<message>[0-9]{{1,20}})"

_WHOLE = {MoreAction.WAV: JoinFormat.WAV, MoreAction.FLAC: JoinFormat.FLAC}
_LABELS = {
    MoreAction.EDIT: text("Edit"),
    MoreAction.LYRICS: text("Lyrics"),
    MoreAction.TIMES: text("Lyrics with times"),
    MoreAction.JOIN: text("Hear the join"),
    MoreAction.WAV: text("Whole song as WAV"),
    MoreAction.FLAC: text("Whole song as FLAC"),
    MoreAction.REPORT: text("Report"),
    MoreAction.DELETE: text("Delete"),
}
NOT_YOURS_TO_EDIT = text("Only the person who asked for this can edit it. **Again** makes the same one for you.")
NOT_YOURS_TO_DELETE = text("Only the person who asked for this, or someone who manages messages here, can delete it.")


class MoreCog(commands.Cog):
    def __init__(
        self,
        client: EncoreClient,
        results: Results,
        complaints: Complaints,
        messenger: Messenger,
        form: FormCog,
        joins: Joins,
        timing: LyricsTiming,
    ) -> None:
        self._client = client
        self._results = results
        self._complaints = complaints
        self._messenger = messenger
        self._form = form
        self._joins = joins
        self._timing = timing

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(MoreButton)

    async def show(self, interaction: Interaction, job_id: str) -> None:
        """What this member can do with the result of the message."""
        assert interaction.message is not None  # noqa: S101  # every click has its message
        job = await self._results.job(job_id, interaction.user.id)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        actions = more_actions(
            job,
            member_id=interaction.user.id,
            manages_messages=interaction.permissions.manage_messages,
            is_answer=interaction.message.flags.ephemeral,
            has_times=not self._timing.is_switched_off or bool(await self._timing.kept(job)),
        )
        view = View(timeout=None)
        buttons = [_button(action, job_id, interaction.message.id, say(_LABELS[action])) for action in actions]
        # `Report` and `Delete` come last.
        at = actions.index(MoreAction.REPORT) if MoreAction.REPORT in actions else len(actions)
        buttons.insert(at, family_button(job.song_id, say(text("Family"))))
        for button in buttons:
            view.add_item(button)
        view.stop()  # discord.py need not remember it
        # No words of its own, so there is nothing to translate.
        title = Text("**{title}** · `{job}`", {"title": name_of(job), "job": job.short_id})
        await reply(interaction, say(title), view=view)

    async def edit(self, interaction: Interaction, job_id: str) -> None:
        """The form, filled in with everything that was asked for."""
        job = await self._results.job(job_id, interaction.user.id)
        if job.place.member_id != interaction.user.id:
            raise Refused([NOT_YOURS_TO_EDIT])
        check_place_of_click(interaction, private=job.place.private)  # rather than once everything is filled in
        if job.source_choice is None:
            raise Refused([MADE_EARLIER])
        at = interaction.client.clock()
        is_loose = job.source_choice.kind is SourceKind.ATTACHMENT and job.source_choice.message is None
        draft = Draft(
            id=new_draft_id(),
            member_id=interaction.user.id,
            request=same_request(job),
            source=None if is_loose and at - job.place.received_at >= AUDIO_KEPT else job.source_choice,
            private=job.place.private,
            parent=parent_of(job),
            made_at=at,
        )
        await self._form.open(interaction, draft)

    async def lyrics(self, interaction: Interaction, job_id: str) -> None:
        job = await self._results.job(job_id, interaction.user.id)
        if not lyrics_of(job):
            raise Refused([text("I have no lyrics for this.")])
        content, files = lyrics_shown(job, interaction.client.catalogue.for_reader(str(interaction.locale)))
        with attachments(files) as attached:
            await reply(interaction, content, files=attached)

    async def join(self, interaction: Interaction, job_id: str) -> None:
        """The seconds around the join to hear, and the whole piece to see."""
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        job = await self._results.job(job_id, interaction.user.id)
        async with self._joins.shown(job, interaction.user.id) as (job, files):
            shown = joins_attached(job, files, say, most=FILES_MAX)
            with attachments(shown) as attached:
                await reply(
                    interaction, say(text("How **{title}** joins the original", title=name_of(job))), files=attached
                )

    async def report(self, interaction: Interaction, job_id: str, message_id: int) -> None:
        job = await self._results.job(job_id, interaction.user.id)
        is_new = await self._complaints.complain(job.id, _click(interaction, message_id))
        words = (
            text("Thank you. I'll let my operator know.")
            if is_new
            else text("You've reported this already. My operator will look at it.")
        )
        await _say(interaction, words)

    async def delete(self, interaction: Interaction, job_id: str, message_id: int) -> None:
        """Ask first."""
        await self._may_delete(interaction, job_id)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        view = View(timeout=None)
        view.add_item(_button(REMOVE, job_id, message_id, say(text("Delete"))))
        view.stop()
        question = text(
            "Delete this message and its music for everyone? The person who asked for it can still find it in `/jobs`."
        )
        await reply(interaction, say(question), view=view)

    async def remove(self, interaction: Interaction, job_id: str, message_id: int) -> None:
        """Delete the message, and answer in place of the question."""
        if not await acknowledge_in_place(interaction):
            return
        await self._may_delete(interaction, job_id)
        await self._results.carry_out(_click(interaction, message_id))
        words = text("Deleted.")
        try:
            await self._messenger.remove_result(channel_id=interaction.channel_id or 0, message_id=message_id)
        except RouteClosed:
            words = text("That message is gone already.")
        except RouteUnavailable:
            raise Refused([text("Discord isn't answering right now. Try again in a minute.")]) from None
        await self._results.removed(job_id, message_id)
        await _say(interaction, words)

    async def _may_delete(self, interaction: Interaction, job_id: str) -> Job:
        job = await self._results.job(job_id, interaction.user.id)
        manages_messages = interaction.permissions.manage_messages
        if not may_delete(job, member_id=interaction.user.id, manages_messages=manages_messages):
            raise Refused([NOT_YOURS_TO_DELETE])
        return job


async def _say(interaction: Interaction, words: Text) -> None:
    await reply(interaction, interaction.client.in_words(interaction, [words]))


def _click(interaction: Interaction, message_id: int) -> Click:
    """A click that means the result `message_id`, not the message with the button."""
    return Click(
        interaction_id=interaction.id,
        member_id=interaction.user.id,
        message_id=message_id,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
    )


def _button(verb: str, job_id: str, message_id: int, label: str) -> discord.ui.Button[View]:
    is_dangerous = verb in {MoreAction.DELETE, REMOVE}
    style = discord.ButtonStyle.danger if is_dangerous else discord.ButtonStyle.secondary
    return discord.ui.Button(custom_id=f"encore:{verb}:{job_id}:{message_id}", label=label, style=style)


class MoreButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    """It carries the job's id and the message with its result."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        verb, job_id, message_id = self.carried["verb"], self.carried["job"], int(self.carried["message"])
        match verb:
            case MoreAction.WAV | MoreAction.FLAC:
                await answered(
                    interaction,
                    WholeSongCog,
                    lambda cog: cog.order(
                        interaction, job_id, message_id=message_id, audio_format=_WHOLE[MoreAction(verb)]
                    ),
                )
            case MoreAction.TIMES:
                await answered(interaction, TimedLyricsCog, lambda cog: cog.show(interaction, job_id))
            case _:
                acknowledges = verb not in {MoreAction.EDIT, REMOVE}
                await answered(
                    interaction,
                    MoreCog,
                    lambda cog: _act(cog, interaction, verb, job_id, message_id),
                    acknowledges=acknowledges,
                )


async def _act(cog: MoreCog, interaction: Interaction, verb: str, job_id: str, message_id: int) -> None:
    match verb:
        case MoreAction.EDIT:
            await cog.edit(interaction, job_id)
        case MoreAction.LYRICS:
            await cog.lyrics(interaction, job_id)
        case MoreAction.JOIN:
            await cog.join(interaction, job_id)
        case MoreAction.REPORT:
            await cog.report(interaction, job_id, message_id)
        case MoreAction.DELETE:
            await cog.delete(interaction, job_id, message_id)
        case _:
            await cog.remove(interaction, job_id, message_id)
