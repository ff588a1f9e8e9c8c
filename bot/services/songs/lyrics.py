"""Lyrics for members: what they cost is shown first, then agreed to, and one of the versions goes into a form."""

import secrets
from datetime import timedelta

from msgspec.structs import replace

from bot.domain.drafts import Draft, new_draft_id
from bot.domain.jobs import Place
from bot.domain.lyrics import IDEA_MAX, LyricsOrder, LyricsState, agreed, title_for
from bot.domain.models import MODELS, TITLE_MAX, Offer
from bot.domain.quota import quota_day
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.spending import AN_ORDER
from bot.domain.text import text
from bot.errors import Refused, TakenElsewhere
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.songs.lyrics_allowance import LyricsAllowance

OFFER_LASTS = timedelta(days=1)
TRIES = 3
"""So many times as often as lyrics count on a day, a member can order some in `OFFER_LASTS`. Refused and failed orders
don't count, but each takes a place in the provider's rate, which all jobs share."""
TOKEN_BYTES = 32
"""As many as in the address of a job's callbacks: 43 characters."""


class Lyrics:
    def __init__(
        self,
        storage: Storage,
        *,
        allowance: LyricsAllowance,
        takeover_seconds: float,
        offer: Offer,
        bells: Bells,
        clock: Clock,
    ) -> None:
        """`takeover_seconds`: when workers take an order over from a process that has agreed to it and never begun."""
        self._storage = storage
        self._allowance = allowance
        self._takeover = timedelta(seconds=takeover_seconds)
        self._offer = offer
        self._bells = bells
        self._clock = clock

    async def offer(self, place: Place, idea: str, source: SourceChoice | None) -> tuple[LyricsOrder, int]:
        """Write down what would be ordered; nothing is. Also how many orders the member has left today.

        Raises:
            Refused: the member, or the operator's credits, have none left today.
        """
        idea = idea.strip()
        if not 0 < len(idea) <= IDEA_MAX:
            raise Refused(
                [text("Describe your idea in up to {limit} characters.", limit=IDEA_MAX)], rules=["lyrics_idea"]
            )
        order = LyricsOrder(
            id=f"{place.interaction_id:x}",
            member_id=place.member_id,
            idea=idea,
            made_at=place.received_at,
            source=source,
        )

        async def offered(work: Work) -> int:
            left = await self._left(work, place)
            await work.lyrics.add(order)
            return left

        return order, await self._storage.write(offered)

    async def agree(self, order_id: str, place: Place) -> tuple[LyricsOrder, bool]:
        """Order what was offered, once; the order as it is by now, and whether that was done now: then `begin` it.

        Raises:
            Refused: as `offer`, or the order is gone or someone else's.
            TakenElsewhere: another process has carried the click out.
        """

        async def ordered(work: Work) -> tuple[LyricsOrder, bool]:
            if not await work.intakes.take_once(place.interaction_id):
                raise TakenElsewhere
            order = _own(await work.lyrics.get(order_id), place.member_id)
            if order.state is not LyricsState.OFFERED:
                return order, False
            at = self._clock()
            if at - order.made_at > OFFER_LASTS:
                raise Refused([GONE], rules=["lyrics_gone"])
            await self._left(work, place)
            token, day = secrets.token_urlsafe(TOKEN_BYTES), quota_day(at)
            after = agreed(order, place, token=token, day=day, at=at, due_at=at + self._takeover)
            await work.lyrics.save(after)
            await work.spending.add(place.guild_id, day=day, lyrics=1)
            return after, True

        return await self._storage.write(ordered)

    async def begin(self, order: LyricsOrder) -> None:
        """Its member has read that it is ordered: from now on its answer is the workers' alone."""

        async def begun(work: Work) -> None:
            current = await work.lyrics.get(order.id)
            if current is not None and current.state is LyricsState.WAITING:
                await work.lyrics.save(replace(current, due_at=self._clock()))

        await self._storage.write(begun)
        self._bells.lyrics.ring()

    async def latest(self, member_id: int) -> LyricsOrder:
        """Raises `Refused` if the member has none."""
        order = await self._storage.reading.lyrics.latest(member_id)
        if order is None:
            raise Refused(
                [text("You have no lyrics yet. Give me an `idea`, and the music service writes some.")],
                rules=["no_lyrics"],
            )
        return order

    async def draft(self, member_id: int, order_id: str, number: int) -> Draft:
        """What the form is opened with for a version, counted from 1.

        Raises:
            Refused: the order is gone, someone else's, or has no such version.
        """
        order = _own(await self._storage.reading.lyrics.get(order_id), member_id)
        if not 0 < number <= len(order.versions):
            raise Refused([GONE], rules=["lyrics_gone"])
        version, now, model = order.versions[number - 1], self._clock(), self._model_of(order.source)
        draft = Draft(
            id=new_draft_id(),
            member_id=member_id,
            request=ExtensionRequest(
                model=model,
                prompt=version.text,
                title=title_for(order, version, limit=MODELS[model].title_max if model in MODELS else TITLE_MAX),
            ),
            source=order.source,
            made_at=order.made_at,
        )
        if not draft.has_audio(at=now):
            return replace(draft, source=None, made_at=now)
        return draft if _is_counted_on_for_a_while(order.source) else replace(draft, made_at=now)

    def _model_of(self, source: SourceChoice | None) -> str:
        return source.model if source is not None and source.model else self._offer.default.name

    async def _left(self, work: Work, place: Place) -> int:
        """How many orders the member has left today, at least one.

        Raises:
            Refused: none, no credits for it, or too many came to nothing.
        """
        left = await self._allowance.left(work, place, more=AN_ORDER)
        tried = await work.lyrics.tried(place.member_id, since=self._clock() - OFFER_LASTS)
        if tried >= TRIES * self._allowance.per_day:
            raise Refused([TRIED_ENOUGH], rules=["lyrics_per_day"])
        return left


TRIED_ENOUGH = text(
    "You've asked for lyrics many times, and most of it came to nothing. Please wait a while before you try again."
)
GONE = text("I no longer have these lyrics. Start again with `/lyrics`.")


def _is_counted_on_for_a_while(source: SourceChoice | None) -> bool:
    """Whether it is a file that was handed to a command: then the draft says since when."""
    return source is not None and source.kind is SourceKind.ATTACHMENT and source.message is None


def _own(order: LyricsOrder | None, member_id: int) -> LyricsOrder:
    if order is None:
        raise Refused([GONE], rules=["lyrics_gone"])
    if order.member_id != member_id:
        raise Refused([text("These are someone else's lyrics.")], rules=["lyrics_of_another"])
    return order
