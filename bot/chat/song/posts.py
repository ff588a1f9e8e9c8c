"""Whole songs as messages: a reply to the result, or the answer to the click."""

import logging
from collections.abc import Sequence
from typing import cast

import discord

from bot.chat.asked import AskedDiscord
from bot.chat.attachments import attachments
from bot.chat.cards import ALT_MAX, Attached, Say, file_stem
from bot.chat.discord_errors import read_as_routes
from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.routes import DEFAULT_LIMIT_BYTES, ORIGINAL, answer_of
from bot.domain.jobs import Place
from bot.domain.outlines import in_words
from bot.domain.text import Said, Seconds, Text, Verbatim, counted, text
from bot.domain.whole_songs import WholeSongOrder
from bot.services.common.messenger import Posted, RouteClosed
from bot.services.common.sentences import UNTITLED
from bot.services.common.song_posts import WholeSong
from bot.services.songs.relays import mentions
from bot.text import Catalogue, plain

log = logging.getLogger(__name__)


class WholeSongPosts:
    """`asked`: who knows the servers; None: the client's gateway does."""

    def __init__(
        self, client: discord.Client, catalogue: Catalogue, pacer: Pacer, *, asked: AskedDiscord | None
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._pacer = pacer
        self._asked = asked

    async def upload_limit_bytes(self, place: Place) -> int:
        if place.private or place.guild_id is None:
            return DEFAULT_LIMIT_BYTES
        if self._asked is not None:
            return await self._asked.upload_limit_bytes(place.guild_id)
        guild = self._client.get_guild(place.guild_id)
        return guild.filesize_limit if guild else DEFAULT_LIMIT_BYTES

    async def post(self, order: WholeSongOrder, song: WholeSong) -> Posted:
        if order.place.private:
            return await self._answer(order, song)
        try:
            return await self._reply(order, song)
        except RouteClosed as error:
            log.info("the channel is closed to a whole song (%s); trying the answer", error)
            return await self._answer(order, song)

    async def _reply(self, order: WholeSongOrder, song: WholeSong) -> Posted:
        place = order.place
        channel = self._client.get_partial_messageable(place.channel_id, guild_id=place.guild_id)
        reference = discord.MessageReference(
            message_id=order.message_id, channel_id=place.channel_id, fail_if_not_exists=False
        )
        member = discord.Object(place.member_id)
        pinging = discord.AllowedMentions(everyone=False, roles=False, users=[member], replied_user=False)
        with read_as_routes(), attachments(self._files(order, song)) as attached:
            async with self._pacer.post(place.channel_id, Urgency.MESSAGE):
                message = await channel.send(
                    self._words(order, song),
                    files=attached,
                    nonce=f"w{place.interaction_id}",
                    reference=reference,
                    allowed_mentions=pinging,
                )
        return Posted(place.channel_id, message.id, guild_id=place.guild_id)

    async def _answer(self, order: WholeSongOrder, song: WholeSong) -> Posted:
        """Edited in place, so a repeat shows once."""
        with read_as_routes(), attachments(self._files(order, song)) as attached:
            message = await answer_of(self._client, order.place).edit_message(
                ORIGINAL, content=self._words(order, song), attachments=cast("Sequence[discord.Attachment]", attached)
            )
        return Posted(order.place.channel_id, message.id, is_answer=True)

    def _words(self, order: WholeSongOrder, song: WholeSong) -> str:
        if order.people:
            words = text(
                "**{title}**, the whole song, {length}. Made by {people}.",
                title=_title(song),
                length=Seconds(round(song.length_seconds)),
                people=mentions(order.people),
            )
            return self._catalogue.render(words, order.place.locale)
        consists = counted(
            "The original and the take that continues it, joined.",
            "The original and {count} takes, joined.",
            count=song.takes,
        )
        words = text(
            "{mention} **{title}**, the whole song, {length}. {consists}",
            mention=Verbatim(f"<@{order.place.member_id}>"),
            title=_title(song),
            length=Seconds(round(song.length_seconds)),
            consists=consists,
        )
        return self._catalogue.render(words, order.place.locale)

    def _files(self, order: WholeSongOrder, song: WholeSong) -> tuple[Attached, ...]:
        return (whole_song_file(song, self._catalogue.for_reader(order.place.locale)),)


def whole_song_file(song: WholeSong, say: Say) -> Attached:
    title = Verbatim(plain(song.title) or say(UNTITLED))  # alt text has no markup
    alt = say(text("{title}, the whole song, {length}", title=title, length=in_words(song.length_seconds)))
    name = f"{file_stem(song.job)}-whole.{song.audio_format}"
    return Attached(name=name, alt=alt[:ALT_MAX], path=song.path)


def _title(song: WholeSong) -> Said | Text:
    return Said(song.title) if song.title else UNTITLED
