"""Callbacks as they came: recorded once each, applied later, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.callbacks import CallbackEntry, Recorded
from storage.connection import Connection
from storage.values import from_ms, to_ms

CALLBACKS_PER_JOB = 64
"""More are not stored: a task has three regular callbacks, and whoever knows a token must not fill the disk."""

PENDING = "SELECT id, job_id, body, received_ms FROM callback WHERE applied_ms IS NULL ORDER BY id LIMIT $1"

MARK_APPLIED = "UPDATE callback SET applied_ms = $2, body = NULL WHERE id = $1 AND applied_ms IS NULL"

# Read inside a writing transaction, where no other process can add one.
NEWEST_ID = "SELECT coalesce(max(id), 0) AS id FROM callback"

# An unknown token selects no job; a repeat meets the unique (job_id, digest).
RECORD = """
INSERT INTO callback (id, job_id, digest, body, received_ms)
SELECT $1, job.id, $2, $3, $4 FROM job
 WHERE job.callback_token = $5 AND (SELECT count(*) FROM callback WHERE callback.job_id = job.id) < $6
ON CONFLICT (job_id, digest) DO NOTHING
"""

ADDED_AFTER = "SELECT id FROM callback WHERE id > $1"

# Fewer than 16 are filled up by repeating one.
KNOWN_AMONG = """
SELECT callback_token FROM job
 WHERE callback_token IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_ASKED_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackToRecord:
    token: str
    digest: bytes
    body: bytes
    at: datetime


class Inbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def pending(self, *, limit: int) -> list[CallbackEntry]:
        rows = await self._connection.fetch_all(PENDING, limit)
        return [
            CallbackEntry(
                id=int(row["id"]),
                job_id=str(row["job_id"]),
                body=bytes(row["body"]),
                received_at=from_ms(int(row["received_ms"])),
            )
            for row in rows
        ]

    async def mark_applied(self, entry_id: int, *, at: datetime) -> None:
        """Its body is forgotten, its digest kept."""
        await self._connection.execute(MARK_APPLIED, entry_id, to_ms(at))

    async def record(self, batch: Sequence[CallbackToRecord]) -> list[Recorded]:
        """Write callbacks down, in their order; what became of each. Only inside a transaction."""
        newest = await self._newest_id()
        await self._connection.execute_many(
            RECORD,
            [
                (number, entry.digest, entry.body, to_ms(entry.at), entry.token, CALLBACKS_PER_JOB)
                for number, entry in enumerate(batch, newest + 1)
            ],
        )
        added = {int(row["id"]) for row in await self._connection.fetch_all(ADDED_AFTER, newest)}
        left = {entry.token for number, entry in enumerate(batch, newest + 1) if number not in added}
        known = await self._known(sorted(left))
        return [
            Recorded.NEW if number in added else Recorded.REPEAT if entry.token in known else Recorded.UNKNOWN
            for number, entry in enumerate(batch, newest + 1)
        ]

    async def _newest_id(self) -> int:
        row = await self._connection.fetch_one(NEWEST_ID)
        return int(row["id"]) if row else 0

    async def _known(self, tokens: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(tokens), _ASKED_AT_ONCE):
            asked = list(tokens[start : start + _ASKED_AT_ONCE])
            asked += [asked[0]] * (_ASKED_AT_ONCE - len(asked))
            known.update(str(row["callback_token"]) for row in await self._connection.fetch_all(KNOWN_AMONG, *asked))
        return known
