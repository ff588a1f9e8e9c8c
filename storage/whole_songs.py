"""Whole songs that were asked for: a queue that survives restarts."""

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.whole_songs import ClaimedOrder, WholeSongOrder
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_ms

log = logging.getLogger(__name__)

ADD = """
INSERT INTO whole_song (interaction_id, job_id, member_id, message_id, payload, due_ms) VALUES ($1, $2, $3, $4, $5, $6)
"""

OF_MEMBER = "SELECT * FROM whole_song WHERE member_id = $1 ORDER BY interaction_id"

AT_MESSAGE = "SELECT * FROM whole_song WHERE message_id = $1 ORDER BY interaction_id"

CLAIM_DUE = """
UPDATE whole_song SET due_ms = $2, claimed_by = $3, tries = tries + 1
 WHERE interaction_id IN
       (SELECT interaction_id FROM whole_song WHERE due_ms <= $1 ORDER BY due_ms, interaction_id LIMIT 1)
RETURNING *
"""

RENEW = "UPDATE whole_song SET due_ms = $3 WHERE interaction_id = $1 AND claimed_by = $2 RETURNING interaction_id"

TRIED = """
UPDATE whole_song SET tried_ms = coalesce(tried_ms, $3)
 WHERE interaction_id = $1 AND claimed_by = $2
RETURNING interaction_id
"""

PUT_OFF = "UPDATE whole_song SET due_ms = $3, claimed_by = NULL WHERE interaction_id = $1 AND claimed_by = $2"

END = "DELETE FROM whole_song WHERE interaction_id = $1 AND claimed_by = $2"

# A try that a process gave up in good order does not count.
RELEASE_ALL = """
UPDATE whole_song SET due_ms = $2, claimed_by = NULL, tries = tries - 1
 WHERE due_ms > $2 AND claimed_by = $1
RETURNING interaction_id
"""

HASTEN = "UPDATE whole_song SET due_ms = $1 WHERE due_ms > $1"

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM whole_song"


class WholeSongs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, order: WholeSongOrder, *, at: datetime) -> None:
        await self._connection.execute(
            ADD,
            order.place.interaction_id,
            order.job_id,
            order.place.member_id,
            order.message_id,
            msgspec.json.encode(order).decode(),
            to_ms(at),
        )

    async def of_member(self, member_id: int) -> list[WholeSongOrder]:
        """What the member has asked for and not got yet."""
        return _orders(await self._connection.fetch_all(OF_MEMBER, member_id))

    async def at_message(self, message_id: int) -> list[WholeSongOrder]:
        """What was asked for below this message and is not posted yet."""
        return _orders(await self._connection.fetch_all(AT_MESSAGE, message_id))

    async def claim_due(self, *, now: datetime, until: datetime, owner: str) -> ClaimedOrder | None:
        """Claim the order that has waited longest; it is `owner`'s until `until`."""
        row = await self._connection.fetch_one(CLAIM_DUE, to_ms(now), to_ms(until), owner)
        if row is None or (order := _order(row)) is None:
            return None
        tried_at = None if row["tried_ms"] is None else from_ms(int(row["tried_ms"]))
        return ClaimedOrder(order=order, tries=int(row["tries"]), tried_at=tried_at)

    async def renew(self, interaction_id: int, *, owner: str, until: datetime) -> bool:
        """Keep the claim until then; False if it is no longer this owner's."""
        return await self._connection.fetch_one(RENEW, interaction_id, owner, to_ms(until)) is not None

    async def tried(self, interaction_id: int, *, owner: str, at: datetime) -> bool:
        """Note, before the first post, that it may be there from now on; False without a claim."""
        return await self._connection.fetch_one(TRIED, interaction_id, owner, to_ms(at)) is not None

    async def put_off(self, interaction_id: int, *, owner: str, until: datetime) -> None:
        """End the claim; it is due again at `until`."""
        await self._connection.execute(PUT_OFF, interaction_id, owner, to_ms(until))

    async def end(self, interaction_id: int, *, owner: str) -> None:
        """The member has it, or knows why not."""
        await self._connection.execute(END, interaction_id, owner)

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every order due that this owner was working on, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))


def _orders(rows: Sequence[Row]) -> list[WholeSongOrder]:
    return [order for row in rows if (order := _order(row)) is not None]


def _order(row: Row) -> WholeSongOrder | None:
    try:
        return msgspec.json.decode(row["payload"], type=WholeSongOrder)
    except msgspec.MsgspecError as error:
        log.error("an order for a whole song cannot be read by this version (%s)", error)  # noqa: TRY400
        return None
