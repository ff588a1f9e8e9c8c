"""Commands as they came, until they became a job or were refused."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from bot.domain.jobs import ClaimedIntake, Intake
from bot.domain.text import Text
from storage.engines.base import Connection, Row, Value
from storage.sentences import sentences_from, stored_sentences
from storage.values import from_ms, to_ms

log = logging.getLogger(__name__)

WRITER = "the one who wrote it down"
"""The first owner of each command, until it is acknowledged: one task, as an interaction is written down once."""

# The primary key makes each interaction happen once, in whichever process. A member's next command is for the round
# after that of the last one that is still open; anybody else joins the present round.
CLAIM = """
INSERT INTO intake (interaction_id, payload, due_ms, claimed_by, member_id, turn)
SELECT $1, $2, $3, $4, $5, coalesce(
       (SELECT max(turn) + 1 FROM intake WHERE member_id = $5 AND due_ms IS NOT NULL),
       (SELECT min(turn) FROM intake WHERE due_ms IS NOT NULL),
       0)
 WHERE true
ON CONFLICT (interaction_id) DO NOTHING
RETURNING interaction_id
"""

# Like a finished command: nothing is left to do.
TAKE_ONCE = """
INSERT INTO intake (interaction_id) VALUES ($1) ON CONFLICT (interaction_id) DO NOTHING RETURNING interaction_id
"""

# The row stays, so that the interaction cannot be taken again; its token and links go.
FINISH = """
UPDATE intake SET payload = NULL, refusal = NULL, due_ms = NULL
 WHERE interaction_id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL
RETURNING interaction_id
"""

RENEW = """
UPDATE intake SET due_ms = $3
 WHERE interaction_id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL
RETURNING interaction_id
"""

HAND_OVER = """
UPDATE intake SET claimed_by = NULL, due_ms = $3
 WHERE interaction_id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL
RETURNING interaction_id
"""

# No worker has it yet: from then on, it has an owner.
UNDO = """
UPDATE intake SET payload = NULL, refusal = NULL, due_ms = NULL
 WHERE interaction_id = $1 AND member_id = $2 AND claimed_by IS NULL AND due_ms IS NOT NULL
RETURNING interaction_id
"""

BRING_FORWARD = """
UPDATE intake SET due_ms = $2
 WHERE interaction_id = $1 AND claimed_by IS NULL AND due_ms > $2
RETURNING interaction_id
"""

IS_OPEN = "SELECT interaction_id FROM intake WHERE interaction_id = $1 AND due_ms IS NOT NULL"

REMEMBER = """
UPDATE intake SET payload = $3
 WHERE interaction_id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL
RETURNING interaction_id
"""

REFUSE = """
UPDATE intake SET refusal = $3
 WHERE interaction_id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL
RETURNING interaction_id
"""

# Members take turns, as in the queue of jobs. One that is due and has an owner was left by it. A member's further
# command, beside one that this owner has in hand, waits while the owner has $5 of those. The plus keeps SQLite on the
# index of turns, of which it reads a few rows, however many commands wait.
CLAIM_DUE = """
UPDATE intake
   SET due_ms = $2, claimed_by = $4, was_claimed = CASE WHEN claimed_by IS NULL THEN 0 ELSE 1 END
 WHERE interaction_id IN (SELECT interaction_id FROM intake
                           WHERE due_ms IS NOT NULL AND +due_ms <= $1
                             AND (CAST($5 AS BIGINT) IS NULL
                                  OR (SELECT count(*) - count(DISTINCT member_id) FROM intake
                                       WHERE due_ms > $1 AND claimed_by = $4) < $5
                                  OR NOT EXISTS (SELECT 1 FROM intake AS held
                                                  WHERE held.member_id = intake.member_id
                                                    AND held.due_ms > $1 AND held.claimed_by = $4))
                           ORDER BY turn, interaction_id LIMIT $3)
RETURNING interaction_id, payload, due_ms, was_claimed, refusal
"""

OPEN_OF_MEMBER = "SELECT count(*) AS commands FROM intake WHERE member_id = $1 AND due_ms IS NOT NULL"

# Their owner is kept, so that the next one knows that they were begun.
RELEASE_ALL = "UPDATE intake SET due_ms = $2 WHERE claimed_by = $1 AND due_ms > $2 RETURNING interaction_id"

HASTEN = "UPDATE intake SET due_ms = $1 WHERE due_ms > $1"

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM intake WHERE due_ms IS NOT NULL"

SET_ASIDE = "UPDATE intake SET set_aside_ms = $2, due_ms = NULL WHERE interaction_id = $1"

# A new release may be able to read what the last one could not.
TAKE_UP_AGAIN = """
UPDATE intake SET set_aside_ms = NULL, due_ms = $1 WHERE set_aside_ms IS NOT NULL
RETURNING interaction_id
"""

ALL_SET_ASIDE = """
SELECT interaction_id FROM intake WHERE set_aside_ms IS NOT NULL ORDER BY set_aside_ms, interaction_id LIMIT $1
"""


class Intakes:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, intake: Intake) -> bool:
        """Write the command down, for its writer to have; False when its interaction was written down before."""
        place = intake.place
        row = await self._connection.fetch_one(
            CLAIM, place.interaction_id, _payload(intake), to_ms(intake.due_at), WRITER, place.member_id
        )
        return row is not None

    async def take_once(self, interaction_id: int) -> bool:
        """Note that this interaction is carried out; False if that was noted before."""
        return await self._connection.fetch_one(TAKE_ONCE, interaction_id) is not None

    async def open_of(self, member_id: int) -> int:
        """How many of the member's commands are still on their way to becoming a job or a refusal."""
        row = await self._connection.fetch_one(OPEN_OF_MEMBER, member_id)
        return int(row["commands"]) if row else 0

    async def hand_over(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Its writer leaves it to the workers; False if one of them took it over before."""
        return await self._owned(HAND_OVER, interaction_id, WRITER, to_ms(due_at))

    async def withdraw(self, interaction_id: int) -> bool:
        """Its writer finishes it; False if a worker took it over before."""
        return await self.finish(interaction_id, owner=WRITER)

    async def undo(self, interaction_id: int, *, member_id: int) -> bool:
        """Finish a member's command that waits for a worker; False if one has it, or it is finished already."""
        return await self._connection.fetch_one(UNDO, interaction_id, member_id) is not None

    async def bring_forward(self, interaction_id: int, *, due_at: datetime) -> bool:
        """Make a command that waits for a worker due earlier; False if it doesn't wait any more, or not for so long."""
        return await self._connection.fetch_one(BRING_FORWARD, interaction_id, to_ms(due_at)) is not None

    async def is_open(self, interaction_id: int) -> bool:
        """Whether somebody is still to make a job of it."""
        return await self._connection.fetch_one(IS_OPEN, interaction_id) is not None

    async def claim_due(
        self, *, now: datetime, until: datetime, limit: int, owner: str, further: int | None = None
    ) -> list[ClaimedIntake]:
        """Oldest first, by Discord's ids, which grow with time. What this release cannot read is set aside.

        `further`: how many commands the owner may have in hand beyond one of each member; None for any number.
        """
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit, owner, further)
        claimed = []
        for row in sorted(rows, key=_interaction_id):
            if (command := _read(row)) is not None:
                claimed.append(command)
            else:
                await self._connection.execute(SET_ASIDE, row["interaction_id"], to_ms(now))
        return claimed

    async def renew(self, interaction_id: int, *, owner: str, until: datetime) -> bool:
        """Keep the claim until then; False where it is no longer this owner's, or the command is finished."""
        return await self._owned(RENEW, interaction_id, owner, to_ms(until))

    async def remember(self, intake: Intake, *, owner: str) -> bool:
        """Write down what is known of the command by now; False as in `renew`, and nothing is written."""
        return await self._owned(REMEMBER, intake.place.interaction_id, owner, _payload(intake))

    async def refuse(self, interaction_id: int, sentences: Sequence[Text], *, owner: str) -> bool:
        """From now on it can only be refused, with these words; False as in `renew`, and nothing is written."""
        return await self._owned(REFUSE, interaction_id, owner, stored_sentences(sentences))

    async def finish(self, interaction_id: int, *, owner: str) -> bool:
        """It became a job or was refused; its secrets are forgotten. False as in `renew`: nothing is written."""
        return await self._owned(FINISH, interaction_id, owner)

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every command due that this owner has claimed; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))

    async def all_set_aside(self, *, limit: int) -> list[int]:
        """The interactions of the commands set aside, the longest set aside first."""
        rows = await self._connection.fetch_all(ALL_SET_ASIDE, limit)
        return [_interaction_id(row) for row in rows]

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every command that was set aside due again; how many there were."""
        return len(await self._connection.fetch_all(TAKE_UP_AGAIN, to_ms(at)))

    async def _owned(self, sql: str, interaction_id: int, owner: str, *parameters: Value) -> bool:
        """Run a statement that changes an open command of this owner's, and nothing else."""
        return await self._connection.fetch_one(sql, interaction_id, owner, *parameters) is not None


def _interaction_id(row: Row) -> int:
    return int(row["interaction_id"])


def _payload(intake: Intake) -> str:
    """JSON in which NaN and infinity survive until a rule refuses them: as null they would count as not given."""
    return json.dumps(msgspec.to_builtins(intake))


def _read(row: Row) -> ClaimedIntake | None:
    """None for what a later release wrote in a way that this one does not know, or for damage."""
    try:
        intake = msgspec.convert(json.loads(row["payload"]), Intake)
        refusal = () if row["refusal"] is None else sentences_from(row["refusal"])
    except (LookupError, ValueError, TypeError, msgspec.MsgspecError) as error:
        log.error("command %s cannot be read by this version (%s)", row["interaction_id"], type(error).__name__)  # noqa: TRY400
        return None
    return ClaimedIntake(
        intake=replace(intake, due_at=from_ms(int(row["due_ms"]))),
        was_claimed=bool(row["was_claimed"]),
        refusal=refusal,
    )
