"""The ways to a member: the channel, a direct message, and the answer to the command while its token lives."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import cast

import discord
from discord.abc import Messageable

from bot.chat import cards
from bot.chat.faults import read_as_routes
from bot.domain.jobs import Job, Place
from bot.services.messenger import Posted, ResultFile, RouteClosed
from bot.text import Catalogue

DEFAULT_LIMIT_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
LOOKED_BACK = 100
"""How many messages of a channel are read to find one that was sent before a restart."""
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

    async def find_end(self, job: Job) -> Posted | None:
        """Raises what `read_as_routes` raises; a channel whose history is closed counts as closed."""
        with read_as_routes():
            channel = await self._channel(job)
            after = (
                discord.Object(job.progress_message_id)
                if job.progress_message_id and not self._direct
                else job.accepted_at
            )
            async for message in channel.history(limit=LOOKED_BACK, after=after, oldest_first=False):
                own = self._client.user is not None and message.author.id == self._client.user.id
                if own and any(embed.footer.text == cards.mark(job) for embed in message.embeds):
                    return Posted(message.channel.id, message.id)
        return None

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        card = cards.result_card(job, files, self._catalogue.for_reader(job.place.locale))
        return await self._send(job, card, files)

    async def post_failure(self, job: Job) -> Posted:
        return await self._send(job, cards.failure_card(job, self._catalogue.for_reader(job.place.locale)), ())

    async def _send(self, job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Posted:
        with read_as_routes():
            channel = await self._channel(job)
            reference = None
            if job.progress_message_id is not None and not self._direct:
                reference = discord.MessageReference(
                    message_id=job.progress_message_id, channel_id=job.place.channel_id, fail_if_not_exists=False
                )
            with _attachments(job, card, files) as attached:
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

    async def find_end(self, job: Job) -> Posted | None:  # noqa: ARG002  # nothing needs to be found
        return None

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        card = cards.result_card(job, files, self._catalogue.for_reader(job.place.locale))
        return await self._edit(job, card, files)

    async def post_failure(self, job: Job) -> Posted:
        return await self._edit(job, cards.failure_card(job, self._catalogue.for_reader(job.place.locale)), ())

    async def _edit(self, job: Job, card: cards.Card, files: Sequence[ResultFile]) -> Posted:
        if not self._is_open:
            raise RouteClosed("the answer's time is over")
        with read_as_routes(), _attachments(job, card, files) as attached:
            message = await answer_of(self._client, job.place).edit_message(
                ORIGINAL, content=card.content, embed=card.embed, attachments=attached, view=None
            )
        return Posted(job.place.channel_id, message.id)


def answer_of(client: discord.Client, place: Place) -> discord.Webhook:
    return discord.Webhook.partial(place.application_id, place.interaction_token, client=client)


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
