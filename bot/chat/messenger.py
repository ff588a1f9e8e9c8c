"""Says through Discord what the services want said."""

import logging
from collections.abc import Sequence
from datetime import timedelta

import discord

from bot.chat import cards
from bot.chat.faults import read_as_routes
from bot.chat.routes import ORIGINAL, AnswerRoute, ChannelRoute, answer_of, progress_nonce
from bot.domain.jobs import Job, JobState, Place
from bot.domain.progress import ProgressView
from bot.domain.text import Text, text
from bot.services.clock import Clock
from bot.services.messenger import Route, RouteClosed, RouteTooSmall, RouteUnavailable
from bot.text import Catalogue

log = logging.getLogger(__name__)

OPERATOR_LOCALE = "en-US"
"""Discord does not tell the language of an application's owner."""


class DiscordMessenger:
    """`answer_seconds`: how long after the command its answer can still be edited."""

    def __init__(self, client: discord.Client, catalogue: Catalogue, *, answer_seconds: float, clock: Clock) -> None:
        self._client = client
        self._catalogue = catalogue
        self._answer_time = timedelta(seconds=answer_seconds)
        self._clock = clock
        self._channel = ChannelRoute(client, catalogue, direct=False)
        self._direct = ChannelRoute(client, catalogue, direct=True)

    def routes(self, job: Job) -> Sequence[Route]:
        if job.place.private:
            return (AnswerRoute(self._client, self._catalogue, is_open=self._can_answer(job.place)), self._direct)
        return (self._channel, self._direct)

    async def answer(self, place: Place, sentences: Sequence[Text]) -> bool:
        if not self._can_answer(place):
            return False
        content = cards.told(sentences, self._catalogue.for_reader(place.locale))
        try:
            with read_as_routes():
                await answer_of(self._client, place).edit_message(ORIGINAL, content=content)
        except (RouteClosed, RouteUnavailable) as error:
            log.warning("a command could not be answered (%s)", error)
            return not isinstance(error, RouteClosed)
        return True

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:
        if not self._can_answer(place):
            return
        content = cards.told(sentences, self._catalogue.for_reader(place.locale))
        try:
            with read_as_routes():
                await answer_of(self._client, place).send(content, ephemeral=True)
        except (RouteClosed, RouteUnavailable) as error:
            log.warning("a remark on a command could not be sent (%s)", error)

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        """By direct message to the application's owner, or to the owner of its team."""
        application = self._client.application
        if application is None:
            return
        operator_id = application.team.owner_id if application.team else application.owner.id
        if operator_id is None:
            return
        try:
            with read_as_routes():
                channel = await self._client.create_dm(discord.Object(operator_id))
                await channel.send(cards.told(sentences, self._catalogue.for_reader(OPERATOR_LOCALE)))
        except (RouteClosed, RouteTooSmall, RouteUnavailable) as error:
            log.info("the application's owner could not be told by direct message (%s)", error)

    async def show_progress(self, job: Job, view: ProgressView) -> int | None:
        say = self._catalogue.for_reader(job.place.locale)
        content = cards.progress_content(job, view, say)
        links = _stream_button(view, say(text("Listen while it is made")))
        if job.place.private:
            await self._show_privately(job, view, content, links)
            return None
        with read_as_routes():
            channel = self._client.get_partial_messageable(job.place.channel_id, guild_id=job.place.guild_id)
            if job.progress_message_id is None:
                nonce = progress_nonce(job)
                if links is None:
                    message = await channel.send(content, nonce=nonce)
                else:
                    message = await channel.send(content, nonce=nonce, view=links)
                if message.content != content:
                    # A process that died had posted it with the same nonce: Discord gave back the old message.
                    await message.edit(content=content, view=links)
                return message.id
            await channel.get_partial_message(job.progress_message_id).edit(content=content, view=links)
            return job.progress_message_id

    async def _show_privately(self, job: Job, view: ProgressView, content: str, links: discord.ui.View | None) -> None:
        """The end is told by the delivery, in the same answer: nothing may overwrite it."""
        if view.state is JobState.FINISHED or (view.is_final and not view.is_told_here):
            return
        if not self._can_answer(job.place):
            raise RouteClosed("the answer's time is over")
        with read_as_routes():
            await answer_of(self._client, job.place).edit_message(ORIGINAL, content=content, view=links)

    def _can_answer(self, place: Place) -> bool:
        return self._clock() - place.received_at < self._answer_time


def _stream_button(view: ProgressView, label: str) -> discord.ui.View | None:
    """A link needs no handler, so the view is not kept in memory."""
    if not view.stream_url.startswith(("https://", "http://")) or len(view.stream_url) > cards.URL_MAX:
        return None
    buttons = discord.ui.View(timeout=None)
    buttons.add_item(discord.ui.Button(label=label, url=view.stream_url))
    return buttons
