"""What the metrics show of the database, in one query. It reads only work that is left, never the history."""

from datetime import date, datetime

import msgspec

from storage.engines.base import Connection
from storage.values import from_ms, to_ms

# What ends in time reads an index over work that is left. A claim is far from running out only if a clock is wrong.
# IS NOT NULL, said so that PostgreSQL takes the partial index even before it has statistics, as after pg_restore: of a
# range it expects few rows.
_SET = "BETWEEN 0 AND 9223372036854775807"

SNAPSHOT = f"""
SELECT 'jobs' AS name, state AS label, count(*) AS number, sum(CASE WHEN due_ms <= $1 THEN 1 ELSE 0 END) AS due,
       NULL AS words
  FROM job WHERE due_ms {_SET} GROUP BY state
UNION ALL
SELECT 'commands', '', count(*), sum(CASE WHEN due_ms <= $1 THEN 1 ELSE 0 END), NULL
  FROM intake WHERE due_ms {_SET}
UNION ALL
SELECT 'progress', '', count(*), sum(CASE WHEN due_ms <= $1 THEN 1 ELSE 0 END), NULL
  FROM progress WHERE due_ms {_SET}
UNION ALL
SELECT 'callbacks', '', count(*), 0, NULL FROM callback_body
UNION ALL
SELECT 'set aside', 'jobs', count(*), 0, NULL FROM job WHERE set_aside_ms {_SET}
UNION ALL
SELECT 'set aside', 'commands', count(*), 0, NULL FROM intake WHERE set_aside_ms {_SET}
UNION ALL
SELECT 'set aside', 'callbacks', count(*), 0, NULL FROM callback_body WHERE set_aside_ms {_SET}
UNION ALL
SELECT 'leases', 'posts', count(*), 0, NULL
  FROM job WHERE state IN ('finished', 'uncollected', 'failed') AND due_ms > $1 AND due_ms <= $2
   AND claimed_by IS NOT NULL
UNION ALL
SELECT 'leases', 'commands', count(*), 0, NULL
  FROM intake WHERE due_ms > $1 AND due_ms <= $2 AND claimed_by IS NOT NULL
UNION ALL
SELECT 'leases', 'progress', count(*), 0, NULL
  FROM progress WHERE due_ms > $1 AND due_ms <= $2 AND claimed_by IS NOT NULL
UNION ALL
SELECT 'leases', 'callbacks', count(*), 0, NULL
  FROM callback_body WHERE due_ms > $1 AND due_ms <= $2 AND claimed_by IS NOT NULL
UNION ALL
SELECT 'leases', 'shards', count(*), 0, NULL FROM shard WHERE until_ms > $1 AND owner IS NOT NULL
UNION ALL
SELECT 'since', 'jobs', (SELECT coalesce(continued_ms, accepted_ms) FROM job WHERE state = 'accepted'
                          ORDER BY coalesce(continued_ms, accepted_ms), id LIMIT 1), 0, NULL
UNION ALL
SELECT 'since', 'callbacks', (SELECT received_ms FROM callback WHERE id = (
                                  SELECT min(callback_id) FROM callback_body WHERE set_aside_ms IS NULL)), 0, NULL
UNION ALL
SELECT 'submissions', '', coalesce(sum(submissions), 0), 0, NULL FROM spending WHERE day = $3
UNION ALL
SELECT 'memo', name, 0, 0, value FROM memo WHERE name IN ($4, $5, $6)
"""  # noqa: S608  # made of constants

LAST_CALLBACK = "SELECT max(received_ms) AS received_ms FROM callback WHERE job_id = $1 AND received_ms <= $2"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`jobs` by state: those with work left, so of the ended ones only those whose end is still to be posted.

    `due`: how many of the jobs in a state, of the commands and of the progress messages wait for a worker now.
    `leases` and `set_aside` by kind. `memos` by name, as far as they are there.
    """

    jobs: dict[str, int] = {}
    due: dict[str, int] = {}
    commands: int = 0
    callbacks: int = 0  # still to be applied
    set_aside: dict[str, int] = {}
    leases: dict[str, int] = {}
    oldest_waiting: datetime | None = None
    oldest_callback: datetime | None = None
    submissions: int = 0  # of the day
    memos: dict[str, str] = {}


class Gauges:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def snapshot(
        self, *, now: datetime, leases_until: datetime, day: date, memos: tuple[str, str, str]
    ) -> Snapshot:
        """`leases_until`: a claim cannot last longer. `memos`: the names of those to read."""
        rows = await self._connection.fetch_all(SNAPSHOT, to_ms(now), to_ms(leases_until), day.isoformat(), *memos)
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            if row["number"] is not None:
                found.setdefault(row["name"], {})[row["label"]] = int(row["number"])
        set_aside, since = found["set aside"], found.get("since", {})
        return Snapshot(
            jobs=found.get("jobs", {}),
            due={
                str(row["label"] or row["name"]): int(row["due"] or 0)
                for row in rows
                if row["name"] in {"jobs", "commands", "progress"}
            },
            commands=found["commands"][""],
            callbacks=found["callbacks"][""] - set_aside["callbacks"],
            set_aside=set_aside,
            leases=found["leases"],
            oldest_waiting=from_ms(since.get("jobs")),
            oldest_callback=from_ms(since.get("callbacks")),
            submissions=found["submissions"][""],
            memos={str(row["label"]): str(row["words"]) for row in rows if row["name"] == "memo"},
        )

    async def last_callback(self, job_id: str, *, before: datetime) -> datetime | None:
        """When the job's last callback until then arrived."""
        row = await self._connection.fetch_one(LAST_CALLBACK, job_id, to_ms(before))
        return from_ms(row["received_ms"]) if row else None
