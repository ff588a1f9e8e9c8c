"""Files in messages: a new link to one whose link has expired."""

import logging

import discord

from bot.chat.cards import file_name
from bot.chat.discord_errors import read_as_routes
from bot.chat.form.audio_files import attachments_in
from bot.domain.jobs import Job, Track
from bot.domain.source import InMessage
from bot.domain.takes import take_of, takes_of
from bot.services.common.messenger import RouteClosed, RouteUnavailable

log = logging.getLogger(__name__)


class MessageFiles:
    """Of messages by others, Discord shows their files only in a conversation with the bot, or if they mention it, or
    with the message content intent (docs/discord.md 4).
    """

    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def fresh_link(self, where: InMessage, name: str) -> str | None:
        """A link to the file with that id, or else with that name; None if the message no longer shows one."""
        files = await self._files(where.channel_id, where.message_id)
        same_id = (file for file in files if file.id == where.attachment_id)
        same_name = (file for file in files if name in (file.title, file.filename))
        found = next(same_id, None) or next(same_name, None)
        return found.url if found else None

    async def posted_link(self, job: Job, track: Track) -> str | None:
        """A link to a take in the message with its job's result; None if it is not there."""
        if job.final_channel_id is None or job.final_message_id is None or job.final_is_answer:
            return None
        take = take_of(job, track.id) if len(takes_of(job)) > 1 else None
        name = file_name(job, track, take)
        files = await self._files(job.final_channel_id, job.final_message_id)
        return next((file.url for file in files if file.filename == name), None)

    async def _files(self, channel_id: int, message_id: int) -> list[discord.Attachment]:
        channel = self._client.get_partial_messageable(channel_id)
        try:
            with read_as_routes():
                message = await channel.fetch_message(message_id)
        except (RouteClosed, RouteUnavailable) as error:
            log.info("the message with a file could not be fetched (%s)", error)
            return []
        return list(attachments_in(message))
