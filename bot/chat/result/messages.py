"""Messages with results, after they are posted: the counts of the votes, and their end."""

from collections.abc import Mapping

import discord

from bot.chat.discord_errors import read_as_routes
from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.result.rows import result_rows, view_of
from bot.domain.jobs import Job
from bot.domain.takes import takes_of
from bot.text import Catalogue


class ResultMessages:
    def __init__(self, client: discord.Client, catalogue: Catalogue, pacer: Pacer) -> None:
        self._client = client
        self._catalogue = catalogue
        self._pacer = pacer

    async def show_votes(self, job: Job, *, channel_id: int, message_id: int, votes: Mapping[int, int]) -> None:
        """Edit nothing but the buttons. Raises `RouteBusy`, `RouteClosed` and `RouteUnavailable`."""
        rows = result_rows(job.id, list(takes_of(job)), self._catalogue.for_reader(job.place.locale), votes=votes)
        with read_as_routes():
            async with self._pacer.edit(channel_id):
                await self._message(channel_id, message_id).edit(view=view_of(rows))

    async def remove(self, *, channel_id: int, message_id: int) -> None:
        """Raises `RouteClosed` if it is gone, and `RouteUnavailable`."""
        with read_as_routes():
            async with self._pacer.post(channel_id, Urgency.MESSAGE):
                await self._message(channel_id, message_id).delete()

    def _message(self, channel_id: int, message_id: int) -> discord.PartialMessage:
        return self._client.get_partial_messageable(channel_id).get_partial_message(message_id)
