"""Relays and their turns."""

import logging
from datetime import datetime

import msgspec

from bot.domain.jobs import RelayTurn
from bot.domain.relays import Opening, Relay, Turn
from storage.engines.base import Connection, Row, Value
from storage.values import from_ms, to_ms

log = logging.getLogger(__name__)

ADD = """
INSERT INTO relay (id, guild_id, channel_id, starter_id, payload, started_ms, touched_ms)
VALUES ($1, $2, $3, $4, $5, $6, $6)
"""

GET = "SELECT * FROM relay WHERE id = $1"

OPEN_IN = "SELECT * FROM relay WHERE channel_id = $1 AND finished_ms IS NULL"

TURNS = "SELECT * FROM relay_turn WHERE relay_id = $1 ORDER BY number"

# What was claimed before came to nothing.
CLAIM_TURN = """
INSERT INTO relay_turn (relay_id, number, member_id, until_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (relay_id, number) DO UPDATE
   SET member_id = excluded.member_id, until_ms = excluded.until_ms, job_id = NULL
"""

# A claim that ran out is still good while nobody else has the turn.
KEEP_TURN = """
UPDATE relay_turn SET until_ms = $4
 WHERE relay_id = $1 AND number = $2 AND member_id = $3 AND job_id IS NULL
   AND EXISTS (SELECT 1 FROM relay WHERE id = $1 AND finished_ms IS NULL)
RETURNING number
"""

BEGIN_TURN = """
UPDATE relay_turn SET job_id = $4
 WHERE relay_id = $1 AND number = $2 AND member_id = $3 AND job_id IS NULL
   AND EXISTS (SELECT 1 FROM relay WHERE id = $1 AND finished_ms IS NULL)
RETURNING number
"""

TOUCH = "UPDATE relay SET touched_ms = $2 WHERE id = $1"

FINISH = "UPDATE relay SET finished_ms = $2, touched_ms = $2 WHERE id = $1 AND finished_ms IS NULL RETURNING id"

MAKE_DUE = "UPDATE relay SET due_ms = $2, claimed_by = NULL, failures = 0 WHERE id = $1"

CLAIM_DUE = """
UPDATE relay SET due_ms = $2, claimed_by = $4
 WHERE id IN (SELECT id FROM relay WHERE due_ms <= $1 ORDER BY due_ms, id LIMIT $3)
RETURNING *
"""

STILL_HAS = "SELECT id FROM relay WHERE id = $1 AND claimed_by = $2"

TOLD = """
UPDATE relay SET due_ms = NULL, claimed_by = NULL, failures = 0 WHERE id = $1 AND claimed_by = $2 RETURNING id
"""

PUT_OFF = """
UPDATE relay SET due_ms = $3, claimed_by = NULL, failures = $4 WHERE id = $1 AND claimed_by = $2 RETURNING id
"""

RELEASE_ALL = "UPDATE relay SET due_ms = $2, claimed_by = NULL WHERE due_ms > $2 AND claimed_by = $1 RETURNING id"

HASTEN = "UPDATE relay SET due_ms = $1 WHERE due_ms > $1"

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM relay WHERE due_ms IS NOT NULL"

FORGET = """
DELETE FROM relay WHERE id IN (SELECT id FROM relay WHERE touched_ms < $1 ORDER BY touched_ms, id LIMIT $2) RETURNING id
"""


class RelayPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What of a relay has no column. Later fields need a default."""

    locale: str
    opening: Opening


class Relays:
    """Methods that need a claim return False and write nothing if another owner has it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, relay: Relay) -> None:
        """In the transaction that found none open in its thread."""
        payload = msgspec.json.encode(RelayPayload(locale=relay.locale, opening=relay.opening)).decode()
        at = to_ms(relay.started_at)
        values = (relay.id, relay.guild_id, relay.channel_id, relay.starter_id, payload, at)
        await self._connection.execute(ADD, *values)

    async def get(self, relay_id: str) -> Relay | None:
        return _one(await self._connection.fetch_one(GET, relay_id))

    async def open_in(self, channel_id: int) -> Relay | None:
        """The one in this thread that is not finished."""
        return _one(await self._connection.fetch_one(OPEN_IN, channel_id))

    async def turns(self, relay_id: str) -> list[Turn]:
        """In their order."""
        return [_turn(row) for row in await self._connection.fetch_all(TURNS, relay_id)]

    async def claim_turn(self, turn: RelayTurn, member_id: int, *, at: datetime, until: datetime) -> None:
        """It is the member's until then, whoever had it before."""
        await self._connection.execute(CLAIM_TURN, turn.relay_id, turn.number, member_id, to_ms(until))
        await self._connection.execute(TOUCH, turn.relay_id, to_ms(at))

    async def keep_turn(self, turn: RelayTurn, member_id: int, *, until: datetime) -> bool:
        """Keep it for the member until then; False if it is not theirs any more, or has a job."""
        return await self._is_changed(KEEP_TURN, turn.relay_id, turn.number, member_id, to_ms(until))

    async def begin_turn(self, turn: RelayTurn, member_id: int, *, job_id: str, at: datetime) -> bool:
        """Its job is accepted; False as in `keep_turn`."""
        if not await self._is_changed(BEGIN_TURN, turn.relay_id, turn.number, member_id, job_id):
            return False
        await self._connection.execute(TOUCH, turn.relay_id, to_ms(at))
        await self.make_due(turn.relay_id, at=at)
        return True

    async def finish(self, relay_id: str, *, at: datetime) -> bool:
        """False if it was finished before."""
        return await self._is_changed(FINISH, relay_id, to_ms(at))

    async def make_due(self, relay_id: str, *, at: datetime) -> None:
        """A worker looks then whether there is something to tell in the thread."""
        await self._connection.execute(MAKE_DUE, relay_id, to_ms(at))

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[tuple[Relay, int]]:
        """Claim relays that are due, with how often in a row they could not be told; they are `owner`'s until then."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit, owner)
        return [(relay, int(row["failures"])) for row in rows if (relay := _one(row)) is not None]

    async def is_claimed(self, relay_id: str, *, owner: str) -> bool:
        return await self._is_changed(STILL_HAS, relay_id, owner)

    async def told(self, relay_id: str, *, owner: str) -> bool:
        """There is nothing to tell any more."""
        return await self._is_changed(TOLD, relay_id, owner)

    async def put_off(self, relay_id: str, *, owner: str, until: datetime, failures: int) -> bool:
        return await self._is_changed(PUT_OFF, relay_id, owner, to_ms(until), failures)

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make due what this owner has claimed, and end its claims; returns how many there were."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))

    async def forget(self, *, touched_before: datetime, limit: int) -> int:
        """Remove those in which nothing has happened since; returns their number."""
        return len(await self._connection.fetch_all(FORGET, to_ms(touched_before), limit))

    async def _is_changed(self, sql: str, *parameters: Value) -> bool:
        return await self._connection.fetch_one(sql, *parameters) is not None


def _one(row: Row | None) -> Relay | None:
    """None also for what this release cannot read."""
    if row is None:
        return None
    try:
        payload = msgspec.json.decode(row["payload"], type=RelayPayload)
    except msgspec.MsgspecError as error:
        log.error("relay %s cannot be read by this version (%s)", row["id"], error)  # noqa: TRY400
        return None
    return Relay(
        id=row["id"],
        guild_id=int(row["guild_id"]),
        channel_id=int(row["channel_id"]),
        starter_id=int(row["starter_id"]),
        locale=payload.locale,
        opening=payload.opening,
        started_at=from_ms(int(row["started_ms"])),
        finished_at=from_ms(row["finished_ms"]),
    )


def _turn(row: Row) -> Turn:
    return Turn(
        number=int(row["number"]),
        member_id=int(row["member_id"]),
        until=from_ms(int(row["until_ms"])),
        job_id=row["job_id"],
    )
