"""Messages about a relay in its thread. They name people without a ping, and arrive silently."""

from hashlib import sha256
from typing import cast

import discord

from bot.chat.discord_errors import read_as_routes
from bot.chat.global_budget import Urgency
from bot.chat.pacing import Pacer
from bot.chat.result.rows import view_of
from bot.chat.song.relay import relay_news
from bot.services.songs.relays import RelayView
from bot.text import Catalogue


class ThreadPosts:
    def __init__(self, client: discord.Client, catalogue: Catalogue, pacer: Pacer) -> None:
        self._client = client
        self._catalogue = catalogue
        self._pacer = pacer

    async def tell(self, view: RelayView) -> None:
        """A repeated nonce returns the earlier message (docs/discord.md 3.3)."""
        relay = view.relay
        content, rows = relay_news(view, self._catalogue.for_reader(relay.locale))
        channel = self._client.get_partial_messageable(relay.channel_id, guild_id=relay.guild_id)
        with read_as_routes():
            async with self._pacer.post(relay.channel_id, Urgency.MESSAGE):
                await channel.send(
                    content,
                    view=cast("discord.ui.View", view_of(rows)),
                    nonce=_nonce(view),
                    silent=True,
                    allowed_mentions=discord.AllowedMentions.none(),
                )


def _nonce(view: RelayView) -> str:
    """The same for the same news."""
    position = view.position
    tried = position.turn.job_id if position.turn else None
    news = f"{view.relay.id} {position.number} {position.stand.name} {tried}"
    return f"t{sha256(news.encode()).hexdigest()[:24]}"
