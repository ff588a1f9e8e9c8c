"""The buttons below a result, and `Undo` for the one that submits at once. All outlive restarts."""

from datetime import timedelta
from typing import Any

import discord
from discord.ext import commands

from bot.acknowledge import REPLY_SECONDS, acknowledge_in_place, reply
from bot.chat.cards import file_name
from bot.chat.places import place_of
from bot.chat.result.rows import ResultVerb
from bot.client import EncoreClient
from bot.domain.clicks import Click
from bot.domain.drafts import Draft, new_draft_id
from bot.domain.follow_ups import PostedFile, parent_of, take_as_source
from bot.domain.jobs import Job, Track
from bot.domain.request import ExtensionRequest
from bot.domain.source import InMessage
from bot.domain.takes import take_of, takes_of
from bot.domain.text import Text, text
from bot.errors import Refused, quota_refusal
from bot.services.common.sentences import NOT_USED, name_of
from bot.services.members.members import Members
from bot.services.pipeline.accept import Acceptance
from bot.services.songs.results import Results, VoteOutcome
from cogs.clicks import ClickItem, answered
from cogs.form import FormCog
from cogs.more import MoreCog
from cogs.submitting import check_place_of_click, hand_in

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

TAKE_GONE = text(
    "Neither the music service nor this message has this take any more. If you have the file, use `/extend` with it."
)
ANSWER_TIME = timedelta(seconds=REPLY_SECONDS)
_BUTTON = rf"encore:(?P<verb>{'|'.join(ResultVerb)}):(?P<job>[0-9a-z]{{1,64}})(:(?P<take>[0-9]{{1,2}}))?"
_UNDO = r"encore:undo:(?P<interaction>[0-9]{1,20})"


class ResultsCog(commands.Cog):
    """`undo_seconds`: how long what is submitted at once waits before it is queued."""

    def __init__(
        self,
        client: EncoreClient,
        acceptance: Acceptance,
        members: Members,
        results: Results,
        form: FormCog,
        *,
        undo_seconds: float,
    ) -> None:
        self._client = client
        self._acceptance = acceptance
        self._members = members
        self._results = results
        self._form = form
        self._undo_seconds = undo_seconds

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(ResultButton, UndoButton)

    async def extend(self, interaction: Interaction, job_id: str, take: int) -> None:
        """The form, to continue this take from its end with its model."""
        job, track = await self._results.take(job_id, take, interaction.user.id)
        check_place_of_click(interaction, private=job.place.private)
        at = interaction.client.clock()
        posted = posted_in(interaction.message, job, track) if interaction.message is not None else None
        source = take_as_source(job, track, posted, at=at)
        if source is None:
            raise Refused([TAKE_GONE])
        draft = Draft(
            id=new_draft_id(),
            member_id=interaction.user.id,
            request=ExtensionRequest(model=job.request.model),
            source=source,
            private=job.place.private,
            parent=parent_of(job, track),
            made_at=at,
        )
        await self._form.open(interaction, draft)

    async def again(self, interaction: Interaction, job_id: str) -> None:
        """Submit the same again for whoever clicked, after a few seconds in which it can be undone."""
        job = await self._results.job(job_id, interaction.user.id)
        check_place_of_click(interaction, private=job.place.private)
        if (refusal := quota_refusal(await self._members.quota(interaction.user.id))) is not None:
            raise refusal  # a worker would say so too, but only once it can no longer be undone
        place = place_of(interaction, private=job.place.private, at=interaction.client.clock())
        intake = await self._results.repeated(job, place, click_of(interaction))
        # No worker begins while the answer with `Undo` is on its way: it would cover what the worker says.
        undo_time = timedelta(seconds=self._undo_seconds)
        if await hand_in(interaction, self._acceptance, intake, after=undo_time + ANSWER_TIME):
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            words = text(
                "I'll make **{title}** again. You have {seconds} seconds to undo this.",
                title=name_of(job),
                seconds=round(self._undo_seconds),
            )
            view = View(timeout=None)
            view.add_item(discord.ui.Button(custom_id=f"encore:undo:{interaction.id}", label=say(text("Undo"))))
            view.stop()  # discord.py need not remember it
            await reply(interaction, say(words), view=view)
            await self._acceptance.begin_earlier(intake, after=undo_time)

    async def undo(self, interaction: Interaction, begun_by: int) -> None:
        """`begun_by`: the click that submitted something."""
        if not await acknowledge_in_place(interaction):
            return
        await self._acceptance.undo(begun_by, interaction.user.id, click_id=interaction.id)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await reply(interaction, say(text("Undone. {not_used}", not_used=NOT_USED)))

    async def vote(self, interaction: Interaction, job_id: str, take: int) -> None:
        outcome = await self._results.vote(job_id, take, click_of(interaction))
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await reply(interaction, say(vote_sentence(outcome, take)))


def vote_sentence(outcome: VoteOutcome, take: int) -> Text:
    """What the voter reads."""
    match outcome:
        case VoteOutcome.WITHDRAWN:
            return text("You took back your vote for take {take}.", take=take)
        case VoteOutcome.CHANGED:
            return text("Your vote is now for take {take}. To take it back, click it again later.", take=take)
        case VoteOutcome.REPEATED:
            return text(
                "That looked like a double click, so I counted it once. To change your vote, click again in a few"
                " seconds."
            )
    return text("You voted for take {take}. To take your vote back, click it again later.", take=take)


def click_of(interaction: Interaction) -> Click:
    """A click on the message of the interaction."""
    assert interaction.message is not None  # noqa: S101  # every click has its message
    return Click(
        interaction_id=interaction.id,
        member_id=interaction.user.id,
        message_id=interaction.message.id,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
    )


def posted_in(message: discord.Message, job: Job, track: Track) -> PostedFile | None:
    """The take in the message, where it is attached and can be found again."""
    if message.flags.ephemeral:
        return None
    take = take_of(job, track.id) if len(takes_of(job)) > 1 else None
    name = file_name(job, track, take)
    file = next((file for file in message.attachments if file.filename == name), None)
    if file is None:
        return None
    where = InMessage(channel_id=message.channel.id, message_id=message.id, attachment_id=file.id)
    return PostedFile(url=file.url, size_bytes=file.size, message=where)


class ResultButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    """Something to do with one result; it carries the job's id and the number of the take."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        verb, job_id, take = ResultVerb(self.carried["verb"]), self.carried["job"], int(self.carried["take"] or 0)

        async def extend(cog: ResultsCog) -> None:
            await cog.extend(interaction, job_id, take)

        async def again(cog: ResultsCog) -> None:
            await cog.again(interaction, job_id)

        async def vote(cog: ResultsCog) -> None:
            await cog.vote(interaction, job_id, take)

        async def more(cog: MoreCog) -> None:
            await cog.show(interaction, job_id)

        match verb:
            case ResultVerb.EXTEND:
                await answered(interaction, ResultsCog, extend, acknowledges=False)
            case ResultVerb.AGAIN:
                await answered(interaction, ResultsCog, again, acknowledges=False)
            case ResultVerb.VOTE:
                await answered(interaction, ResultsCog, vote)
            case ResultVerb.MORE:
                await answered(interaction, MoreCog, more)


class UndoButton(ClickItem[discord.ui.Button[View]], template=_UNDO):
    """Below the answer to a click that submitted something, whose id it carries."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def undo(cog: ResultsCog) -> None:
            await cog.undo(interaction, int(self.carried["interaction"]))

        await answered(interaction, ResultsCog, undo, acknowledges=False)
