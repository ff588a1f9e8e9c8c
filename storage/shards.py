"""Shards of the gateway connection, the processes that serve them, and when the next one may identify."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bot.domain.shards import Shard, is_live
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_ms

LIVE_PROCESSES = "SELECT name FROM gateway_process WHERE until_ms > $1 AND until_ms <= $2 ORDER BY name"

BE_PRESENT = """
INSERT INTO gateway_process (name, until_ms) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET until_ms = excluded.until_ms
"""

FORGET_PROCESSES = "DELETE FROM gateway_process WHERE until_ms <= $1"

FORGET_PROCESS = "DELETE FROM gateway_process WHERE name = $1"

ALL = "SELECT number, owner, until_ms, successor, successor_until_ms FROM shard ORDER BY number"

FORGET_ALL_PROCESSES = "DELETE FROM gateway_process"

FORGET_ALL = "DELETE FROM shard"

ADD = "INSERT INTO shard (number) VALUES ($1)"

RENEW = "UPDATE shard SET until_ms = $2 WHERE owner = $1"

OWN = "UPDATE shard SET owner = $2, until_ms = $3, successor = NULL, successor_until_ms = NULL WHERE number = $1"

SUCCEED = "UPDATE shard SET successor = $2, successor_until_ms = $3 WHERE number = $1"

GIVE_BACK = "UPDATE shard SET owner = NULL, until_ms = NULL WHERE owner = $1"

STOP_TAKING = "UPDATE shard SET successor = NULL, successor_until_ms = NULL WHERE successor = $1"

# A turn further away than all turns can take shows that the clock was set back.
TAKE_TURN = """
INSERT INTO identify_turn (bucket, next_ms) VALUES ($1, CAST($2 AS BIGINT) + $3)
ON CONFLICT (bucket) DO UPDATE SET next_ms = $3 +
    CASE WHEN identify_turn.next_ms BETWEEN $2 AND $4 THEN identify_turn.next_ms ELSE $2 END
RETURNING next_ms
"""


class Shards:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def processes(self, *, now: datetime, longest: timedelta) -> list[str]:
        rows = await self._connection.fetch_all(LIVE_PROCESSES, to_ms(now), to_ms(now + longest))
        return [str(row["name"]) for row in rows]

    async def be_present(self, process: str, *, now: datetime, until: datetime) -> None:
        await self._connection.execute(FORGET_PROCESSES, to_ms(now))
        await self._connection.execute(BE_PRESENT, process, to_ms(until))

    async def begin(self, count: int) -> None:
        await self._connection.execute(FORGET_ALL_PROCESSES)
        await self._connection.execute(FORGET_ALL)
        await self._connection.execute_many(ADD, [(number,) for number in range(count)])

    async def all(self, *, now: datetime, longest: timedelta) -> Sequence[Shard]:
        rows = await self._connection.fetch_all(ALL)

        def live(name: str | None, until_ms: int | None) -> str | None:
            return name if is_live(from_ms(until_ms), now, longest=longest) else None

        def shard(row: Row) -> Shard:
            owner = live(row["owner"], row["until_ms"])
            return Shard(
                number=int(row["number"]),
                owner=owner,
                successor=live(row["successor"], row["successor_until_ms"]),
                is_lapsed=owner is None and row["owner"] is not None,
            )

        return [shard(row) for row in rows]

    async def renew(self, process: str, *, until: datetime) -> None:
        await self._connection.execute(RENEW, process, to_ms(until))

    async def own(self, numbers: Collection[int], process: str, *, until: datetime) -> None:
        await self._connection.execute_many(OWN, [(number, process, to_ms(until)) for number in numbers])

    async def succeed(self, number: int, process: str, *, until: datetime) -> None:
        await self._connection.execute(SUCCEED, number, process, to_ms(until))

    async def give_back(self, process: str) -> None:
        await self._connection.execute(GIVE_BACK, process)
        await self._connection.execute(STOP_TAKING, process)
        await self._connection.execute(FORGET_PROCESS, process)

    async def take_turn(self, bucket: int, *, now: datetime, every: timedelta, longest: timedelta) -> datetime:
        every_ms = every // timedelta(milliseconds=1)
        row = await self._connection.fetch_one(TAKE_TURN, bucket, to_ms(now), every_ms, to_ms(now + longest))
        assert row is not None  # noqa: S101  # it returns the row that it wrote
        return from_ms(int(row["next_ms"])) - every
