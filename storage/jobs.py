"""Jobs, and the queue in which they wait.

The queue is a round table. In each round (`turn`) every member is served once, in the order in which they sat down
(`seat`). A member's new job goes into the round after that of the member's last one. A member with nothing in the
present round or later takes a new seat at its end. So thirty waiting jobs of one member delay another's by one at
most, and a member who comes straight back after each job overtakes nobody twice.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.jobs import Job, JobState, WaitReason
from storage.engines.base import Connection, Row, Value
from storage.job_rows import UNREADABLE, changeable_values, fixed_values, job_from, tell_unreadable
from storage.tracks import Tracks
from storage.values import from_ms, to_ms

log = logging.getLogger(__name__)

USUAL_OF_LATEST = 50
_MILLISECOND = timedelta(milliseconds=1)

INSERT = """
INSERT INTO job (
    turn, seat,
    id, application_id, interaction_id, guild_id, channel_id, member_id, locale, private, received_ms,
    request, continue_at, source_kind, source_name, source, callback_token, accepted_ms,
    source_choice, parent_job_id, parent_track_id, song_id,
    state, stage, interaction_token, source_url, task_id, outcome_unknown, failure, submitted_ms, heard_ms,
    finished_ms, ended_ms, attempts, due_ms, progress_message_id, final_message_id, final_channel_id, notified_ms,
    named_task_id, waits_for, post_tried_ms, final_guild_id, final_is_answer, continued_ms
) VALUES (
    $1, $2,
    $3, $4, $5, $6, $7, $8, $9, $10, $11,
    $12, $13, $14, $15, $16, $17, $18,
    $19, $20, $21, $22,
    $23, $24, $25, $26, $27, $28, $29, $30, $31,
    $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45
)
"""

TAKE_SEAT = "UPDATE queue SET seats = seats + 1 WHERE id = 1 RETURNING turn, seats"

# A cancelled job took nobody's turn.
LAST_TURN = """
SELECT turn, seat FROM job
 WHERE member_id = $1 AND state <> 'cancelled'
 ORDER BY turn DESC LIMIT 1
"""

# A job that was set aside and has moved on, such as by a callback, is set aside no longer.
SAVE = """
UPDATE job
   SET state = $2, stage = $3, interaction_token = $4, source_url = $5, task_id = $6, outcome_unknown = $7,
       failure = $8, submitted_ms = $9, heard_ms = $10, finished_ms = $11, ended_ms = $12, attempts = $13,
       due_ms = $14, progress_message_id = $15, final_message_id = $16, final_channel_id = $17, notified_ms = $18,
       named_task_id = $19, waits_for = $20, post_tried_ms = $21, final_guild_id = $22, final_is_answer = $23,
       continued_ms = $24, set_aside_ms = CASE WHEN state = $2 THEN set_aside_ms END,
       failures = CASE WHEN state = $2 THEN failures ELSE 0 END
 WHERE id = $1
RETURNING id
"""

GET = "SELECT * FROM job WHERE id = $1"

BY_INTERACTION = "SELECT * FROM job WHERE interaction_id = $1"

# $3 is the first text after all that begin with the prefix.
BY_PREFIX = """
SELECT * FROM job
 WHERE member_id = $1 AND id >= $2 AND id < $3
 ORDER BY accepted_ms DESC, id DESC LIMIT 1
"""

# The roundabout condition keeps SQLite on the index of turns, of which it reads a few rows, however many jobs wait.
CLAIM_TURN = """
UPDATE job SET state = 'submitting', submitted_ms = NULL, due_ms = $2
 WHERE id = (SELECT id FROM job
              WHERE state = 'accepted' AND set_aside_ms IS NULL AND NOT (due_ms IS NULL OR due_ms > $1)
              ORDER BY turn, seat LIMIT 1)
RETURNING *
"""

# A job that was put back keeps its turn, which may lie behind the queue's.
ADVANCE_QUEUE = "UPDATE queue SET turn = $1 WHERE id = 1 AND turn < $1"

# The last parameters are the states wanted; fewer are filled up by repeating one.
CLAIM_DUE = """
UPDATE job SET due_ms = $2, claimed_by = $4
 WHERE id IN (SELECT id FROM job
               WHERE state IN ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AND due_ms <= $1
               ORDER BY due_ms, id LIMIT $3)
RETURNING *
"""

NEXT_DUE = """
SELECT min(due_ms) AS due_ms FROM job
 WHERE state IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AND due_ms IS NOT NULL
"""

QUEUE_POSITION = """
SELECT (SELECT count(*) FROM job AS other
         WHERE other.state = 'accepted' AND (other.turn, other.seat) <= (mine.turn, mine.seat)) AS position
  FROM job AS mine
 WHERE mine.id = $1 AND mine.state = 'accepted'
"""

NEXT_SEAT = "SELECT turn, seats + 1 AS seats FROM queue WHERE id = 1"

AHEAD = """
SELECT count(*) AS number
  FROM (SELECT id FROM job WHERE state = 'accepted' AND (turn, seat) < ($1, $2) ORDER BY turn, seat LIMIT $3) AS line
"""

FIRST_IN_LINE_WAIT_FOR = "SELECT waits_for FROM job WHERE state = 'accepted' ORDER BY turn, seat LIMIT $1"

# The states are those of the index `job_live`, word for word.
LIVE = """
SELECT * FROM job
 WHERE state IN ('accepted', 'submitting', 'running', 'overdue', 'finished', 'uncollected', 'on_hold')
 ORDER BY accepted_ms, id
"""

OLDEST_WAITING = """
SELECT * FROM job WHERE state = 'accepted'
 ORDER BY coalesce(continued_ms, accepted_ms), id LIMIT 1
"""

OF_MEMBER = "SELECT * FROM job WHERE member_id = $1 ORDER BY accepted_ms DESC, id DESC LIMIT $2"

CANCELLABLE = """
SELECT * FROM job
 WHERE member_id = $1 AND state = 'accepted'
 ORDER BY turn DESC LIMIT $2
"""

# One that ended before it began did so because the clock was set back meanwhile.
LATEST_DURATIONS = """
SELECT finished_ms - submitted_ms AS duration_ms FROM job
 WHERE finished_ms IS NOT NULL AND submitted_ms IS NOT NULL AND finished_ms > submitted_ms
 ORDER BY finished_ms DESC LIMIT $1
"""


HASTEN = "UPDATE job SET due_ms = $1 WHERE due_ms > $1"


# Even before it is due, but not while somebody is editing it.
CLAIM = """
UPDATE job SET due_ms = $3, claimed_by = $4
 WHERE id = $1 AND state = $5 AND due_ms IS NOT NULL AND (claimed_by IS NULL OR due_ms <= $2)
RETURNING *
"""

# By key and without reading the row, which may be one that this release cannot read.
RENEW = "UPDATE job SET due_ms = $3 WHERE id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL RETURNING id"

RELEASE = "UPDATE job SET claimed_by = NULL WHERE id = $1 AND claimed_by = $2 AND due_ms IS NOT NULL RETURNING id"

RELEASE_ALL = """
UPDATE job SET claimed_by = NULL, due_ms = $2
 WHERE state IN ('finished', 'uncollected', 'failed') AND due_ms > $2 AND claimed_by = $1
RETURNING id
"""

PUT_OFF = "UPDATE job SET due_ms = $3, failures = $4 WHERE id = $1 AND state = $2 AND due_ms IS NOT NULL"

SUCCEEDED = "UPDATE job SET failures = 0 WHERE id = $1"

SET_ASIDE = "UPDATE job SET set_aside_ms = $3, due_ms = NULL WHERE id = $1 AND state = $2"

# A new release may be able to read what the last one could not.
TAKE_UP_AGAIN = """
UPDATE job SET set_aside_ms = NULL, due_ms = $1, failures = 0 WHERE set_aside_ms IS NOT NULL
RETURNING id
"""

ALL_SET_ASIDE = "SELECT id FROM job WHERE set_aside_ms IS NOT NULL ORDER BY set_aside_ms, id LIMIT $1"

# The lower bounds of the ends lead to an index.
STARTED_SINCE = """
SELECT id FROM job WHERE ended_ms > $1 AND submitted_ms > $1 AND task_id IS NOT NULL
UNION ALL
SELECT id FROM job
 WHERE state IN ('accepted', 'submitting', 'running', 'overdue', 'finished', 'uncollected', 'on_hold')
   AND submitted_ms > $1 AND task_id IS NOT NULL
LIMIT 1
"""

TASK_IS_TAKEN = "SELECT id FROM job WHERE task_id = $1 AND id <> $2 LIMIT 1"

# At $2, or $3 after it was last hastened. Further ahead than that, the clock was set back meanwhile.
_NOW, _REST = "CAST($2 AS BIGINT)", "CAST($3 AS BIGINT)"
_HASTENED = (
    f"CASE WHEN hastened_ms BETWEEN {_NOW} - {_REST} AND {_NOW} + {_REST} THEN hastened_ms + {_REST} ELSE {_NOW} END"
)

_HASTEN_UNCOLLECTED = f"""
UPDATE job SET due_ms = {_HASTENED}, hastened_ms = {_HASTENED}
 WHERE state = 'uncollected' AND due_ms > {_HASTENED} AND claimed_by IS NULL
"""  # noqa: S608  # made of constants

HASTEN_UNCOLLECTED = _HASTEN_UNCOLLECTED + "AND guild_id = $1 RETURNING id"

HASTEN_UNCOLLECTED_OF = _HASTEN_UNCOLLECTED + "AND member_id = $1 RETURNING id"

HAS_UNCOLLECTED = "SELECT id FROM job WHERE state = 'uncollected' AND member_id = $1 LIMIT 1"


class Jobs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tracks = Tracks(connection)

    async def insert(self, job: Job) -> None:
        """Add an accepted job and give it its turn. Only inside a transaction.

        Raises:
            Conflict: its id, its interaction or its callback token is there already.
        """
        turn, seat = await self._turn_after(TAKE_SEAT, job.place.member_id)
        await self._connection.execute(INSERT, turn, seat, *fixed_values(job), *changeable_values(job))
        await self._tracks.save(job)

    async def get(self, job_id: str) -> Job | None:
        return await self._one(GET, job_id)

    async def by_interaction(self, interaction_id: int) -> Job | None:
        return await self._one(BY_INTERACTION, interaction_id)

    async def by_prefix(self, member_id: int, prefix: str) -> Job | None:
        """The member's newest job whose id begins so."""
        return await self._one(BY_PREFIX, member_id, prefix, prefix + chr(0x10FFFF))

    async def save(self, job: Job) -> None:
        """Write the changeable fields and add or change the tracks. Only inside the transaction that read the job.

        Tracks are taken away by `Tracks.forget` alone. An accepted job keeps its turn.

        Raises:
            LookupError: there is no such job.
        """
        if await self._connection.fetch_one(SAVE, job.id, *changeable_values(job)) is None:
            raise LookupError(f"no job {job.short_id} to save")
        await self._tracks.save(job)

    async def claim(self, job_id: str, state: JobState, *, now: datetime, until: datetime, owner: str) -> Job | None:
        """Claim a job that waits in `state`, due or not; None where somebody is at work on it, or it is elsewhere."""
        return await self._one(CLAIM, job_id, to_ms(now), to_ms(until), owner, state)

    async def renew(self, job_id: str, *, owner: str, until: datetime) -> bool:
        """Keep the claim on a job until then; False where it is no longer this owner's."""
        return await self._connection.fetch_one(RENEW, job_id, owner, to_ms(until)) is not None

    async def release(self, job_id: str, *, owner: str) -> bool:
        """End the claim, in the transaction that writes the outcome; False if it is no longer this owner's."""
        return await self._connection.fetch_one(RELEASE, job_id, owner) is not None

    async def release_all(self, owner: str, *, at: datetime) -> int:
        """Make every job due that this owner was about to post, and end its claims; returns their number."""
        return len(await self._connection.fetch_all(RELEASE_ALL, owner, to_ms(at)))

    async def put_off(self, job_id: str, state: JobState, *, until: datetime, failures: int) -> None:
        """Look at the job again then, after so many failures in a row, unless it has left `state`."""
        await self._connection.execute(PUT_OFF, job_id, state, to_ms(until), failures)

    async def succeeded(self, job_id: str) -> None:
        """The job's failures no longer count."""
        await self._connection.execute(SUCCEEDED, job_id)

    async def set_aside(self, job_id: str, state: str, *, at: datetime) -> None:
        """No worker looks at the job until `take_up_again` or some other change, unless it has left `state` already."""
        await self._connection.execute(SET_ASIDE, job_id, state, to_ms(at))

    async def all_set_aside(self, *, limit: int) -> list[str]:
        """Their ids, the longest set aside first."""
        return [str(row["id"]) for row in await self._connection.fetch_all(ALL_SET_ASIDE, limit)]

    async def take_up_again(self, *, at: datetime) -> int:
        """Make every job that was set aside due again; how many there were."""
        return len(await self._connection.fetch_all(TAKE_UP_AGAIN, to_ms(at)))

    async def task_is_taken(self, task_id: str, *, by_other_than: str) -> bool:
        """Whether another job already has this task of the provider's."""
        return await self._connection.fetch_one(TASK_IS_TAKEN, task_id, by_other_than) is not None

    async def hasten_uncollected(self, guild_id: int, *, at: datetime, every: timedelta) -> bool:
        """A channel of this server may be open again; whether anything waited for that. Each job once in `every`."""
        parameters = (guild_id, to_ms(at), every // _MILLISECOND)
        return bool(await self._connection.fetch_all(HASTEN_UNCOLLECTED, *parameters))

    async def hasten_uncollected_of(self, member_id: int, *, at: datetime, every: timedelta) -> bool:
        """The same for a member whose direct messages may be open again."""
        parameters = (member_id, to_ms(at), every // _MILLISECOND)
        return bool(await self._connection.fetch_all(HASTEN_UNCOLLECTED_OF, *parameters))

    async def has_uncollected(self, member_id: int) -> bool:
        return await self._connection.fetch_one(HAS_UNCOLLECTED, member_id) is not None

    async def any_started_since(self, at: datetime) -> bool:
        """Whether the provider has taken a job that was submitted after `at`."""
        return await self._connection.fetch_one(STARTED_SINCE, to_ms(at)) is not None

    async def oldest_waiting(self) -> Job | None:
        """The accepted job that has waited longest."""
        return await self._one(OLDEST_WAITING)

    async def claim_turn(self, *, now: datetime, until: datetime) -> Job | None:
        """The accepted job that is due and whose turn it is, now `submitting`, not sent yet, due at `until`."""
        row = await self._connection.fetch_one(CLAIM_TURN, to_ms(now), to_ms(until))
        if row is None:
            return None
        await self._connection.execute(ADVANCE_QUEUE, row["turn"])
        return next(iter(await self._claimed([row], now=now)), None)

    async def claim_due(
        self, states: Sequence[JobState], *, now: datetime, until: datetime, limit: int, owner: str | None = None
    ) -> list[Job]:
        """Those that have been due longest, in the order of their acceptance; their `due_at` is now `until`.

        They are `owner`'s until released; None for a look that nobody has to finish.
        """
        if not states:
            return []
        parameters = (to_ms(now), to_ms(until), limit, owner, *_padded(states))
        rows = await self._connection.fetch_all(CLAIM_DUE, *parameters)
        return await self._claimed(sorted(rows, key=lambda row: (row["accepted_ms"], row["id"])), now=now)

    async def hasten(self, *, until: datetime) -> None:
        """Nothing is due later than `until` any more. What is claimed stays its owner's."""
        await self._connection.execute(HASTEN, to_ms(until))

    async def next_due(self, states: Sequence[JobState]) -> datetime | None:
        if not states:
            return None
        row = await self._connection.fetch_one(NEXT_DUE, *_padded(states))
        return None if row is None else from_ms(row["due_ms"])

    async def queue_position(self, job_id: str) -> int | None:
        """1 for the job that is submitted next; None when it is not waiting."""
        row = await self._connection.fetch_one(QUEUE_POSITION, job_id)
        return None if row is None else int(row["position"])

    async def next_position(self, member_id: int, *, limit: int) -> int:
        """Where in the queue the member's next job would be (1: next in line), at most `limit`."""
        turn, seat = await self._turn_after(NEXT_SEAT, member_id)
        row = await self._connection.fetch_one(AHEAD, turn, seat, limit - 1)
        return 1 + int(row["number"] if row else 0)

    async def first_in_line_wait_for(self, *, limit: int) -> list[WaitReason]:
        """Why the next `limit` jobs wait, as far as it is not simply their turn."""
        rows = await self._connection.fetch_all(FIRST_IN_LINE_WAIT_FOR, limit)
        return [WaitReason(row["waits_for"]) for row in rows if row["waits_for"] is not None]

    async def live(self) -> list[Job]:
        return await self._many(LIVE)

    async def of_member(self, member_id: int, *, limit: int) -> list[Job]:
        return await self._many(OF_MEMBER, member_id, limit)

    async def cancellable(self, member_id: int, *, limit: int) -> list[Job]:
        """The member's jobs that still wait, newest first."""
        return await self._many(CANCELLABLE, member_id, limit)

    async def usual_seconds(self) -> float | None:
        """Median seconds from submission to the finished tracks, over the latest 50 jobs; None before the first."""
        rows = await self._connection.fetch_all(LATEST_DURATIONS, USUAL_OF_LATEST)
        durations = sorted(row["duration_ms"] for row in rows)
        # By hand: importing `statistics` would cost 0.75 MB.
        middle = durations[(len(durations) - 1) // 2 : len(durations) // 2 + 1]
        return sum(middle) / len(middle) / 1000 if middle else None

    async def _turn_after(self, seats: str, member_id: int) -> tuple[int, int]:
        """The turn and seat of the member's next job; `seats` is the query for the next free seat."""
        queue = await self._connection.fetch_one(seats)
        if queue is None:
            raise LookupError("the queue's row is gone")
        last = await self._connection.fetch_one(LAST_TURN, member_id)
        if last is not None and last["turn"] >= queue["turn"]:
            return last["turn"] + 1, last["seat"]
        return queue["turn"], queue["seats"]

    async def _one(self, sql: str, *parameters: Value) -> Job | None:
        jobs = await self._many(sql, *parameters)
        return jobs[0] if jobs else None

    async def _many(self, sql: str, *parameters: Value) -> list[Job]:
        return await self.read(await self._connection.fetch_all(sql, *parameters))

    async def _claimed(self, rows: Sequence[Row], *, now: datetime) -> list[Job]:
        """The jobs of `rows`. One that this release cannot read is set aside, so that it holds up nobody else."""
        jobs = await self.read(rows)
        for row in rows:
            if row["id"] not in {job.id for job in jobs}:
                await self.set_aside(row["id"], row["state"], at=now)
        return jobs

    async def read(self, rows: Sequence[Row]) -> list[Job]:
        """The jobs of `rows`, in that order, with their tracks; without those that this release cannot read."""
        tracks = await self._tracks.rows_of([row["id"] for row in rows])
        return [job for row in rows if (job := _read(row, tracks.get(row["id"], []))) is not None]


def _read(row: Row, tracks: Sequence[Row]) -> Job | None:
    """None for what a later release wrote in a way that this one does not know, or for damage."""
    try:
        return job_from(row, tracks)
    except UNREADABLE as error:
        tell_unreadable(row["id"], error)
        return None


def _padded(states: Sequence[JobState]) -> list[JobState]:
    """As many parameters as there are states, so that the SQL is one constant."""
    wanted = sorted(set(states))
    return wanted + [wanted[0]] * (len(JobState) - len(wanted))
