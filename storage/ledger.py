"""The quota ledger: one row per unit, and the balance counted from the rows."""

from datetime import date, datetime

from bot.domain.quota import QuotaBalance
from storage.engines.base import Connection
from storage.values import to_ms

# Decides and writes in one statement, so that nothing can intervene.
HOLD = """
INSERT INTO quota_unit (job_id, member_id, guild_id, day, held_ms)
SELECT $1, $2, $3, $4, $5
 WHERE (SELECT count(*) FROM quota_unit
         WHERE member_id = $2 AND day = $4 AND (outcome IS NULL OR outcome = 'spent')) < $6
RETURNING job_id
"""

# Only a held unit can be settled: settling twice finds no row.
SETTLE = """
UPDATE quota_unit SET outcome = $2, settled_ms = $3
 WHERE job_id = $1 AND outcome IS NULL
RETURNING job_id
"""

# For the provider's own faults, found after the unit was spent.
REFUND = """
UPDATE quota_unit SET outcome = 'returned', settled_ms = $2
 WHERE job_id = $1 AND (outcome IS NULL OR outcome = 'spent')
RETURNING job_id
"""

COUNT_BY_OUTCOME = """
SELECT outcome, count(*) AS units FROM quota_unit
 WHERE member_id = $1 AND day = $2
 GROUP BY outcome
"""


class Ledger:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def hold(
        self, *, job_id: str, member_id: int, guild_id: int | None, day: date, limit: int, at: datetime
    ) -> bool:
        """Hold one unit; False if `limit` units of that day are held or spent.

        Raises:
            Conflict: this job already holds a unit.
        """
        row = await self._connection.fetch_one(HOLD, job_id, member_id, guild_id, day.isoformat(), to_ms(at), limit)
        return row is not None

    async def spend(self, job_id: str, *, at: datetime) -> bool:
        return await self._connection.fetch_one(SETTLE, job_id, "spent", to_ms(at)) is not None

    async def give_back(self, job_id: str, *, at: datetime) -> bool:
        return await self._connection.fetch_one(SETTLE, job_id, "returned", to_ms(at)) is not None

    async def refund(self, job_id: str, *, at: datetime) -> bool:
        """Return the unit although it was spent; False if it was already returned."""
        return await self._connection.fetch_one(REFUND, job_id, to_ms(at)) is not None

    async def balance(self, member_id: int, *, day: date, limit: int) -> QuotaBalance:
        rows = await self._connection.fetch_all(COUNT_BY_OUTCOME, member_id, day.isoformat())
        units = {row["outcome"]: int(row["units"]) for row in rows}
        return QuotaBalance(limit=limit, held=units.get(None, 0), spent=units.get("spent", 0), day=day)
