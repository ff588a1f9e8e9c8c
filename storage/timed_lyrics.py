"""When each line of a take is sung: what was asked about, once, and what the provider said."""

import logging
from datetime import date

import msgspec

from bot.domain.timed_lyrics import TimedLine, TimedLyrics
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_json, to_ms

log = logging.getLogger(__name__)

ADD = """
INSERT INTO timed_lyrics (job_id, track_id, member_id, day, asked_ms, lines) VALUES ($1, $2, $3, $4, $5, $6)
"""

ANSWERED = "UPDATE timed_lyrics SET lines = $3 WHERE job_id = $1 AND track_id = $2"

WITHDRAW = "DELETE FROM timed_lyrics WHERE job_id = $1 AND track_id = $2 AND asked_ms = $3 RETURNING track_id"

OF_JOB = "SELECT * FROM timed_lyrics WHERE job_id = $1 ORDER BY asked_ms, track_id"

COUNT_OF_DAY = "SELECT count(*) AS count FROM timed_lyrics WHERE member_id = $1 AND day = $2"


class TimedLinesPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question. Later fields need a default."""

    lines: tuple[TimedLine, ...]


class TimedLyricsKept:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, asked: TimedLyrics) -> None:
        """Write down that this is asked now. Only inside the transaction that found it was not asked before."""
        await self._connection.execute(
            ADD,
            asked.job_id,
            asked.track_id,
            asked.member_id,
            asked.day.isoformat(),
            to_ms(asked.asked_at),
            None if asked.lines is None else to_json(TimedLinesPayload(lines=asked.lines)),
        )

    async def answered(self, asked: TimedLyrics, lines: tuple[TimedLine, ...]) -> None:
        await self._connection.execute(ANSWERED, asked.job_id, asked.track_id, to_json(TimedLinesPayload(lines=lines)))

    async def withdraw(self, asked: TimedLyrics) -> bool:
        """It was refused, and cost nothing; False if that is written down already."""
        row = await self._connection.fetch_one(WITHDRAW, asked.job_id, asked.track_id, to_ms(asked.asked_at))
        return row is not None

    async def of_job(self, job_id: str) -> list[TimedLyrics]:
        """What was asked about its tracks. What this release cannot read counts as without a clear answer."""
        return [_read(row) for row in await self._connection.fetch_all(OF_JOB, job_id)]

    async def count(self, member_id: int, *, day: date) -> int:
        """How many of them count for the member on that day."""
        row = await self._connection.fetch_one(COUNT_OF_DAY, member_id, day.isoformat())
        return int(row["count"]) if row else 0


_PAYLOADS = msgspec.json.Decoder(TimedLinesPayload)


def _read(row: Row) -> TimedLyrics:
    lines = None
    if row["lines"] is not None:
        try:
            lines = _PAYLOADS.decode(row["lines"]).lines
        except msgspec.MsgspecError as error:
            log.error("the times of track %s cannot be read by this version (%s)", row["track_id"], error)  # noqa: TRY400
    return TimedLyrics(
        job_id=row["job_id"],
        track_id=row["track_id"],
        member_id=int(row["member_id"]),
        day=date.fromisoformat(row["day"]),
        asked_at=from_ms(int(row["asked_ms"])),
        lines=lines,
    )
