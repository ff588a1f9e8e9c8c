"""The one message that is edited while a job is under way: posted before anything is read, in the end a link."""

import logging
from collections.abc import Callable
from contextlib import suppress

import discord

from bot.chat import progress_card
from bot.chat.asked import AskedDiscord
from bot.chat.discord_errors import read_as_routes
from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.permissions import LOCKED_THREAD, cannot_post, missing
from bot.domain.jobs import Job, Place
from bot.domain.links import web_url
from bot.domain.progress import ProgressView
from bot.domain.text import Text, Verbatim, text
from bot.services.common.messenger import RouteClosed, RouteRefused, RouteUnavailable
from bot.text import Catalogue

log = logging.getLogger(__name__)

LOOKED_BACK = 50
"""How many messages to read to find one that was posted just before a restart."""
BUTTON_URL_MAX = 512
ARCHIVED, LOCKED, UNKNOWN_CHANNEL = 50083, 160005, 10003


class ProgressMessages:
    """The bot's own ordinary messages. They name their member without a ping, and arrive silently."""

    def __init__(
        self, client: discord.Client, catalogue: Catalogue, pacer: Pacer, asked: AskedDiscord | None = None
    ) -> None:
        """`asked`: who knows the servers; None: the client's gateway does."""
        self._client = client
        self._asked = asked
        self._catalogue = catalogue
        self._pacer = pacer

    async def begin(self, place: Place, source_name: str, *, is_repeat: bool) -> int:
        """Post the message; returns its id. Raises `RouteClosed` with its reason, and `RouteUnavailable`."""
        content = self._reading(place, source_name)
        channel = self._channel(place)
        with read_as_routes():
            if is_repeat and (found := await self._found(channel, content, place)) is not None:
                return found.id
            try:
                async with self._pacer.post(place.channel_id, Urgency.MESSAGE):
                    # A repeated nonce returns the earlier message (docs/discord.md 3.3).
                    message = await channel.send(content, nonce=f"i{place.interaction_id}", silent=True)
            except discord.HTTPException as error:
                if error.status not in {403, 404} and error.code not in {ARCHIVED, LOCKED}:
                    raise
                raise RouteClosed(f"code {error.code}", why=await self._why_not(place, error)) from error
        return message.id

    async def withdraw(self, place: Place, source_name: str, message_id: int | None) -> None:
        """Delete the message; None: find it first, if there is one. A failure is logged."""
        channel = self._channel(place)
        try:
            with read_as_routes():
                if message_id is None:
                    found = await self._found(channel, self._reading(place, source_name), place)
                    message_id = found.id if found is not None else None
                if message_id is not None:
                    async with self._pacer.post(place.channel_id, Urgency.MESSAGE):
                        await channel.get_partial_message(message_id).delete()
        except (RouteClosed, RouteUnavailable) as error:
            log.warning("a progress message could not be removed (%s)", error)

    async def show(self, job: Job, view: ProgressView) -> None:
        """Edit the message, without its button if Discord refuses that.

        Raises `RouteBusy`, `RouteClosed` and `RouteUnavailable`.
        """
        if job.progress_message_id is None:
            return
        content, buttons = self.shown(job, view)
        message = self._channel(job.place).get_partial_message(job.progress_message_id)
        try:
            await self._edit(message, content, buttons)
        except RouteRefused as error:
            if buttons is None:
                raise
            log.warning("job %s: its progress is shown without a button (%s)", job.short_id, error)
            await self._edit(message, content, None)

    async def _edit(self, message: discord.PartialMessage, content: str, buttons: discord.ui.View | None) -> None:
        with read_as_routes():
            async with self._pacer.edit(message.channel.id):
                await message.edit(content=content, view=buttons)

    def shown(self, job: Job, view: ProgressView) -> tuple[str, discord.ui.View | None]:
        """The text of the message, or of the private answer in its place."""
        say = self._catalogue.for_reader(job.place.locale)
        return progress_card.progress_content(job, view, say), _stream_button(view, say)

    def _reading(self, place: Place, source_name: str) -> str:
        return progress_card.reading_content(place, source_name, self._catalogue.for_reader(place.locale))

    def _channel(self, place: Place) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(place.channel_id, guild_id=place.guild_id)

    async def _found(self, channel: discord.PartialMessageable, content: str, place: Place) -> discord.Message | None:
        """The message of an earlier try that was never written down: same words, posted after the command came."""
        async for message in channel.history(
            limit=LOOKED_BACK, after=discord.Object(place.interaction_id), oldest_first=True
        ):
            own = self._client.user is not None and message.author.id == self._client.user.id
            if own and message.content == content:
                return message
        return None

    async def _why_not(self, place: Place, error: discord.HTTPException) -> Text:
        if error.code == UNKNOWN_CHANNEL:
            return text("This channel is gone.")
        channel, allowed = await self._known(place)
        if error.code in {ARCHIVED, LOCKED} or isinstance(channel, discord.Thread):
            return _why_not_in_thread(channel, error.code)
        if allowed is not None and (lacking := missing(allowed, in_thread=False)):
            return cannot_post(lacking)
        here = Verbatim(f"<#{place.channel_id}>")
        return text("Discord doesn't let me post in {channel}. Try another channel.", channel=here)

    async def _known(self, place: Place) -> tuple[object, discord.Permissions | None]:
        """The place and what the bot may do there, as far as the gateway has told or Discord tells now."""
        if self._asked is not None:
            with suppress(RouteClosed, RouteUnavailable):
                seen = await self._asked.seen(place)
                return (None, None) if seen is None else (seen.channel, seen.allowed)
            return None, None
        channel = self._client.get_channel(place.channel_id)
        if isinstance(channel, discord.abc.GuildChannel):
            return channel, channel.permissions_for(channel.guild.me)
        return channel, None


def _why_not_in_thread(thread: object, code: int) -> Text:
    """`thread` is what is known about it here, if anything."""
    known = thread if isinstance(thread, discord.Thread) else None
    if code == LOCKED or (known is not None and known.locked):
        return LOCKED_THREAD
    if code == ARCHIVED or (known is not None and known.archived):
        return text("This thread is archived. Reopen it and try again.")
    if known is not None and known.is_private():
        return text("I'm not in this private thread. Mention me here to let me in, then try again.")
    return text("I can't post in this thread. Ask someone who manages the server, or use another channel.")


def _stream_button(view: ProgressView, say: Callable[[Text], str]) -> discord.ui.View | None:
    """A link needs no handler, so the view does not stay in memory."""
    url = web_url(view.stream_url, limit=BUTTON_URL_MAX)
    if url is None:
        return None
    buttons = discord.ui.View(timeout=None)
    buttons.add_item(discord.ui.Button(label=say(text("Listen while it's being made")), url=url))
    return buttons
