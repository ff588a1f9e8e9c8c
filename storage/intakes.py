"""Commands as they came, until they became a job or were refused."""

import json
from dataclasses import replace
from datetime import datetime

import msgspec

from bot.domain.jobs import Intake
from storage.connection import Connection, Row
from storage.values import from_ms, to_ms

# The primary key makes each interaction happen once, in whichever process. A member's next command is for the round
# after that of the last one that is still open; anybody else joins the present round.
CLAIM = """
INSERT INTO intake (interaction_id, payload, due_ms, member_id, turn)
SELECT $1, $2, $3, $4, coalesce(
       (SELECT max(turn) + 1 FROM intake WHERE member_id = $4 AND due_ms IS NOT NULL),
       (SELECT min(turn) FROM intake WHERE due_ms IS NOT NULL),
       0)
 WHERE true
ON CONFLICT (interaction_id) DO NOTHING
RETURNING interaction_id
"""

# The row stays, so that the interaction cannot be taken again; its token and links go.
FINISH = "UPDATE intake SET payload = NULL, due_ms = NULL WHERE interaction_id = $1"

# Only while it is not finished.
RENEW = "UPDATE intake SET due_ms = $2 WHERE interaction_id = $1 AND due_ms IS NOT NULL RETURNING interaction_id"

# A worker that takes a command over moves its due time; until then it belongs to whoever wrote it down.
HAND_OVER = """
UPDATE intake SET due_ms = $3
 WHERE interaction_id = $1 AND due_ms = $2
RETURNING interaction_id
"""

WITHDRAW = """
UPDATE intake SET payload = NULL, due_ms = NULL
 WHERE interaction_id = $1 AND due_ms = $2
RETURNING interaction_id
"""

IS_OPEN = "SELECT interaction_id FROM intake WHERE interaction_id = $1 AND due_ms IS NOT NULL"

REMEMBER = "UPDATE intake SET payload = $2 WHERE interaction_id = $1 AND due_ms IS NOT NULL"

# Members take turns, as in the queue of jobs.
CLAIM_DUE = """
UPDATE intake SET due_ms = $2
 WHERE interaction_id IN (SELECT interaction_id FROM intake
                           WHERE due_ms IS NOT NULL AND due_ms <= $1 ORDER BY turn, interaction_id LIMIT $3)
RETURNING interaction_id, payload, due_ms
"""

OPEN_OF_MEMBER = "SELECT count(*) AS commands FROM intake WHERE member_id = $1 AND due_ms IS NOT NULL"

HASTEN = "UPDATE intake SET due_ms = $1 WHERE due_ms > $1"

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM intake WHERE due_ms IS NOT NULL"


class Intakes:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, intake: Intake) -> bool:
        """Write the command down; False when its interaction was written down before."""
        row = await self._connection.fetch_one(
            CLAIM, intake.place.interaction_id, _payload(intake), to_ms(intake.due_at), intake.place.member_id
        )
        return row is not None

    async def open_of(self, member_id: int) -> int:
        """How many of the member's commands are still on their way to becoming a job or a refusal."""
        row = await self._connection.fetch_one(OPEN_OF_MEMBER, member_id)
        return int(row["commands"]) if row else 0

    async def renew(self, interaction_id: int, *, until: datetime) -> bool:
        """Keep the claim on the command until then; False where it is finished already."""
        return await self._connection.fetch_one(RENEW, interaction_id, to_ms(until)) is not None

    async def hand_over(self, interaction_id: int, *, due_at: datetime, to: datetime) -> bool:
        """Make it due at `to`; False if it is not due at `due_at` any more, because somebody took it over."""
        return await self._connection.fetch_one(HAND_OVER, interaction_id, to_ms(due_at), to_ms(to)) is not None

    async def withdraw(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Finish it; False if it is not due at `due_at` any more, because somebody took it over."""
        return await self._connection.fetch_one(WITHDRAW, interaction_id, to_ms(due_at)) is not None

    async def is_open(self, interaction_id: int) -> bool:
        """Whether somebody is still to make a job of it."""
        return await self._connection.fetch_one(IS_OPEN, interaction_id) is not None

    async def remember(self, intake: Intake) -> None:
        """Write down what is known of the command by now, unless it is finished."""
        await self._connection.execute(REMEMBER, intake.place.interaction_id, _payload(intake))

    async def finish(self, interaction_id: int) -> None:
        await self._connection.execute(FINISH, interaction_id)

    async def claim_due(self, *, now: datetime, until: datetime, limit: int) -> list[Intake]:
        """Oldest first, by Discord's ids, which grow with time."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit)
        return [_intake(row) for row in sorted(rows, key=_interaction_id)]

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))


def _interaction_id(row: Row) -> int:
    return int(row["interaction_id"])


def _payload(intake: Intake) -> str:
    """JSON in which NaN and infinity survive until a rule refuses them: as null they would count as not given."""
    return json.dumps(msgspec.to_builtins(intake))


def _intake(row: Row) -> Intake:
    return replace(msgspec.convert(json.loads(row["payload"]), Intake), due_at=from_ms(int(row["due_ms"])))
