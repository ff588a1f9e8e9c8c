"""Show orders of lyrics through Discord: in the answer to a command or click, or by direct message."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import discord

from bot.chat.attachments import attachments
from bot.chat.discord_errors import read_as_routes
from bot.chat.lyrics.card import LyricsCard, direct_card, lyrics_card, plainer, versions_view
from bot.chat.routes import ORIGINAL, answer_of
from bot.domain.jobs import Place
from bot.domain.lyrics import LyricsOrder, LyricsState
from bot.domain.text import Text, Verbatim, text
from bot.services.common.clock import Clock
from bot.services.common.messenger import RouteClosed, RouteRefused, RouteTooSmall
from bot.text import Catalogue

log = logging.getLogger(__name__)


class LyricsMessages:
    """`answer_seconds`: how long after a click its answer can be edited. `watched_seconds`: how long its member is
    assumed to watch it.
    """

    def __init__(
        self,
        client: discord.Client,
        catalogue: Catalogue,
        *,
        answer_seconds: float,
        watched_seconds: float,
        clock: Clock,
    ) -> None:
        self._client = client
        self._catalogue = catalogue
        self._answer_time = timedelta(seconds=answer_seconds)
        self._watched_time = timedelta(seconds=watched_seconds)
        self._clock = clock

    async def show(self, place: Place, order: LyricsOrder) -> bool:
        age = self._clock() - place.received_at
        if age >= self._answer_time:
            return False
        say, answer = self._catalogue.for_reader(place.locale), answer_of(self._client, place)

        async def edit(card: LyricsCard, files: list[discord.File]) -> None:
            view = versions_view(order, say) if card.versions else None
            await answer.edit_message(
                ORIGINAL, content=card.content, embeds=list(card.embeds), attachments=files, view=view
            )

        if not await _sent(order, plainer(order, lyrics_card(order, say), say), edit):
            return False
        if order.state in (LyricsState.READY, LyricsState.FAILED) and age >= self._watched_time:
            await self._ping(place, answer, order)
        return True

    async def tell_directly(self, place: Place, order: LyricsOrder) -> None:
        say = self._catalogue.for_reader(place.locale)
        why = text(
            "I couldn't answer in {channel} in time, so I'm telling you here.",
            channel=Verbatim(f"<#{place.channel_id}>"),
        )

        async def post(card: LyricsCard, files: list[discord.File]) -> None:
            channel = await self._client.create_dm(discord.Object(place.member_id))
            await channel.send(card.content, embeds=list(card.embeds), files=files)

        await _sent(order, plainer(order, direct_card(order, say, channel=why), say), post)

    async def _ping(self, place: Place, answer: discord.Webhook, order: LyricsOrder) -> None:
        """Edits notify nobody. One that fails is no loss: the answer is there."""
        sentence = _ping_of(order, Verbatim(f"<@{place.member_id}>"))
        only = discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(place.member_id)])
        try:
            await answer.send(self._catalogue.render(sentence, place.locale), ephemeral=True, allowed_mentions=only)
        except (discord.HTTPException, OSError, TimeoutError) as error:
            log.info("lyrics %s: their member was not pinged (%s)", order.id, type(error).__name__)


def _ping_of(order: LyricsOrder, member: Verbatim) -> Text:
    if order.state is LyricsState.FAILED:
        return text("{member} It didn't work out. The reason is in my answer above.", member=member)
    return text("{member} Your lyrics are ready, in my answer above.", member=member)


async def _sent(
    order: LyricsOrder, cards: Iterator[LyricsCard], send: Callable[[LyricsCard, list[discord.File]], Awaitable[None]]
) -> bool:
    """Send the first of the cards that Discord takes; False if this way is closed. Raises `RouteUnavailable`."""
    for card in cards:
        try:
            with read_as_routes(), attachments(card.files) as attached:
                await send(card, attached)
        except RouteRefused as error:
            log.warning("lyrics %s: Discord refused them (%s); trying them plainer", order.id, error)
        except (RouteClosed, RouteTooSmall) as error:
            log.info("lyrics %s: this way to their member is closed (%s)", order.id, error)
            return False
        else:
            return True
    return False
