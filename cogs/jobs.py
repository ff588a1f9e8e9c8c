"""`/jobs`: a member's latest jobs and what they can do with each. Menu and buttons outlive restarts."""

import re
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.acknowledge import acknowledge, reply
from bot.chat import cards, job_list
from bot.chat.permissions import may_write
from bot.chat.places import place_of
from bot.client import EncoreClient
from bot.domain.actions import JobAction, actions_on
from bot.domain.jobs import Job
from bot.domain.text import Text, Verbatim, text
from bot.errors import Refused
from bot.services.common.messenger import Messenger
from bot.services.common.sentences import NOT_USED, name_of
from bot.services.members.members import Members
from bot.services.pipeline.resend import Resend
from cogs.clicks import ClickItem, answered

Interaction = discord.Interaction[EncoreClient]
View = discord.ui.View

MENU_ID = "encore:jobs"
_BUTTON = r"encore:(?P<action>again|continue|cancel):(?P<job>[0-9a-z]{1,64})"
_LABELS = {
    JobAction.SEND_AGAIN: text("Send again"),
    JobAction.CONTINUE: text("Continue"),
    JobAction.CANCEL: text("Cancel"),
}


class JobsCog(commands.Cog):
    def __init__(self, client: EncoreClient, members: Members, resend: Resend, messenger: Messenger) -> None:
        self._client = client
        self._members = members
        self._messenger = messenger
        self._resend = resend

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(JobMenu, JobButton)

    @app_commands.command(description=locale_str("See your latest jobs. Send one again, cancel it or continue it."))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
    async def jobs(self, interaction: Interaction) -> None:
        if await acknowledge(interaction):
            jobs = await self._members.jobs(interaction.user.id)
            say = interaction.client.catalogue.for_reader(str(interaction.locale))
            view = View(timeout=None)
            if jobs:
                options = job_list.job_options(jobs, say)
                view.add_item(
                    discord.ui.Select(custom_id=MENU_ID, placeholder=say(text("Choose a job…")), options=options)
                )
            view.stop()  # discord.py need not remember it
            await reply(interaction, job_list.jobs_content(jobs, say), view=view)

    async def show(self, interaction: Interaction, job_id: str) -> None:
        """Answer with one job's details and the actions it allows."""
        at = interaction.client.clock()
        job, position = await self._members.job(interaction.user.id, job_id)
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        view = View(timeout=None)
        if (url := job_list.open_url(job)) is not None:
            view.add_item(discord.ui.Button(label=say(text("Open")), url=url))
        for action in actions_on(job, at=at, has_copies=await self._resend.has_copies(job)):
            view.add_item(job_button(action, job.id, label=say(_LABELS[action])))
        view.stop()  # as above
        await reply(interaction, job_list.job_content(job, position, say, at=at), view=view)

    async def act(self, interaction: Interaction, action: JobAction, job_id: str) -> None:
        """Do it, then say what was done."""
        member_id = interaction.user.id
        job, _ = await self._members.job(member_id, job_id)
        match action:
            case JobAction.SEND_AGAIN:
                private = interaction.guild_id is not None and not may_write(
                    interaction.channel, interaction.permissions
                )
                place = place_of(interaction, private=private, at=interaction.client.clock())
                await self._resend.send_again(job.id, member_id, place)
                return
            case JobAction.CANCEL:
                job = await self._members.cancel(member_id, job.id, interaction_id=interaction.id)
                done = cancelled_sentences(job)
            case JobAction.CONTINUE:
                job = await self._members.continue_(member_id, job.id, interaction_id=interaction.id)
                done = [continued_sentence(job, interaction.channel_id)]
        say = interaction.client.catalogue.for_reader(str(interaction.locale))
        await reply(interaction, cards.as_list(done, say))
        if action is JobAction.CANCEL:
            await withdraw_receipt(self._messenger, job)


def continued_sentence(job: Job, channel_id: int | None) -> Text:
    """Said in the channel of `channel_id`, which need not be the one where the music will be posted."""
    title = name_of(job)
    if job.place.private:
        return text("**{title}** is back in line. Only you will see the result.", title=title)
    if job.place.channel_id == channel_id:
        return text("**{title}** is back in line. I'll post here and ping you.", title=title)
    channel = Verbatim(f"<#{job.place.channel_id}>")
    return text("**{title}** is back in line. I'll post in {channel} and ping you.", title=title, channel=channel)


async def withdraw_receipt(messenger: Messenger, cancelled: Job) -> None:
    """The acceptance promises nothing any more, and loses its button, as long as it can be edited."""
    if not cancelled.place.private:  # otherwise the answer shows the progress
        await messenger.answer(cancelled.place, cancelled_sentences(cancelled))


def cancelled_sentences(job: Job) -> list[Text]:
    return [text("Cancelled **{title}**. {not_used}", title=name_of(job), not_used=NOT_USED)]


def job_button(action: JobAction, job_id: str, *, label: str) -> discord.ui.Button[View]:
    style = discord.ButtonStyle.danger if action is JobAction.CANCEL else discord.ButtonStyle.secondary
    return discord.ui.Button(custom_id=f"encore:{action}:{job_id}", label=label, style=style)


class JobMenu(ClickItem[discord.ui.Select[View]], template=re.escape(MENU_ID)):
    """The jobs to choose from."""

    kind = discord.ui.Select

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def show(cog: JobsCog) -> None:
            if not self.item.values:  # Discord's own clients always send one
                raise Refused([text("Pick a job from the list.")])
            await cog.show(interaction, self.item.values[0])

        await answered(interaction, JobsCog, show)


class JobButton(ClickItem[discord.ui.Button[View]], template=_BUTTON):
    """One action on one job, whose id it carries."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async def act(cog: JobsCog) -> None:
            await cog.act(interaction, JobAction(self.carried["action"]), self.carried["job"])

        await answered(interaction, JobsCog, act)
