"""A job's tracks as files in the message with its result."""

from collections.abc import Mapping

import discord

from bot.chat.cards import file_name
from bot.chat.discord_errors import read_as_routes
from bot.domain.jobs import Job
from bot.domain.progress import end_of
from bot.domain.takes import takes_of
from bot.services.common.messenger import RouteClosed


class PostedCopies:
    def __init__(self, client: discord.Client) -> None:
        self._client = client

    async def in_channel(self, job: Job) -> Mapping[str, str]:
        """Links to the files, by the ids of their tracks; none if the message is gone, or only one member saw it.

        Raises:
            RouteUnavailable: Discord does not say.
        """
        if (end := end_of(job)) is None:
            return {}
        channel = self._client.get_partial_messageable(end.channel_id)
        try:
            with read_as_routes():
                message = await channel.fetch_message(end.message_id)
        except RouteClosed:
            return {}
        links = {file.filename: file.url for file in message.attachments}
        takes = takes_of(job)
        names = {track.id: file_name(job, track, take if len(takes) > 1 else None) for take, track in takes.items()}
        return {track_id: links[name] for track_id, name in names.items() if name in links}
