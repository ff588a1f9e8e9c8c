"""Relays: beginning and finishing one, taking its next turn, and where it stands."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from bot.domain.jobs import Job, JobState, Place, RelayTurn
from bot.domain.relays import (
    CLAIM,
    Opening,
    Position,
    Relay,
    Ruling,
    Stand,
    Turn,
    Verdict,
    job_ids,
    made_turns,
    new_relay_id,
    people_of,
    position_of,
    ruling_on,
    take_that_goes_on,
)
from bot.domain.songs import channel_of
from bot.domain.takes import takes_of
from bot.domain.text import Said, Text, Verbatim, text
from bot.domain.titles import shown_title
from bot.domain.tracks import folded
from bot.domain.whole_songs import WholeSongOrder
from bot.errors import Refused
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.ports import Storage, Work
from bot.services.songs.clicks import taken
from bot.services.songs.results import VOTES_COUNTED

RESULTS_SHOWN = 25
RESULTS_AMONG = 500
"""In so many of a server's latest public results, those of a thread are looked for."""

NO_RELAY = text("There's no relay here. Start one in a thread with `/relay start`.")
ERASED = text("I don't have this relay any more.")
GOING_ON = text("There's a relay in this thread already. `/relay status` shows where it stands.")
NO_RESULT = text(
    "I have no result in this thread yet. Give the relay a piece to begin with: `audio`, `url` or `track`."
)
GONE = text("I don't have the last take any more, so it can't be continued. `/relay finish` ends the relay.")
FULL = text("This relay has as many turns as one song can have. `/relay finish` ends it.")
FINISHED = text("This relay is finished. You can still continue its last take with **Extend**.")
NOT_STARTER = text("Only whoever started the relay, or someone with the Manage Messages permission, can finish it.")


class RelayView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a relay stands: `made` are the turns that became part of the song, `people` everybody who has a part in it.

    `take`: the take of `position.base` to continue, going by the votes so far; None without one.
    """

    relay: Relay
    position: Position
    made: tuple[Turn, ...]
    people: tuple[int, ...]
    take: int | None = None

    @property
    def has_song(self) -> bool:
        """Whether anything was made of which a take is still stored."""
        return bool(self.made) and self.take is not None

    @property
    def title(self) -> str:
        return (shown_title(self.position.base) if self.position.base else "") or self.relay.opening.title


class Relays:
    """`voting`: how long a result can be voted for before the next turn can be taken."""

    def __init__(self, storage: Storage, *, voting: timedelta, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._voting = voting
        self._bells = bells
        self._clock = clock

    async def start(self, place: Place, opening: Opening) -> RelayView:
        """Begin a relay in this thread. The first turn of one that continues a piece is its starter's.

        Raises:
            Refused: there is one already.
            TakenElsewhere: another process has this command.
        """
        assert place.guild_id is not None  # noqa: S101  # threads are in servers
        at = self._clock()
        relay = Relay(
            id=new_relay_id(),
            guild_id=place.guild_id,
            channel_id=place.channel_id,
            starter_id=place.member_id,
            locale=place.locale,
            opening=opening,
            started_at=at,
        )

        async def started(work: Work) -> RelayView:
            await taken(work, place.interaction_id)
            if (earlier := await work.relays.open_in(place.channel_id)) is not None:
                before = await look_at(work, earlier)
                if not _can_be_replaced(before, self._ruled(before.position, place.member_id)):
                    raise Refused([GOING_ON])
                await work.relays.finish(earlier.id, at=at)
            await work.relays.add(relay)
            if opening.source is not None:
                first = RelayTurn(relay_id=relay.id, number=1)
                await work.relays.claim_turn(first, place.member_id, at=at, until=at + CLAIM)
            await work.relays.make_due(relay.id, at=at)
            return await look_at(work, relay)

        view = await self._storage.write(started)
        self._bells.relays.ring()
        return view

    async def take_turn(self, relay_id: str, member_id: int) -> RelayView:
        """The turn is the member's for a while.

        Raises:
            Refused: it is not free, or not for this member, and why.
        """

        async def claimed(work: Work) -> RelayView:
            if (relay := await work.relays.get(relay_id)) is None:
                raise Refused([ERASED])
            view = await look_at(work, relay)
            if (refusal := refusal_of(self._ruled(view.position, member_id))) is not None:
                raise Refused([refusal])
            at, turn = self._clock(), RelayTurn(relay_id=relay_id, number=view.position.number)
            await work.relays.claim_turn(turn, member_id, at=at, until=at + CLAIM)
            return view

        return await self._storage.write(claimed)

    async def finish(self, place: Place, *, manages_messages: bool) -> RelayView:
        """End the relay of this thread, and have its song joined and posted, which answers the command.

        Raises:
            Refused: there is none, it is not for this member to end, or a turn is under way.
            TakenElsewhere: another process has this command.
        """

        async def finished(work: Work) -> RelayView:
            await taken(work, place.interaction_id)
            if (relay := await work.relays.open_in(place.channel_id)) is None:
                raise Refused([NO_RELAY])
            if relay.starter_id != place.member_id and not manages_messages:
                raise Refused([NOT_STARTER])
            view = await look_at(work, relay)
            if view.position.stand is Stand.MAKING and view.position.turn is not None:
                sentence = text(
                    "{member}'s take is still being made. Finish the relay once it's there.",
                    member=mention(view.position.turn.member_id),
                )
                raise Refused([sentence])
            at = self._clock()
            await work.relays.finish(relay.id, at=at)
            await work.relays.make_due(relay.id, at=at)
            if (order := _last_order(view, place)) is not None:
                await work.whole_songs.add(order, at=at)
            return view

        view = await self._storage.write(finished)
        self._bells.relays.ring()
        self._bells.whole_songs.ring()
        return view

    async def status(self, channel_id: int, member_id: int) -> tuple[RelayView, Ruling]:
        """The relay of this thread, and whether this member can take its turn.

        Raises:
            Refused: there is none.
        """

        async def looked(work: Work) -> RelayView:
            if (relay := await work.relays.open_in(channel_id)) is None:
                raise Refused([NO_RELAY])
            return await look_at(work, relay)

        view = await self._storage.read(looked)
        return view, self._ruled(view.position, member_id)

    async def results_in(self, guild_id: int, channel_id: int, typed: str) -> list[Job]:
        """The latest public results in this thread that have `typed` in a title or a style."""
        library = self._storage.reading.library
        return await library.public_in(
            guild_id, channel_id, search=typed.strip(), among=RESULTS_AMONG, limit=RESULTS_SHOWN
        )

    async def result_meant(self, guild_id: int, channel_id: int, words: str) -> Job:
        """The result in this thread with this id or title; without words the latest.

        Raises:
            Refused: there is none.
        """
        job = await self._storage.reading.jobs.get(words.strip()) if words.strip() else None
        if job is not None and _is_result_in(job, channel_id):
            return job
        found = await self.results_in(guild_id, channel_id, words)
        whole = [each for each in found if folded(shown_title(each)) == folded(words.strip())]
        if not (chosen := whole or found):
            sentence = text("I can't find a result called “{given}” in this thread.", given=Said(words))
            raise Refused([sentence if words.strip() else NO_RESULT])
        return chosen[0]

    def _ruled(self, position: Position, member_id: int) -> Ruling:
        return ruling_on(position, member_id, at=self._clock(), voting=self._voting)


async def look_at(work: Work, relay: Relay) -> RelayView:
    """Where it stands now."""
    turns = await work.relays.turns(relay.id)
    found = [await work.jobs.get(job_id) for job_id in job_ids(relay, turns)]
    position = position_of(relay, turns, {job.id: job for job in found if job is not None})
    base, take = position.base, None
    if base is not None and takes_of(base):
        take = take_that_goes_on(base, await work.votes.of_job(base.id, limit=VOTES_COUNTED))
    made = tuple(made_turns(turns, position))
    return RelayView(relay=relay, position=position, made=made, people=people_of(relay, made), take=take)


def refusal_of(ruling: Ruling) -> Text | None:
    """Why a member cannot take the turn; None if they can."""
    if (said := _SETTLED.get(ruling.verdict)) is not None:
        return said
    who = mention(ruling.member_id or 0)
    if ruling.verdict is Verdict.MAKING:
        return text("{member}'s take is being made. The next turn comes after it.", member=who)
    if ruling.verdict is Verdict.MAY or ruling.until is None:
        return None
    if ruling.verdict is Verdict.HELD:
        return text(
            "{member} has this turn. If they don't use it, it's free again {until}.", member=who, until=ruling.until
        )
    if ruling.verdict is Verdict.VOTING:
        return text("People are still voting. You can take the next turn {until}.", until=ruling.until)
    return text(
        "You had the last turn, so this one is for somebody else. If nobody does, you can take it {until}.",
        until=ruling.until,
    )


_SETTLED = {Verdict.GONE: GONE, Verdict.FULL: FULL, Verdict.FINISHED: FINISHED}


def _last_order(view: RelayView, place: Place) -> WholeSongOrder | None:
    """The whole song, if there is any."""
    base = view.position.base
    if base is None or not view.has_song:
        return None
    is_here = base.final_message_id is not None and channel_of(base) == place.channel_id
    return WholeSongOrder(
        place=place,
        job_id=base.id,
        message_id=base.final_message_id if is_here and base.final_message_id else place.interaction_id,
        take=view.take,
        people=view.people,
    )


def mention(member_id: int) -> Verbatim:
    return Verbatim(f"<@{member_id}>")


def mentions(member_ids: Sequence[int]) -> list[Text]:
    return [Text("{member}", {"member": mention(each)}) for each in member_ids]  # nothing to translate


def _is_result_in(job: Job, channel_id: int) -> bool:
    is_public = not job.place.private and not job.final_is_answer
    return job.state is JobState.DELIVERED and is_public and channel_of(job) == channel_id


def _can_be_replaced(view: RelayView, ruling: Ruling) -> bool:
    """Whether nothing was made in it yet, and the one who asks could do so as well as anybody."""
    return not view.made and view.relay.opening.source is not None and ruling.verdict is Verdict.MAY
