"""What all processes know about Discord's limits: small texts, which change only if the latest one was known.

Each statement is a transaction of its own, without the lock of the writing transactions: the row's lock is enough, and
a request to Discord must not wait for other work (decision 28).
"""

from storage.engines.base import Connection

GET = "SELECT state FROM discord_budget WHERE name = $1"

# Nobody waits for the disk: whatever a crash loses would be out of date within seconds.
PUT = """
INSERT INTO discord_budget (name, state, used_ms)
SELECT $1, $2, extract(epoch FROM clock_timestamp()) * 1000
 WHERE set_config('synchronous_commit', 'off', true) = 'off'
ON CONFLICT (name) DO UPDATE
   SET state = CASE WHEN discord_budget.state = $3 THEN excluded.state ELSE discord_budget.state END,
       used_ms = excluded.used_ms
RETURNING state
"""

FORGET = "DELETE FROM discord_budget WHERE used_ms < extract(epoch FROM clock_timestamp()) * 1000 - $1::bigint"
KEPT_MS = 3_600_000
PUTS_BETWEEN_FORGETS = 1000


class DiscordBudgets:
    """Each method raises `StorageUnavailable` in an outage."""

    def __init__(self, connection: Connection) -> None:
        """`connection` runs each statement as a transaction of its own."""
        self._connection = connection
        self._puts = 0

    async def get(self, name: str) -> str | None:
        row = await self._connection.fetch_one(GET, name)
        return None if row is None else str(row["state"])

    async def put(self, name: str, *, old: str | None, new: str) -> str:
        """Write `new` if `old` is there; returns what is there now."""
        self._puts += 1
        if self._puts % PUTS_BETWEEN_FORGETS == 0:
            await self._connection.execute(FORGET, KEPT_MS)
        (row,) = await self._connection.fetch_all(PUT, name, new, old)
        return str(row["state"])
