"""Files in messages: a new link to one whose link has expired."""

import logging

import discord

from bot.chat.discord_errors import read_as_routes
from bot.chat.form.audio_files import attachments_in
from bot.domain.source import InMessage
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
        channel = self._client.get_partial_messageable(where.channel_id)
        try:
            with read_as_routes():
                message = await channel.fetch_message(where.message_id)
        except (RouteClosed, RouteUnavailable) as error:
            log.info("the message with a file could not be fetched (%s)", error)
            return None
        files = list(attachments_in(message))
        same_id = (file for file in files if file.id == where.attachment_id)
        same_name = (file for file in files if name in (file.title, file.filename))
        found = next(same_id, None) or next(same_name, None)
        return found.url if found else None
