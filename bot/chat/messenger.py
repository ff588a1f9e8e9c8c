"""Say through Discord what the services want to say."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import discord

from bot.chat import cards
from bot.chat.asked import AskedDiscord
from bot.chat.direct_refusals import REFUSED, REFUSED_UNHEARD, DirectRefusals
from bot.chat.discord_errors import read_as_routes
from bot.chat.form.fix import fix_view
from bot.chat.pacing import Pacer
from bot.chat.progress_messages import ProgressMessages
from bot.chat.receipt import receipt_rows, with_receipt
from bot.chat.result.messages import ResultMessages
from bot.chat.result.rows import view_of
from bot.chat.routes import ORIGINAL, AnswerRoute, ChannelRoute, answer_of
from bot.chat.song.posts import WholeSongPosts
from bot.chat.song.relay_posts import ThreadPosts
from bot.chat.turns import Turns
from bot.domain.actions import CANCELLABLE
from bot.domain.drafts import Draft
from bot.domain.jobs import Job, Place
from bot.domain.progress import ProgressView, is_for_member_alone
from bot.domain.receipt import Receipt
from bot.domain.text import Text, Verbatim, text
from bot.services.common.clock import Clock
from bot.services.common.messenger import Route, RouteClosed, RouteTooSmall, RouteUnavailable
from bot.text import Catalogue

log = logging.getLogger(__name__)

OPERATOR_LOCALE = "en-US"
"""Discord does not tell the language of an application's owner."""


class DiscordMessenger:
    """`answer_seconds`: how long after the command its answer can be edited. `watched_seconds`: how long its member is
    assumed to watch it. `has_gateway`: whether the client knows its servers; otherwise Discord is asked about them.
    `turns`: whose turn it is to write into a private answer; None: no other process writes.
    """

    def __init__(
        self,
        client: discord.Client,
        catalogue: Catalogue,
        pacer: Pacer,
        *,
        answer_seconds: float,
        watched_seconds: float,
        clock: Clock,
        has_gateway: bool = True,
        turns: Turns | None = None,
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._answer_time = timedelta(seconds=answer_seconds)
        self._watched_time = timedelta(seconds=watched_seconds)
        self._clock = clock
        self._pacer = pacer
        self._turns = turns or Turns()
        self._unclear_answers: set[str] = set()
        self.measured: Callable[[Route], Route] | None = None  # for the metrics
        asked = None if has_gateway else AskedDiscord(client)
        self._progress = ProgressMessages(client, catalogue, pacer, asked)
        self._results = ResultMessages(client, catalogue, pacer)
        self.relays = ThreadPosts(client, catalogue, pacer)
        self.whole_songs = WholeSongPosts(client, catalogue, pacer, asked=asked)
        self._channel = ChannelRoute(client, catalogue, pacer, asked=asked)
        self._refusals = DirectRefusals(clock, lasts=REFUSED if has_gateway else REFUSED_UNHEARD)
        self._direct = ChannelRoute(client, catalogue, pacer, direct=self._refusals)

    @property
    def edits_wait_seconds(self) -> float:
        return self._pacer.edits_wait_seconds

    def routes(self, job: Job) -> Sequence[Route]:
        found = self._routes(job)
        return found if self.measured is None else [self.measured(route) for route in found]

    def _routes(self, job: Job) -> Sequence[Route]:
        if is_for_member_alone(job):
            return (self._answer_route(job.place), self._direct)
        self._pacer.expect(job.place.channel_id)
        return (self._channel, self._direct)

    def _answer_route(self, place: Place) -> AnswerRoute:
        is_watched = self._clock() - place.received_at < self._watched_time
        return AnswerRoute(
            self._client,
            self._catalogue,
            self._turns,
            self._unclear_answers,
            is_open=self._can_answer(place),
            is_watched=is_watched,
        )

    async def answer(
        self,
        place: Place,
        sentences: Sequence[Text],
        *,
        draft: Draft | None = None,
        receipt: Receipt | None = None,
    ) -> bool:
        say = self._catalogue.for_reader(place.locale)
        content, view = cards.as_list(sentences, say), None
        if receipt is not None:
            content, view = with_receipt(content, receipt, say), view_of(receipt_rows(receipt, say))
        if draft is not None:
            view = fix_view(draft, say)
        try:
            return await self._answered(place, content, view)
        except RouteUnavailable as error:
            log.warning("a command could not be answered (%s)", error)
            return True

    async def answer_if_acknowledged(self, place: Place, sentences: Sequence[Text]) -> bool:
        return await self._answered(place, cards.as_list(sentences, self._catalogue.for_reader(place.locale)), None)

    async def _answered(self, place: Place, content: str, view: discord.ui.View | None) -> bool:
        """`view` None: without buttons, also if there were some, such as `Undo`."""
        if not self._can_answer(place):
            return False
        try:
            with read_as_routes():
                await answer_of(self._client, place).edit_message(ORIGINAL, content=content, view=view)
        except RouteClosed as error:
            log.warning("a command could not be answered (%s)", error)
            return False
        return True

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:
        if not self._can_answer(place):
            return
        content = cards.as_list(sentences, self._catalogue.for_reader(place.locale))
        try:
            with read_as_routes():
                await answer_of(self._client, place).send(content, ephemeral=True)
        except (RouteClosed, RouteUnavailable) as error:
            log.warning("a remark on a command could not be sent (%s)", error)

    async def tell(self, place: Place, sentences: Sequence[Text], *, draft: Draft | None = None) -> None:
        if await self.answer(place, sentences, draft=draft):
            return
        why = text(
            "I couldn't answer your command in {channel} in time, so I'm telling you here.",
            channel=Verbatim(f"<#{place.channel_id}>"),
        )
        await self._tell_directly(place.member_id, [why, *sentences], place.locale)

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        """Send a direct message to the application's owner, or to the owner of its team."""
        application = self._client.application
        if application is None:
            return
        operator_id = application.team.owner_id if application.team else application.owner.id
        if operator_id is not None:
            await self._tell_directly(operator_id, sentences, OPERATOR_LOCALE)

    async def begin_progress(self, place: Place, source_name: str, *, is_repeat: bool) -> int:
        return await self._progress.begin(place, source_name, is_repeat=is_repeat)

    async def withdraw_progress(self, place: Place, source_name: str, message_id: int | None) -> None:
        await self._progress.withdraw(place, source_name, message_id)

    async def show_progress(self, job: Job, view: ProgressView, *, receipt: Receipt | None = None) -> None:
        if not job.place.private:
            return await self._progress.show(job, view)
        if not self._can_answer(job.place):
            raise RouteClosed("the answer's time is over")
        content, buttons = self._progress.shown(job, view)
        if receipt is not None:
            say = self._catalogue.for_reader(job.place.locale)
            waits = job.state in CANCELLABLE
            content = with_receipt(content, receipt, say, waits=waits)
            if waits:
                buttons = view_of(receipt_rows(receipt, say))
        with read_as_routes():
            await answer_of(self._client, job.place).edit_message(ORIGINAL, content=content, view=buttons)
        return None

    async def show_votes(self, job: Job, *, channel_id: int, message_id: int, votes: Mapping[int, int]) -> None:
        await self._results.show_votes(job, channel_id=channel_id, message_id=message_id, votes=votes)

    async def remove_result(self, *, channel_id: int, message_id: int) -> None:
        await self._results.remove(channel_id=channel_id, message_id=message_id)

    def expect_direct(self, member_id: int) -> None:
        self._refusals.forget(member_id)

    async def post_wait_seconds(self, channel_id: int) -> float:
        """Until Discord's known limits leave room for a post in the channel."""
        return await self._pacer.post_wait_seconds(channel_id)

    def alone(self, job_id: str) -> AbstractAsyncContextManager[None]:
        return self._turns.taken_now(job_id)

    async def _tell_directly(self, person_id: int, sentences: Sequence[Text], locale: str) -> None:
        content = cards.as_list(sentences, self._catalogue.for_reader(locale))
        try:
            with read_as_routes():
                channel = await self._client.create_dm(discord.Object(person_id))
                await channel.send(content)
        except (RouteClosed, RouteTooSmall, RouteUnavailable) as error:
            log.info("a direct message could not be sent (%s)", error)

    def _can_answer(self, place: Place) -> bool:
        return self._clock() - place.received_at < self._answer_time
