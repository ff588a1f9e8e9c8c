"""Progress messages that are behind their jobs: one row per job whose message may still change."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.progress import OutdatedProgress, QueuedJob
from storage.engines.base import Connection
from storage.values import from_ms, to_ms

ADD = "INSERT INTO progress (job_id, version, due_ms) VALUES ($1, 1, $2) ON CONFLICT (job_id) DO NOTHING"

# An earlier due time stays. No message is due while a worker has it, or faster than its pace.
TOUCH = """
UPDATE progress
   SET version = version + 1,
       due_ms = CASE WHEN due_ms <= $2 THEN due_ms WHEN not_before_ms > $2 THEN not_before_ms ELSE $2 END
 WHERE job_id = $1
"""

RANK = """
UPDATE progress
   SET version = version + 1, queue_band = $3,
       due_ms = CASE WHEN due_ms <= $2 THEN due_ms WHEN not_before_ms > $2 THEN not_before_ms ELSE $2 END
 WHERE job_id = $1 AND (queue_band IS NULL OR queue_band <> $3)
"""

CLAIM_DUE = """
UPDATE progress SET due_ms = $2, not_before_ms = $2, claimed_by = $4
 WHERE job_id IN (SELECT job_id FROM progress WHERE due_ms <= $1 ORDER BY due_ms, job_id LIMIT $3)
RETURNING job_id, version, failures
"""

# A change since then is shown next, at the message's pace.
SHOWN = """
UPDATE progress
   SET queue_band = $3, due_ms = CASE WHEN version = $2 THEN CAST($4 AS BIGINT) ELSE CAST($5 AS BIGINT) END,
       not_before_ms = $5, failures = 0, claimed_by = NULL
 WHERE job_id = $1 AND claimed_by = $6
RETURNING job_id
"""

PUT_OFF = """
UPDATE progress SET due_ms = $2, not_before_ms = $2, failures = $3, claimed_by = NULL
 WHERE job_id = $1 AND claimed_by = $4
RETURNING job_id
"""

REMOVE = "DELETE FROM progress WHERE job_id = $1 AND claimed_by = $2 RETURNING job_id"

CLAIMED_UNTIL = "SELECT due_ms FROM progress WHERE job_id = $1 AND claimed_by = $2"

# Even a message that was final: a late edit may have covered its end.
SHOW_AGAIN = """
INSERT INTO progress (job_id, version, due_ms)
SELECT id, 1, CAST($2 AS BIGINT) FROM job WHERE id = $1
ON CONFLICT (job_id) DO UPDATE
   SET version = progress.version + 1,
       due_ms = CASE WHEN progress.due_ms <= $2 THEN progress.due_ms
                     WHEN progress.not_before_ms > $2 THEN progress.not_before_ms ELSE $2 END
"""

# Even before it is due, but not while somebody is editing it.
TAKE = """
UPDATE progress SET due_ms = $3, not_before_ms = $3, claimed_by = $4
 WHERE job_id = $1 AND (claimed_by IS NULL OR due_ms <= $2)
RETURNING job_id
"""

IS_THERE = "SELECT job_id FROM progress WHERE job_id = $1"

GIVE_BACK = (
    "UPDATE progress SET due_ms = $3, not_before_ms = NULL, claimed_by = NULL WHERE job_id = $1 AND claimed_by = $2"
)

RELEASE_ALL = """
UPDATE progress SET due_ms = $2, not_before_ms = NULL, claimed_by = NULL
 WHERE due_ms > $2 AND claimed_by = $1
RETURNING job_id
"""

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM progress WHERE due_ms IS NOT NULL"

QUEUE_HEAD = """
SELECT job.id AS job_id, progress.queue_band AS queue_band
  FROM job LEFT JOIN progress ON progress.job_id = job.id
 WHERE job.state = 'accepted'
 ORDER BY job.turn, job.seat LIMIT $1
"""

HASTEN = "UPDATE progress SET due_ms = $1, not_before_ms = $1 WHERE due_ms > $1"

# After a restart, members waiting for music read that nothing was lost.
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
        """Note a change that the member can see. Does nothing once the message is final."""
        await self._connection.execute(TOUCH, job_id, to_ms(at))

    async def touch_at_provider(self, *, at: datetime) -> None:
        """Refresh the messages of all jobs at the provider."""
        await self._connection.execute(TOUCH_AT_PROVIDER, to_ms(at))

    async def rank(self, bands: Mapping[str, int], *, at: datetime) -> None:
        """Refresh the messages of these waiting jobs, each with its new band."""
        rows = [(job_id, to_ms(at), band) for job_id, band in bands.items()]
        await self._connection.execute_many(RANK, rows)

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[OutdatedProgress]:
        """Claim messages that are behind their jobs, the longest overdue first; they are `owner`'s until `until`."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit, owner)
        return [
            OutdatedProgress(job_id=str(row["job_id"]), version=int(row["version"]), failures=int(row["failures"]))
            for row in rows
        ]

    async def claimed_until(self, job_id: str, *, owner: str) -> datetime | None:
        """When the owner's claim on the message runs out; None if it is no longer this owner's."""
        row = await self._connection.fetch_one(CLAIMED_UNTIL, job_id, owner)
        return None if row is None else from_ms(row["due_ms"])

    async def shown(
        self,
        outdated: OutdatedProgress,
        *,
        owner: str,
        queue_band: int | None,
        again_at: datetime | None,
        next_edit_at: datetime,
    ) -> bool:
        """Note that the message shows the job as of `outdated.version`, and end the claim.

        It is due again at `again_at` (None: at the next change), but not before `next_edit_at`. False, and nothing is
        written, if the claim is no longer this owner's.
        """
        due_at = None if again_at is None else max(again_at, next_edit_at)
        parameters = (outdated.job_id, outdated.version, queue_band, to_ms(due_at), to_ms(next_edit_at), owner)
        return await self._connection.fetch_one(SHOWN, *parameters) is not None

    async def put_off(self, outdated: OutdatedProgress, *, owner: str, until: datetime) -> bool:
        """Try again at `until`, whatever changes before; `outdated.failures` is stored. False as in `shown`."""
        parameters = (outdated.job_id, to_ms(until), outdated.failures, owner)
        return await self._connection.fetch_one(PUT_OFF, *parameters) is not None

    async def remove(self, job_id: str, *, owner: str) -> bool:
        """Note that the message is final. False as in `shown`."""
        return await self._connection.fetch_one(REMOVE, job_id, owner) is not None

    async def show_again(self, job_id: str, *, at: datetime) -> None:
        """Make the message due, even if it was final."""
        await self._connection.execute(SHOW_AGAIN, job_id, to_ms(at))

    async def take(self, job_id: str, *, owner: str, now: datetime, until: datetime) -> bool:
        """Claim one message, due or not; False while somebody else has it. A final one is free."""
        if await self._connection.fetch_one(TAKE, job_id, to_ms(now), to_ms(until), owner) is not None:
            return True
        return await self._connection.fetch_one(IS_THERE, job_id) is None

    async def give_back(self, job_id: str, *, owner: str, at: datetime) -> None:
        """End the claim that `take` made; the message is due at once."""
        await self._connection.execute(GIVE_BACK, job_id, owner, to_ms(at))

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every message due that this owner was editing, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))

    async def queue_head(self, *, limit: int) -> Sequence[QueuedJob]:
        """The next `limit` jobs by turn, each with the band that its message names."""
        rows = await self._connection.fetch_all(QUEUE_HEAD, limit)
        return [
            QueuedJob(
                job_id=str(row["job_id"]), shown_band=None if row["queue_band"] is None else int(row["queue_band"])
            )
            for row in rows
        ]
