"""Erase what is no longer needed and remove old jobs, a few rows at a time."""

from collections.abc import Sequence
from datetime import datetime

from storage.engines.base import Connection, Value
from storage.values import from_ms, to_ms

ERASE_TOKENS = """
UPDATE job SET interaction_token = ''
 WHERE id IN (SELECT id FROM job WHERE interaction_token <> '' AND received_ms < $1 LIMIT $2)
RETURNING id
"""

# Ids of interactions grow with time. A finished command has no due time; one set aside is of no use after a day.
FORGET_COMMANDS = """
DELETE FROM intake
 WHERE interaction_id IN (SELECT interaction_id FROM intake
                           WHERE interaction_id < $1 AND due_ms IS NULL ORDER BY interaction_id LIMIT $2)
RETURNING interaction_id
"""

ENDED_BETWEEN = "SELECT id, ended_ms FROM job WHERE ended_ms > $1 AND ended_ms < $2 ORDER BY ended_ms, id LIMIT $3"

_IDS = "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
JOBS_AT_ONCE = 16
"""Fewer are padded by repeating one."""

ERASE_LINKS = f"UPDATE track SET audio_url = '', stream_url = '', image_url = '' WHERE job_id IN {_IDS}"  # noqa: S608  # a constant

# A job whose end has not been posted has a due time. One whose whole song is being joined is needed until that is over.
REMOVABLE = """
SELECT id FROM job
 WHERE ended_ms < $1 AND due_ms IS NULL AND state IN ('delivered', 'failed', 'cancelled')
   AND NOT EXISTS (SELECT 1 FROM whole_song WHERE whole_song.job_id = job.id)
 ORDER BY ended_ms, id LIMIT $2
"""

SUM_UP = f"""
INSERT INTO quota_sum (month, guild_id, member_id, outcome, units)
SELECT substr(day, 1, 7), coalesce(guild_id, 0), member_id, coalesce(outcome, 'held'), count(*)
  FROM quota_unit WHERE job_id IN {_IDS}
 GROUP BY substr(day, 1, 7), coalesce(guild_id, 0), member_id, coalesce(outcome, 'held')
ON CONFLICT (month, guild_id, member_id, outcome) DO UPDATE SET units = quota_sum.units + excluded.units
"""  # noqa: S608  # a constant

# Tables that refer to the job come first.
REMOVE = tuple(
    f"DELETE FROM {table} WHERE {column} IN {_IDS}"  # noqa: S608  # constants
    for table, column in (
        ("track", "job_id"),
        ("callback", "job_id"),
        ("progress", "job_id"),
        ("quota_unit", "job_id"),
        ("job", "id"),
    )
)


class Housekeeping:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def erase_tokens(self, *, received_before: datetime, limit: int) -> int:
        """Erase tokens of commands that can no longer be answered; returns their number."""
        return len(await self._connection.fetch_all(ERASE_TOKENS, to_ms(received_before), limit))

    async def forget_commands(self, *, before_interaction: int, limit: int) -> int:
        """Remove finished commands that Discord can no longer deliver twice; returns their number."""
        return len(await self._connection.fetch_all(FORGET_COMMANDS, before_interaction, limit))

    async def erase_links(self, *, ended_after: datetime, ended_before: datetime, limit: int) -> datetime | None:
        """Erase track links of jobs that ended in between, oldest first; returns when the last of these ended."""
        rows = await self._connection.fetch_all(ENDED_BETWEEN, to_ms(ended_after), to_ms(ended_before), limit)
        for ids in _batches([str(row["id"]) for row in rows]):
            await self._connection.execute(ERASE_LINKS, *ids)
        return from_ms(int(rows[-1]["ended_ms"])) if rows else None

    async def remove_jobs(self, *, ended_before: datetime, limit: int) -> int:
        """Remove jobs with all that belongs to them, adding their units of quota to the sums; returns their number."""
        rows = await self._connection.fetch_all(REMOVABLE, to_ms(ended_before), limit)
        for ids in _batches([str(row["id"]) for row in rows]):
            for statement in (SUM_UP, *REMOVE):
                await self._connection.execute(statement, *ids)
        return len(rows)


def _batches(ids: Sequence[str]) -> list[list[Value]]:
    batches: list[list[Value]] = []
    for start in range(0, len(ids), JOBS_AT_ONCE):
        batch: list[Value] = list(ids[start : start + JOBS_AT_ONCE])
        batches.append(batch + [batch[0]] * (JOBS_AT_ONCE - len(batch)))
    return batches
