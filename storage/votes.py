"""Votes for takes, and the messages that show how many there are."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.votes import OutdatedVotes, Vote
from storage.engines.base import Connection, Row, Value
from storage.values import from_ms, to_ms

OF_MEMBER = "SELECT * FROM vote WHERE message_id = $1 AND member_id = $2"

PUT = """
INSERT INTO vote (message_id, member_id, job_id, take, at_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (message_id, member_id) DO UPDATE SET take = excluded.take, at_ms = excluded.at_ms
"""

WITHDRAW = "DELETE FROM vote WHERE message_id = $1 AND member_id = $2"

BELOW = "SELECT take, count(*) AS votes FROM vote WHERE message_id = $1 GROUP BY take"

OF_JOB = "SELECT * FROM vote WHERE job_id = $1 ORDER BY at_ms DESC, message_id, member_id LIMIT $2"

OF_SONG = """
SELECT vote.* FROM job JOIN vote ON vote.job_id = job.id
 WHERE coalesce(job.song_id, job.id) = $1
 ORDER BY vote.at_ms DESC, vote.message_id, vote.member_id LIMIT $2
"""

# An earlier due time stays. No message is due while a worker has it, or faster than its pace.
TOUCH = """
INSERT INTO vote_message (message_id, job_id, channel_id, version, due_ms) VALUES ($1, $2, $3, 1, $4)
ON CONFLICT (message_id) DO UPDATE
   SET version = vote_message.version + 1,
       due_ms = CASE WHEN vote_message.due_ms <= excluded.due_ms THEN vote_message.due_ms
                     WHEN vote_message.not_before_ms > excluded.due_ms THEN vote_message.not_before_ms
                     ELSE excluded.due_ms END
"""

CLAIM_DUE = """
UPDATE vote_message SET due_ms = $2, not_before_ms = $2, claimed_by = $4
 WHERE message_id IN (SELECT message_id FROM vote_message WHERE due_ms <= $1 ORDER BY due_ms, message_id LIMIT $3)
RETURNING message_id, job_id, channel_id, version, failures
"""

CLAIMED_UNTIL = "SELECT due_ms FROM vote_message WHERE message_id = $1 AND claimed_by = $2"

# A vote since then is shown next, at the message's pace.
SHOWN = """
UPDATE vote_message
   SET due_ms = CASE WHEN version = $2 THEN NULL ELSE CAST($3 AS BIGINT) END,
       not_before_ms = $3, failures = 0, claimed_by = NULL
 WHERE message_id = $1 AND claimed_by = $4
RETURNING message_id
"""

PUT_OFF = """
UPDATE vote_message SET due_ms = $2, not_before_ms = $2, failures = $3, claimed_by = NULL
 WHERE message_id = $1 AND claimed_by = $4
RETURNING message_id
"""

# The next vote shows it again.
LEAVE = """
UPDATE vote_message SET due_ms = NULL, not_before_ms = NULL, failures = 0, claimed_by = NULL
 WHERE message_id = $1 AND claimed_by = $2
RETURNING message_id
"""

RELEASE_ALL = """
UPDATE vote_message SET due_ms = $2, not_before_ms = NULL, claimed_by = NULL
 WHERE due_ms > $2 AND claimed_by = $1
RETURNING message_id
"""

NEXT_DUE = "SELECT min(due_ms) AS due_ms FROM vote_message WHERE due_ms IS NOT NULL"

HASTEN = "UPDATE vote_message SET due_ms = $1, not_before_ms = $1 WHERE due_ms > $1"


class Votes:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_member(self, message_id: int, member_id: int) -> Vote | None:
        """The member's vote below this message."""
        row = await self._connection.fetch_one(OF_MEMBER, message_id, member_id)
        return None if row is None else _vote(row)

    async def put(self, vote: Vote) -> None:
        """In place of the member's earlier vote below the same message."""
        await self._connection.execute(PUT, vote.message_id, vote.member_id, vote.job_id, vote.take, to_ms(vote.at))

    async def withdraw(self, message_id: int, member_id: int) -> None:
        await self._connection.execute(WITHDRAW, message_id, member_id)

    async def below(self, message_id: int) -> Mapping[int, int]:
        """How many votes each take has below this message."""
        rows = await self._connection.fetch_all(BELOW, message_id)
        return {int(row["take"]): int(row["votes"]) for row in rows}

    async def of_job(self, job_id: str, *, limit: int) -> list[Vote]:
        """The latest votes below all messages of the job."""
        return [_vote(row) for row in await self._connection.fetch_all(OF_JOB, job_id, limit)]

    async def of_song(self, song_id: str, *, limit: int) -> list[Vote]:
        """The latest votes below all messages of the song's jobs."""
        return [_vote(row) for row in await self._connection.fetch_all(OF_SONG, song_id, limit)]

    async def touch(self, message_id: int, *, job_id: str, channel_id: int, at: datetime) -> None:
        """Note that the message shows other counts than there are."""
        await self._connection.execute(TOUCH, message_id, job_id, channel_id, to_ms(at))

    async def claim_due(self, *, now: datetime, until: datetime, limit: int, owner: str) -> list[OutdatedVotes]:
        """Claim messages with outdated counts, the longest overdue first; they are `owner`'s until `until`."""
        rows = await self._connection.fetch_all(CLAIM_DUE, to_ms(now), to_ms(until), limit, owner)
        return [
            OutdatedVotes(
                message_id=int(row["message_id"]),
                channel_id=int(row["channel_id"]),
                job_id=str(row["job_id"]),
                version=int(row["version"]),
                failures=int(row["failures"]),
            )
            for row in rows
        ]

    async def claimed_until(self, message_id: int, *, owner: str) -> datetime | None:
        """When the owner's claim runs out; None if it is no longer this owner's."""
        row = await self._connection.fetch_one(CLAIMED_UNTIL, message_id, owner)
        return None if row is None else from_ms(row["due_ms"])

    async def shown(self, outdated: OutdatedVotes, *, owner: str, next_edit_at: datetime) -> bool:
        """The message shows the votes as of `outdated.version`; it is not edited again before `next_edit_at`."""
        return await self._owned(SHOWN, outdated.message_id, outdated.version, to_ms(next_edit_at), owner)

    async def put_off(self, outdated: OutdatedVotes, *, owner: str, until: datetime) -> bool:
        """Try again at `until`; `outdated.failures` is stored."""
        return await self._owned(PUT_OFF, outdated.message_id, to_ms(until), outdated.failures, owner)

    async def leave(self, message_id: int, *, owner: str) -> bool:
        """Leave the message as it is until the next vote."""
        return await self._owned(LEAVE, message_id, owner)

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every message due that this owner was editing, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def hasten(self, *, until: datetime) -> None:
        """Make everything due by `until`."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self) -> datetime | None:
        row = await self._connection.fetch_one(NEXT_DUE)
        return None if row is None or row["due_ms"] is None else from_ms(int(row["due_ms"]))

    async def _owned(self, sql: str, *parameters: Value) -> bool:
        """Whether the statement found a claim of this owner's."""
        return await self._connection.fetch_one(sql, *parameters) is not None


def _vote(row: Row) -> Vote:
    return Vote(
        message_id=int(row["message_id"]),
        member_id=int(row["member_id"]),
        job_id=str(row["job_id"]),
        take=int(row["take"]),
        at=from_ms(int(row["at_ms"])),
    )
