"""Results that members reported, until the operator was told and for as long as the job is kept."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.complaints import Complaint
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_ms

ADD = """
INSERT INTO complaint (message_id, member_id, job_id, guild_id, channel_id, at_ms) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (message_id, member_id) DO NOTHING
RETURNING message_id
"""

UNTOLD = "SELECT * FROM complaint WHERE told_ms IS NULL ORDER BY at_ms, message_id, member_id LIMIT $1"

TOLD = "UPDATE complaint SET told_ms = $3 WHERE message_id = $1 AND member_id = $2 AND told_ms IS NULL"


class Complaints:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, complaint: Complaint) -> bool:
        """False if the member complained about this message before."""
        row = await self._connection.fetch_one(
            ADD,
            complaint.message_id,
            complaint.member_id,
            complaint.job_id,
            complaint.guild_id,
            complaint.channel_id,
            to_ms(complaint.at),
        )
        return row is not None

    async def untold(self, *, limit: int) -> list[Complaint]:
        """The oldest ones of which the operator has not been told."""
        return [_complaint(row) for row in await self._connection.fetch_all(UNTOLD, limit)]

    async def told(self, complaints: Sequence[Complaint], *, at: datetime) -> None:
        await self._connection.execute_many(TOLD, [(each.message_id, each.member_id, to_ms(at)) for each in complaints])


def _complaint(row: Row) -> Complaint:
    return Complaint(
        message_id=int(row["message_id"]),
        member_id=int(row["member_id"]),
        job_id=str(row["job_id"]),
        guild_id=None if row["guild_id"] is None else int(row["guild_id"]),
        channel_id=int(row["channel_id"]),
        at=from_ms(int(row["at_ms"])),
    )
