"""The routes to a member: the channel, a direct message, and the answer to the command while its token is valid."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeAlias, cast

import discord

from bot.chat import cards
from bot.chat.asked import AskedDiscord
from bot.chat.attachments import attachments
from bot.chat.direct_refusals import DirectRefusals
from bot.chat.discord_errors import read_as_routes
from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.result.rows import view_of
from bot.chat.turns import Turns
from bot.domain.jobs import Job, JobState, Place
from bot.domain.progress import is_for_member_alone
from bot.domain.text import Text, Verbatim, text
from bot.services.common.messenger import (
    HistoryClosed,
    Posted,
    ResultFile,
    RouteClosed,
    RouteRefused,
    RouteUnavailable,
)
from bot.text import Catalogue

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
SEARCH_MARGIN = timedelta(minutes=2)
MISSING_PERMISSIONS = 50013
ORIGINAL = cast("int", "@original")  # Discord accepts this word as the first answer's id

PostingChannel: TypeAlias = discord.DMChannel | discord.PartialMessageable


class ChannelRoute:
    """Messages in the command's channel, or by direct message; each carries a nonce made from the job's id."""

    def __init__(
        self,
        client: discord.Client,
        catalogue: Catalogue,
        pacer: Pacer,
        *,
        direct: DirectRefusals | None = None,
        asked: AskedDiscord | None = None,
    ) -> None:
        """`direct`: by direct message, with the refusals met so far; None: in the channel.

        `asked`: who knows the servers; None: the client's gateway does.
        """
        self.name = "the channel" if direct is None else "a direct message"
        self._client = client
        self._catalogue = catalogue
        self._pacer = pacer
        self._direct = direct is not None
        self._refusals = direct
        self._asked = asked

    async def upload_limit_bytes(self, job: Job) -> int:
        if self._direct or not job.place.guild_id:
            return DEFAULT_LIMIT_BYTES
        if self._asked is not None:
            return await self._asked.upload_limit_bytes(job.place.guild_id)
        guild = self._client.get_guild(job.place.guild_id)
        return guild.filesize_limit if guild else DEFAULT_LIMIT_BYTES

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        """Read from shortly before `since`, oldest first, until the job's mark is found."""
        channel = await self._channel(job)
        if not await self._may_read_history(job):
            raise HistoryClosed("no permission to read the history")
        with read_as_routes():
            try:
                async for message in channel.history(limit=None, after=_discord_time(job, since), oldest_first=True):
                    own = self._client.user is not None and message.author.id == self._client.user.id
                    if own and cards.carries_mark(message.content, message.embeds, job):
                        return self._posted(job, message)
            except discord.Forbidden as error:
                if error.code == MISSING_PERMISSIONS:
                    raise HistoryClosed("the history may not be read") from error
                raise
        return None

    async def _may_read_history(self, job: Job) -> bool:
        """As far as can be known: without the permission Discord shows an empty history instead of an error."""
        if self._asked is not None and not self._direct:
            seen = await self._asked.seen(job.place)
            return seen is None or seen.allowed.read_message_history
        allowed = self._permissions(job)
        return allowed is None or allowed.read_message_history

    def _permissions(self, job: Job) -> discord.Permissions | None:
        """What the bot may do in the channel, as far as is known here."""
        channel = None if self._direct else self._client.get_channel(job.place.channel_id)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return None
        return channel.permissions_for(channel.guild.me)

    def check_open(self, job: Job) -> None:
        if self._refusals is not None and self._refusals.is_known(job.place.member_id):
            raise RouteClosed("closed a while ago")
        allowed = self._permissions(job)
        if allowed is None:
            return
        in_thread = isinstance(self._client.get_channel(job.place.channel_id), discord.Thread)
        may_send = allowed.send_messages_in_threads if in_thread else allowed.send_messages
        if not (allowed.view_channel and may_send and allowed.attach_files):
            raise RouteClosed("no permission to post files")

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        say = self._catalogue.for_reader(job.place.locale)
        card = cards.result_card(job, files, say, preface=self._preface(job), is_shared=not self._direct)
        return await self._send(job, card)

    async def post_failure(self, job: Job) -> Posted:
        say = self._catalogue.for_reader(job.place.locale)
        return await self._send(job, cards.failure_card(job, say, preface=self._preface(job)))

    def _preface(self, job: Job) -> Text | None:
        return _why_directly(job) if self._direct else None

    async def _send(self, job: Job, card: cards.Card) -> Posted:
        """Send the message; if Discord refuses its shape, send a plainer one at once."""
        channel = await self._channel(job)
        for shape in cards.plainer(card):
            try:
                return await self._send_as(channel, job, shape)
            except RouteRefused as error:
                log.warning("job %s: Discord refused the message (%s); trying a plainer one", job.short_id, error)
            except RouteClosed:
                if self._refusals is not None:
                    self._refusals.note(job.place.member_id)
                raise
        raise RouteClosed("Discord refuses even plain text")

    async def _send_as(self, channel: PostingChannel, job: Job, card: cards.Card) -> Posted:
        reference = None
        if card.is_reply and job.progress_message_id is not None and not self._direct:
            reference = discord.MessageReference(
                message_id=job.progress_message_id, channel_id=job.place.channel_id, fail_if_not_exists=False
            )
        with read_as_routes(), attachments(card.files) as attached:
            async with self._pacer.post(channel.id, Urgency.RESULT):
                message = await channel.send(
                    card.content,
                    embed=cast("discord.Embed", card.embed),
                    files=attached,
                    view=cast("discord.ui.View", view_of(card.rows)),
                    nonce=end_nonce(job),
                    reference=cast("discord.MessageReference", reference),
                    allowed_mentions=_pinging(job),
                )
        return self._posted(job, message)

    def _posted(self, job: Job, message: discord.Message) -> Posted:
        return Posted(message.channel.id, message.id, guild_id=None if self._direct else job.place.guild_id)

    async def _channel(self, job: Job) -> PostingChannel:
        if self._direct:
            with read_as_routes():
                return await self._client.create_dm(discord.Object(job.place.member_id))
        return self._client.get_partial_messageable(job.place.channel_id, guild_id=job.place.guild_id)


class AnswerRoute:
    """The answer that only the member sees: edited in place, so a repeat shows only once."""

    name = "the private answer"

    def __init__(
        self,
        client: discord.Client,
        catalogue: Catalogue,
        turns: Turns,
        unclear: set[str],
        *,
        is_open: bool,
        is_watched: bool,
    ) -> None:
        """`unclear` is shared: the jobs whose answer was edited with unknown success.

        `is_watched`: the member asked a moment ago and sees the answer change, so needs no ping.
        """
        self._client = client
        self._catalogue = catalogue
        self._turns = turns
        self._unclear = unclear
        self._is_open = is_open
        self._is_watched = is_watched

    async def upload_limit_bytes(self, job: Job) -> int:  # noqa: ARG002  # the same for every job
        return DEFAULT_LIMIT_BYTES

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:  # noqa: ARG002  # there is one answer
        """The answer, if it already says so. After a restart, no second ping: the first may have been sent."""
        if not self._is_open:
            return None
        answer = answer_of(self._client, job.place)
        with read_as_routes():
            message = await answer.fetch_message(ORIGINAL)
        if not cards.carries_mark(message.content, message.embeds, job):
            return None
        if job.id in self._unclear:
            await self._edited(job, answer)
        return Posted(job.place.channel_id, message.id, is_answer=True)

    def check_open(self, job: Job) -> None:  # noqa: ARG002  # the same for every job
        if not self._is_open:
            raise RouteClosed("the answer's time is over")

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        return await self._edit(job, cards.result_card(job, files, self._catalogue.for_reader(job.place.locale)))

    async def post_failure(self, job: Job) -> Posted:
        return await self._edit(job, cards.failure_card(job, self._catalogue.for_reader(job.place.locale)))

    async def _edit(self, job: Job, card: cards.Card) -> Posted:
        self.check_open(job)
        answer = answer_of(self._client, job.place)
        self._unclear.add(job.id)
        try:
            async with self._turns.taken(job.id):
                message = await self._edit_as_far_as_it_goes(job, answer, card)
        except RouteClosed:
            self._unclear.discard(job.id)
            raise
        await self._edited(job, answer)
        return Posted(job.place.channel_id, message.id, is_answer=True)

    async def _edited(self, job: Job, answer: discord.Webhook) -> None:
        self._unclear.discard(job.id)
        if not self._is_watched:
            await self._ping(job, answer)

    async def _edit_as_far_as_it_goes(
        self, job: Job, answer: discord.Webhook, card: cards.Card
    ) -> discord.WebhookMessage:
        for shape in cards.plainer(card):
            try:
                with read_as_routes(), attachments(shape.files) as attached:
                    return await answer.edit_message(
                        ORIGINAL,
                        content=shape.content,
                        embed=shape.embed,
                        attachments=attached,
                        view=view_of(shape.rows),
                    )
            except RouteRefused as error:
                log.warning("job %s: Discord refused the answer (%s); trying a plainer one", job.short_id, error)
        raise RouteClosed("Discord refuses even plain text")

    async def _ping(self, job: Job, answer: discord.Webhook) -> None:
        """Edits notify nobody, so send a short message, once, without the music, which must not come twice."""
        member = Verbatim(f"<@{job.place.member_id}>")
        sentence = (
            text("{member} It didn't work out. The reason is in my answer above.", member=member)
            if job.state is JobState.FAILED
            else text("{member} Your music is ready, in my answer above.", member=member)
        )
        words = self._catalogue.render(sentence, job.place.locale)
        try:
            with read_as_routes():
                await answer.send(words, ephemeral=True, allowed_mentions=_pinging(job))
        except (RouteClosed, RouteUnavailable) as error:
            log.info("job %s: its member was not pinged (%s)", job.short_id, error)


def _pinging(job: Job) -> discord.AllowedMentions:
    """Ping only the job's member."""
    return discord.AllowedMentions(
        everyone=False, roles=False, users=[discord.Object(job.place.member_id)], replied_user=False
    )


def _why_directly(job: Job) -> Text:
    """Why a job ends with a direct message."""
    channel, failed = Verbatim(f"<#{job.place.channel_id}>"), job.state is JobState.FAILED
    if job.place.private:
        return (
            text("A private answer can only be changed for 15 minutes, so I'm telling you here.")
            if failed
            else text("A private answer can only be changed for 15 minutes, so here is your music.")
        )
    if is_for_member_alone(job):
        return text(
            "This is about your command in {channel}. I'm telling you here so that nobody else reads it.",
            channel=channel,
        )
    if failed:
        return text("I can't post in {channel} any more, so I'm telling you here.", channel=channel)
    return text("I can't post in {channel} any more, so here is your music.", channel=channel)


def _discord_time(job: Job, at: datetime) -> datetime:
    """`at` by Discord's clock, which made the interaction's id, minus a margin."""
    ahead = discord.utils.snowflake_time(job.place.interaction_id) - job.place.received_at
    return at + ahead - SEARCH_MARGIN


def answer_of(client: discord.Client, place: Place) -> discord.Webhook:
    answer = discord.Webhook.partial(place.application_id, place.interaction_token, client=client)
    answer.type = discord.WebhookType.application  # it may post what only the member sees
    return answer


def end_nonce(job: Job) -> str:
    """At most 25 characters; the same for every post that answers the same command or click."""
    return f"e{sha256(f'{job.id} {job.place.interaction_id}'.encode()).hexdigest()[:24]}"
