"""Callbacks as they came: each recorded once and applied later. Any that cannot be applied is set aside."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.inbox_entry import NEWEST, CallbackEntry, Recorded
from storage.callback_tokens import ASKED_AT_ONCE, known_among
from storage.engines.base import Connection, Row, Value
from storage.recording import ADD_BODIES, RECORD, CallbackToRecord, in_statements, recorded
from storage.values import from_ms, to_ms

CALLBACKS_PER_JOB = 64
"""The most that are stored: a task has three regular callbacks, and a known token must not let anyone fill the disk."""
DENIED_KEPT = timedelta(minutes=1)
"""How long a job without a task keeps callbacks that gave it none, where new ones need their room."""

PENDING = """
SELECT callback.id, job_id, body, received_ms, failures
  FROM callback_body JOIN callback ON callback.id = callback_id
 WHERE callback_id > $1 AND callback_id <= $2 AND set_aside_ms IS NULL
 ORDER BY callback_id LIMIT $3
"""

ENTRY = """
SELECT callback.id, job_id, body, received_ms, failures
  FROM callback_body JOIN callback ON callback.id = callback_id
 WHERE callback_id = $1 AND set_aside_ms IS NULL
"""

MARK_APPLIED = "DELETE FROM callback_body WHERE callback_id = $1"

# Oldest first. One that is due was put off, or left by a process that died.
CLAIM_UNTOUCHED = """
UPDATE callback_body SET claimed_by = $4, due_ms = $3
 WHERE callback_id IN (SELECT callback_id FROM callback_body
                        WHERE callback_id > $1 AND callback_id <= $2 AND due_ms IS NULL AND set_aside_ms IS NULL
                        ORDER BY callback_id LIMIT $5)
RETURNING callback_id AS id, body, failures,
          (SELECT job_id FROM callback WHERE id = callback_id) AS job_id,
          (SELECT received_ms FROM callback WHERE id = callback_id) AS received_ms
"""

CLAIM_DUE = """
UPDATE callback_body SET claimed_by = $3, due_ms = $2
 WHERE callback_id IN (SELECT callback_id FROM callback_body
                        WHERE due_ms <= $1 AND set_aside_ms IS NULL ORDER BY due_ms, callback_id LIMIT $4)
RETURNING callback_id AS id, body, failures,
          (SELECT job_id FROM callback WHERE id = callback_id) AS job_id,
          (SELECT received_ms FROM callback WHERE id = callback_id) AS received_ms
"""

HAS_UNTOUCHED = """
SELECT callback_id FROM callback_body
 WHERE callback_id > $1 AND callback_id <= $2 AND due_ms IS NULL AND set_aside_ms IS NULL
 ORDER BY callback_id LIMIT 1
"""

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM callback_body WHERE due_ms IS NOT NULL"

HASTEN = "UPDATE callback_body SET due_ms = $1 WHERE due_ms > $1"

PUT_OFF = """
UPDATE callback_body SET claimed_by = NULL, due_ms = $3, failures = $4 WHERE callback_id = $1 AND claimed_by = $2
"""

RELEASE_ALL = """
UPDATE callback_body SET claimed_by = NULL, due_ms = $2 WHERE claimed_by = $1 AND due_ms > $2
RETURNING callback_id
"""

SET_ASIDE = """
UPDATE callback_body SET set_aside_ms = $2, reason = $3, claimed_by = NULL, due_ms = NULL, failures = 0
 WHERE callback_id = $1 AND set_aside_ms IS NULL
"""

COUNT_SET_ASIDE = "SELECT count(*) AS count FROM callback_body WHERE set_aside_ms IS NOT NULL"

TAKE_UP_AGAIN = """
UPDATE callback_body SET set_aside_ms = NULL, reason = NULL WHERE set_aside_ms IS NOT NULL RETURNING callback_id
"""

NEWEST_ID = "SELECT newest_id FROM inbox"

# Ids are given in blocks; nobody else gets any until this transaction ends.
TAKE_IDS = "UPDATE inbox SET newest_id = newest_id + $1 RETURNING newest_id"

ADDED_AFTER = "SELECT id FROM callback WHERE id > $1"

KNOWN_AMONG = """
SELECT callback_token FROM job
 WHERE callback_token IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""


KEPT_AMONG = """
SELECT callback_token, digest FROM job JOIN callback ON callback.job_id = job.id
 WHERE callback_token IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
   AND digest IN ($17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)
"""

# A callback that is applied and has left its job without a task was not confirmed.
FORGET_DENIED = """
DELETE FROM callback
 WHERE job_id IN (SELECT id FROM job WHERE callback_token = $1 AND task_id IS NULL) AND received_ms <= $2
   AND NOT EXISTS (SELECT 1 FROM callback_body WHERE callback_id = callback.id)
RETURNING id
"""


class Inbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def record(self, batch: Sequence[CallbackToRecord]) -> list[Recorded]:
        """Write callbacks down in order; the outcome of each. Only inside a transaction."""
        newest = await self._connection.fetch_one(TAKE_IDS, len(batch))
        if newest is None:
            raise LookupError("the inbox's row is gone")
        before = int(newest["newest_id"]) - len(batch)
        numbered = list(enumerate(batch, before + 1))
        added = await self._add(numbered, before)
        left = [(number, each) for number, each in numbered if number not in added]
        known = await self.known_tokens(sorted({each.token for _, each in left}))
        kept = await self._kept(sorted({(each.token, each.digest) for _, each in left if each.token in known}))
        full = [
            (number, each) for number, each in left if each.token in known and (each.token, each.digest) not in kept
        ]
        if await self._make_room([each for _, each in full]):
            added |= await self._add(full, before)

        def outcome(number: int, each: CallbackToRecord) -> Recorded:
            if number in added:
                return Recorded.NEW
            if each.token not in known:
                return Recorded.UNKNOWN
            return Recorded.REPEAT if (each.token, each.digest) in kept else Recorded.FULL

        return [outcome(number, each) for number, each in numbered]

    async def _add(self, numbered: Sequence[tuple[int, CallbackToRecord]], before: int) -> set[int]:
        """Those after `before` that are written down now."""
        for power, some in in_statements(numbered):
            await self._connection.execute(RECORD[power], *recorded(some, most_per_job=CALLBACKS_PER_JOB))
        added = {int(row["id"]) for row in await self._connection.fetch_all(ADDED_AFTER, before)}
        for power, some in in_statements([(number, each) for number, each in numbered if number in added]):
            values: list[Value] = [value for number, each in some for value in (number, each.body)]
            await self._connection.execute(ADD_BODIES[power], *values)
        return added

    async def _kept(self, asked: Sequence[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those tokens and digests that are written down."""
        kept: set[tuple[str, bytes]] = set()
        for start in range(0, len(asked), ASKED_AT_ONCE):
            some = list(asked[start : start + ASKED_AT_ONCE])
            some += [some[0]] * (ASKED_AT_ONCE - len(some))
            rows = await self._connection.fetch_all(
                KEPT_AMONG, *(token for token, _ in some), *(each for _, each in some)
            )
            kept.update((str(row["callback_token"]), bytes(row["digest"])) for row in rows)
        return kept

    async def _make_room(self, full: Sequence[CallbackToRecord]) -> bool:
        """Forget what hides the one true callback of a job without a task; whether there was any."""
        forgotten = 0
        for token, at in {each.token: each.at for each in full}.items():
            forgotten += len(await self._connection.fetch_all(FORGET_DENIED, token, to_ms(at - DENIED_KEPT)))
        return forgotten > 0

    async def known_tokens(self, tokens: Sequence[str]) -> set[str]:
        """Those of `tokens` that belong to a job."""
        return await known_among(self._connection, KNOWN_AMONG, tokens)

    async def newest_id(self) -> int:
        """The last id given; callbacks recorded from now on get higher ones."""
        row = await self._connection.fetch_one(NEWEST_ID)
        return int(row["newest_id"]) if row else 0

    async def pending(self, *, after: int = 0, up_to: int = NEWEST, limit: int) -> list[CallbackEntry]:
        """Pending callbacks with `after` < id <= `up_to`, oldest first."""
        return [_entry(row) for row in await self._connection.fetch_all(PENDING, after, up_to, limit)]

    async def entry(self, entry_id: int) -> CallbackEntry | None:
        """One pending callback; None once it is applied or set aside."""
        row = await self._connection.fetch_one(ENTRY, entry_id)
        return None if row is None else _entry(row)

    async def has_untouched(self, *, after: int = 0, up_to: int = NEWEST) -> bool:
        """Whether there are callbacks with `after` < id <= `up_to` that nobody has claimed yet."""
        return await self._connection.fetch_one(HAS_UNTOUCHED, after, up_to) is not None

    async def claim_untouched(
        self, *, after: int = 0, up_to: int = NEWEST, until: datetime, limit: int, owner: str
    ) -> list[CallbackEntry]:
        """Claim those, oldest first; they are `owner`'s until `until`."""
        rows = await self._connection.fetch_all(CLAIM_UNTOUCHED, after, up_to, to_ms(until), owner, limit)
        return sorted(map(_entry, rows), key=lambda entry: entry.id)

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[CallbackEntry]:
        """Claim those that were put off until now, or whose owner is gone."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), owner, limit)
        return sorted(map(_entry, rows), key=lambda entry: entry.id)

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every callback due that this owner has claimed, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def next_due(self) -> datetime | None:
        """When the next one is due that was put off or is claimed."""
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None else from_ms(row["due_ms"])

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def put_off(self, entry_id: int, *, owner: str, until: datetime, failures: int) -> None:
        """End the claim; the callback is due again at `until`. Does nothing once it is another owner's."""
        await self._connection.execute(PUT_OFF, entry_id, owner, to_ms(until), failures)

    async def mark_applied(self, entry_id: int) -> None:
        """Delete its body; its digest stays, so that a repeat is recognised."""
        await self._connection.execute(MARK_APPLIED, entry_id)

    async def set_aside(self, entry_id: int, *, at: datetime, reason: str) -> None:
        """Keep its body, but never offer it again until `take_up_again`."""
        await self._connection.execute(SET_ASIDE, entry_id, to_ms(at), reason)

    async def count_set_aside(self) -> int:
        row = await self._connection.fetch_one(COUNT_SET_ASIDE)
        return int(row["count"]) if row else 0

    async def take_up_again(self) -> int:
        """Make every callback that was set aside pending again; returns their number."""
        return len(await self._connection.fetch_all(TAKE_UP_AGAIN))


def _entry(row: Row) -> CallbackEntry:
    return CallbackEntry(
        id=int(row["id"]),
        job_id=str(row["job_id"]),
        body=bytes(row["body"]),
        received_at=from_ms(int(row["received_ms"])),
        failures=int(row["failures"]),
    )
