"""Orders of lyrics: written down before anything is sent, and claimed by whoever works on them."""

import logging
from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from bot.domain.jobs import Failure, Place, WaitReason
from bot.domain.lyrics import LyricsOrder, LyricsState, Version
from bot.domain.source import SourceChoice
from storage.callback_tokens import known_among
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_json, to_ms

log = logging.getLogger(__name__)

ADD = """
INSERT INTO lyrics_order (id, state, member_id, payload, made_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO NOTHING
"""

SAVE = """
UPDATE lyrics_order SET state = $2, day = $3, callback_token = $4, task_id = $5, payload = $6, due_ms = $7,
       claimed_by = NULL
 WHERE id = $1
"""

GET = "SELECT * FROM lyrics_order WHERE id = $1"

BY_TOKEN = "SELECT * FROM lyrics_order WHERE callback_token = $1"  # noqa: S105  # no password

KNOWN_AMONG = """
SELECT callback_token FROM lyrics_order
 WHERE callback_token IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""

BY_TASK = "SELECT id FROM lyrics_order WHERE task_id = $1"

LATEST = """
SELECT * FROM lyrics_order WHERE member_id = $1 AND state <> 'offered' ORDER BY made_ms DESC, id DESC LIMIT 1
"""

COUNT_OF_DAY = "SELECT count(*) AS count FROM lyrics_order WHERE member_id = $1 AND day = $2"

COUNT_TRIED = """
SELECT count(*) AS count FROM lyrics_order WHERE member_id = $1 AND made_ms > $2 AND state <> 'offered'
"""

CLAIM_DUE = """
UPDATE lyrics_order SET due_ms = $2, claimed_by = $3
 WHERE id IN (SELECT id FROM lyrics_order WHERE due_ms <= $1 ORDER BY due_ms, id LIMIT 1)
RETURNING *
"""

IS_OWNED = "SELECT id FROM lyrics_order WHERE id = $1 AND claimed_by = $2"

RELEASE_ALL = """
UPDATE lyrics_order SET claimed_by = NULL, due_ms = $2 WHERE due_ms > $2 AND claimed_by = $1 RETURNING id
"""

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM lyrics_order WHERE due_ms IS NOT NULL"

HASTEN = "UPDATE lyrics_order SET due_ms = $1 WHERE due_ms > $1"

FORGET = """
DELETE FROM lyrics_order
 WHERE id IN (SELECT id FROM lyrics_order WHERE made_ms < $1 AND due_ms IS NULL ORDER BY made_ms, id LIMIT $2)
RETURNING id
"""


class LyricsPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What of an order has no column. Later fields need a default."""

    idea: str
    source: SourceChoice | None = None
    place: Place | None = None
    named_task_id: str | None = None
    named_later: tuple[str, ...] = ()
    hastened_at: datetime | None = None
    ordered_at: datetime | None = None
    sent_at: datetime | None = None
    waits_for: WaitReason | None = None
    outcome_unknown: bool = False
    attempts: int = 0
    versions: tuple[Version, ...] = ()
    failure: Failure | None = None
    told_at: datetime | None = None


class LyricsOrders:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, order: LyricsOrder) -> None:
        """Write down an offer; once, whoever makes it."""
        await self._connection.execute(
            ADD, order.id, order.state, order.member_id, _payload(order), to_ms(order.made_at)
        )

    async def save(self, order: LyricsOrder) -> None:
        """Write all that can change, and end any claim. Only inside the transaction that read it."""
        await self._connection.execute(
            SAVE,
            order.id,
            order.state,
            None if order.day is None else order.day.isoformat(),
            order.callback_token,
            order.task_id,
            _payload(order),
            to_ms(order.due_at),
        )

    async def get(self, order_id: str) -> LyricsOrder | None:
        """None also for what this release cannot read."""
        return _read(await self._connection.fetch_one(GET, order_id))

    async def by_token(self, token: str) -> LyricsOrder | None:
        return _read(await self._connection.fetch_one(BY_TOKEN, token))

    async def known_tokens(self, tokens: Sequence[str]) -> set[str]:
        """Those of `tokens` that belong to an order."""
        return await known_among(self._connection, KNOWN_AMONG, tokens)

    async def task_is_taken(self, task_id: str, *, by_other_than: str) -> bool:
        rows = await self._connection.fetch_all(BY_TASK, task_id)
        return any(row["id"] != by_other_than for row in rows)

    async def latest(self, member_id: int) -> LyricsOrder | None:
        """The member's newest one that was agreed to."""
        return _read(await self._connection.fetch_one(LATEST, member_id))

    async def count(self, member_id: int, *, day: date) -> int:
        """How many of them count for the member on that day."""
        row = await self._connection.fetch_one(COUNT_OF_DAY, member_id, day.isoformat())
        return int(row["count"]) if row else 0

    async def tried(self, member_id: int, *, since: datetime) -> int:
        """How many the member has agreed to that were offered since then, whatever came of them."""
        row = await self._connection.fetch_one(COUNT_TRIED, member_id, to_ms(since))
        return int(row["count"]) if row else 0

    async def claim_due(self, *, now: datetime, until: datetime, owner: str) -> LyricsOrder | None:
        """The one that has been due longest, now `owner`'s until then."""
        return _read(await self._connection.fetch_one(CLAIM_DUE, to_ms(now), to_ms(until), owner))

    async def is_owned(self, order_id: str, *, owner: str) -> bool:
        return await self._connection.fetch_one(IS_OWNED, order_id, owner) is not None

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make everything due that this owner has claimed, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None else from_ms(row["due_ms"])

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def forget(self, *, made_before: datetime, limit: int) -> int:
        """Remove old ones to which nothing is owed; returns their number."""
        return len(await self._connection.fetch_all(FORGET, to_ms(made_before), limit))


def _payload(order: LyricsOrder) -> str:
    return to_json(
        LyricsPayload(
            idea=order.idea,
            source=order.source,
            place=order.place,
            named_task_id=order.named_task_id,
            named_later=order.named_later,
            hastened_at=order.hastened_at,
            ordered_at=order.ordered_at,
            sent_at=order.sent_at,
            waits_for=order.waits_for,
            outcome_unknown=order.outcome_unknown,
            attempts=order.attempts,
            versions=order.versions,
            failure=order.failure,
            told_at=order.told_at,
        )
    )


_PAYLOADS = msgspec.json.Decoder(LyricsPayload)


def _read(row: Row | None) -> LyricsOrder | None:
    if row is None:
        return None
    try:
        payload = _PAYLOADS.decode(row["payload"])
        return LyricsOrder(
            id=row["id"],
            member_id=int(row["member_id"]),
            made_at=from_ms(int(row["made_ms"])),
            state=LyricsState(row["state"]),
            day=None if row["day"] is None else date.fromisoformat(row["day"]),
            callback_token=row["callback_token"],
            task_id=row["task_id"],
            due_at=from_ms(row["due_ms"]),
            **{name: getattr(payload, name) for name in LyricsPayload.__struct_fields__},
        )
    except (LookupError, ValueError, TypeError, msgspec.MsgspecError) as error:
        log.error("lyrics %s cannot be read by this version (%s)", row["id"], type(error).__name__)  # noqa: TRY400
        return None
