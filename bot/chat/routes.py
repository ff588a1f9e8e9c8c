"""The ways to a member: the channel, a direct message, and the answer to the command while its token lives."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import cast

import discord
from discord.abc import Messageable

from bot.chat import cards
from bot.chat.faults import read_as_routes
from bot.domain.jobs import Job, Place
from bot.services.messenger import HistoryClosed, Posted, ResultFile, RouteClosed, RouteRefused
from bot.text import Catalogue

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
SEARCH_MARGIN = timedelta(minutes=2)
MISSING_PERMISSIONS = 50013
ORIGINAL = cast("int", "@original")  # Discord takes this word in the place of the first answer's id


class ChannelRoute:
    """Messages in the channel of the command, or in a direct message: each carries a nonce made from the job's id."""

    def __init__(self, client: discord.Client, catalogue: Catalogue, *, direct: bool) -> None:
        self.name = "a direct message" if direct else "the channel"
        self._client = client
        self._catalogue = catalogue
        self._direct = direct

    async def upload_limit_bytes(self, job: Job) -> int:
        guild = self._client.get_guild(job.place.guild_id) if job.place.guild_id and not self._direct else None
        return guild.filesize_limit if guild else DEFAULT_LIMIT_BYTES

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        """Read everything from shortly before `since` on, oldest first, until the job's mark is found."""
        channel = await self._channel(job)
        if not self._may_read_history(job):
            raise HistoryClosed("no permission to read the history")
        with read_as_routes():
            try:
                async for message in channel.history(limit=None, after=_discord_time(job, since), oldest_first=True):
                    own = self._client.user is not None and message.author.id == self._client.user.id
                    if own and cards.carries_mark(message.content, message.embeds, job):
                        return Posted(message.channel.id, message.id)
            except discord.Forbidden as error:
                if error.code == MISSING_PERMISSIONS:
                    raise HistoryClosed("the history may not be read") from error
                raise
        return None

    def _may_read_history(self, job: Job) -> bool:
        """As far as is known here: without the permission Discord shows an empty history instead of an error."""
        if self._direct or job.place.guild_id is None:
            return True
        guild = self._client.get_guild(job.place.guild_id)
        if guild is None:
            return True
        channel = guild.get_channel_or_thread(job.place.channel_id)
        return channel is None or channel.permissions_for(guild.me).read_message_history

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        card = cards.result_card(job, files, self._catalogue.for_reader(job.place.locale))
        return await self._send(job, card, files)

    async def post_failure(self, job: Job) -> Posted:
        return await self._send(job, cards.failure_card(job, self._catalogue.for_reader(job.place.locale)), ())

    async def _send(self, job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Posted:
        """Send the message; where Discord does not take its shape, a plainer one at once."""
        channel = await self._channel(job)
        for shape in cards.plainer(card):
            try:
                return await self._send_as(channel, job, shape, files)
            except RouteRefused as error:
                log.warning("job %s: Discord refused the message (%s); trying a plainer one", job.short_id, error)
        raise RouteClosed("Discord refuses even plain text")

    async def _send_as(self, channel: Messageable, job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Posted:
        reference = None
        if card.is_reply and job.progress_message_id is not None and not self._direct:
            reference = discord.MessageReference(
                message_id=job.progress_message_id, channel_id=job.place.channel_id, fail_if_not_exists=False
            )
        with read_as_routes(), _attachments(job, card, files) as attached:
            message = await channel.send(
                card.content,
                embed=cast("discord.Embed", card.embed),
                files=attached,
                nonce=end_nonce(job),
                reference=cast("discord.MessageReference", reference),
                allowed_mentions=discord.AllowedMentions(
                    everyone=False, roles=False, users=[discord.Object(job.place.member_id)], replied_user=False
                ),
            )
        return Posted(message.channel.id, message.id)

    async def _channel(self, job: Job) -> Messageable:
        if self._direct:
            with read_as_routes():
                return await self._client.create_dm(discord.Object(job.place.member_id))
        return self._client.get_partial_messageable(job.place.channel_id, guild_id=job.place.guild_id)


class AnswerRoute:
    """The answer that only the member sees: edited in place, so that saying it twice shows it once."""

    name = "the private answer"

    def __init__(self, client: discord.Client, catalogue: Catalogue, *, is_open: bool) -> None:
        self._client = client
        self._catalogue = catalogue
        self._is_open = is_open

    async def upload_limit_bytes(self, job: Job) -> int:  # noqa: ARG002  # the same for every job
        return DEFAULT_LIMIT_BYTES

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:  # noqa: ARG002  # an edit shows once
        return None

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        card = cards.result_card(job, files, self._catalogue.for_reader(job.place.locale))
        return await self._edit(job, card, files)

    async def post_failure(self, job: Job) -> Posted:
        return await self._edit(job, cards.failure_card(job, self._catalogue.for_reader(job.place.locale)), ())

    async def _edit(self, job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Posted:
        if not self._is_open:
            raise RouteClosed("the answer's time is over")
        for shape in cards.plainer(card):
            try:
                with read_as_routes(), _attachments(job, shape, files) as attached:
                    message = await answer_of(self._client, job.place).edit_message(
                        ORIGINAL, content=shape.content, embed=shape.embed, attachments=attached, view=None
                    )
            except RouteRefused as error:
                log.warning("job %s: Discord refused the answer (%s); trying a plainer one", job.short_id, error)
            else:
                return Posted(job.place.channel_id, message.id)
        raise RouteClosed("Discord refuses even plain text")


def _discord_time(job: Job, at: datetime) -> datetime:
    """`at` of our clock by Discord's, which made the interaction's id, and somewhat earlier."""
    ahead = discord.utils.snowflake_time(job.place.interaction_id) - job.place.received_at
    return at + ahead - SEARCH_MARGIN


def answer_of(client: discord.Client, place: Place) -> discord.Webhook:
    answer = discord.Webhook.partial(place.application_id, place.interaction_token, client=client)
    answer.type = discord.WebhookType.application  # it may send what only the member sees
    return answer


def end_nonce(job: Job) -> str:
    """At most 25 characters, the same whenever the job's end is told."""
    return f"e{job.id[:24]}"


def progress_nonce(job: Job) -> str:
    return f"p{job.id[:24]}"


@contextmanager
def _attachments(job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Iterator[list[discord.File]]:
    """The files of one try: a sent `discord.File` is empty the second time (Discord reference, section 3.1).

    They are closed at once: a sent file stays in a reference cycle otherwise, with all its bytes.
    """
    with ExitStack() as stack:
        attached = []
        for file, name in zip(files, card.file_names, strict=False):
            if file.path is not None:
                attached.append(discord.File(file.path, filename=name))
                stack.callback(attached[-1].close)
        if card.lyrics_file:
            lyrics = io.BytesIO(card.lyrics_file.encode())
            attached.append(discord.File(lyrics, filename=cards.file_name(job, 1, 1, suffix="txt")))
        yield attached
