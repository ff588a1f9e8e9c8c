"""Which progress messages are behind their jobs: one row for each job whose message may still change."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.progress import OutdatedProgress, QueuedJob
from storage.database import Connection
from storage.values import from_ms, to_ms

ADD = "INSERT INTO progress (job_id, version, due_ms) VALUES ($1, 1, $2) ON CONFLICT (job_id) DO NOTHING"

TOUCH = """
UPDATE progress SET version = version + 1, due_ms = CASE WHEN due_ms < $2 THEN due_ms ELSE $2 END
 WHERE job_id = $1
"""

CLAIM_DUE = """
UPDATE progress SET lease_ms = $2
 WHERE job_id IN (SELECT job_id FROM progress
                   WHERE due_ms <= $1 AND (lease_ms IS NULL OR lease_ms <= $1)
                   ORDER BY due_ms, job_id LIMIT $3)
RETURNING job_id, version
"""

# A change that came in the meantime is shown next, at the pace of one message.
SHOWN = """
UPDATE progress SET queue_band = $3, lease_ms = NULL, due_ms = CASE WHEN version = $2 THEN $4 ELSE $5 END
 WHERE job_id = $1
"""

PUT_OFF = "UPDATE progress SET due_ms = $2, lease_ms = NULL WHERE job_id = $1"

REMOVE = "DELETE FROM progress WHERE job_id = $1"

NEXT_DUE = """
SELECT min(CASE WHEN lease_ms > due_ms THEN lease_ms ELSE due_ms END) AS due_ms FROM progress WHERE due_ms IS NOT NULL
"""

QUEUE_HEAD = """
SELECT job.id AS job_id, progress.queue_band AS queue_band
  FROM job JOIN progress ON progress.job_id = job.id
 WHERE job.state = 'accepted'
 ORDER BY job.turn, job.seat LIMIT $1
"""

HASTEN = """
UPDATE progress SET due_ms = CASE WHEN due_ms > $1 THEN $1 ELSE due_ms END, lease_ms = NULL
 WHERE due_ms > $1 OR lease_ms > $1
"""

# After a restart members who wait for music read that nothing was lost.
TOUCH_AT_PROVIDER = """
UPDATE progress SET version = version + 1, due_ms = $1
 WHERE job_id IN (SELECT id FROM job WHERE state IN ('submitting', 'running', 'overdue') AND due_ms IS NOT NULL)
"""


class ProgressMessages:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, job_id: str, *, at: datetime) -> None:
        await self._connection.execute(ADD, job_id, to_ms(at))

    async def touch(self, job_id: str, *, at: datetime) -> None:
        """The job changed in a way that its member can see. Does nothing once the message has reached its end."""
        await self._connection.execute(TOUCH, job_id, to_ms(at))

    async def touch_at_provider(self, *, at: datetime) -> None:
        """Show all jobs that the provider works on anew."""
        await self._connection.execute(TOUCH_AT_PROVIDER, to_ms(at))

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> list[OutdatedProgress]:
        """Messages behind their jobs, now claimed until `until`."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit)
        return [OutdatedProgress(job_id=str(row["job_id"]), version=int(row["version"])) for row in rows]

    async def shown(
        self, outdated: OutdatedProgress, *, queue_band: int | None, again_at: datetime | None, next_edit_at: datetime
    ) -> None:
        """The message is as the job was at `outdated.version`.

        It is due again at `again_at` (None: at the next change); if the job has changed since, at `next_edit_at`.
        """
        await self._connection.execute(
            SHOWN, outdated.job_id, outdated.version, queue_band, to_ms(again_at), to_ms(next_edit_at)
        )

    async def put_off(self, job_id: str, *, until: datetime) -> None:
        await self._connection.execute(PUT_OFF, job_id, to_ms(until))

    async def remove(self, job_id: str) -> None:
        """The message will not change any more."""
        await self._connection.execute(REMOVE, job_id)

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until` that is due later."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))

    async def queue_head(self, *, limit: int) -> Sequence[QueuedJob]:
        """The next `limit` jobs in the order of their turns, each with the band that its message names."""
        rows = await self._connection.fetch_all(QUEUE_HEAD, limit)
        return [
            QueuedJob(
                job_id=str(row["job_id"]), shown_band=None if row["queue_band"] is None else int(row["queue_band"])
            )
            for row in rows
        ]
