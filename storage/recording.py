"""The SQL that writes many callbacks at once.

Each statement takes many rows: SQLite gives up the interpreter for every row that a statement of its own writes, and a
busy event loop gives it back slowly.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

import msgspec

from storage.engines.base import Value
from storage.values import to_ms

POWERS = range(6)  # of two: so many rows in a statement

# An unknown token selects no job; a repeat violates the unique (job_id, digest). The first selection tells PostgreSQL
# the types of the parameters; it is empty because ids begin at 1.
_RECORD = """
INSERT INTO callback (id, job_id, digest, received_ms)
SELECT given.id, job.id, given.digest, given.received_ms
  FROM (SELECT id, digest, received_ms, job_id AS token, id AS room FROM callback WHERE id = 0 {given}) AS given
 CROSS JOIN job
 WHERE job.callback_token = given.token
   AND (SELECT count(*) FROM callback WHERE callback.job_id = job.id) < given.room
ON CONFLICT (job_id, digest) DO NOTHING
"""

_ADD_BODIES = "INSERT INTO callback_body (callback_id, body) VALUES {given}"


class CallbackToRecord(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    body: bytes
    at: datetime

    @property
    def digest(self) -> bytes:
        return sha256(self.body).digest()


def in_statements(
    numbered: Sequence[tuple[int, CallbackToRecord]],
) -> Iterator[tuple[int, Sequence[tuple[int, CallbackToRecord]]]]:
    """Divide into powers of two, so that few statements are ever prepared: each power, and its rows."""
    start = 0
    while start < len(numbered):
        power = min((len(numbered) - start).bit_length() - 1, POWERS[-1])
        yield power, numbered[start : start + (1 << power)]
        start += 1 << power


def _placeholders(row: int, columns: int) -> str:
    return ", ".join(f"${row * columns + column}" for column in range(1, columns + 1))


def _given(power: int, *, columns: int, each: str, between: str) -> str:
    return between.join(each.format(_placeholders(row, columns)) for row in range(1 << power))


RECORD = [_RECORD.format(given=_given(power, columns=5, each="UNION ALL SELECT {}", between=" ")) for power in POWERS]
"""By the power of two; `recorded` gives the parameters."""
ADD_BODIES = [_ADD_BODIES.format(given=_given(power, columns=2, each="({})", between=", ")) for power in POWERS]
"""By the power of two. Parameters: each row's id and body."""


def recorded(numbered: Sequence[tuple[int, CallbackToRecord]], *, most_per_job: int) -> list[Value]:
    """The parameters of `RECORD`: each row's id, digest, time, token, and how many callbacks its job may have."""
    values: list[Value] = []
    same: Counter[str] = Counter()
    for number, each in numbered:
        values += (number, each.digest, to_ms(each.at), each.token, most_per_job - same[each.token])
        same[each.token] += 1
    return values
