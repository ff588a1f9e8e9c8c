"""Jobs that `Send again` is sending or has just sent: one row per job, for a minute or so."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.sending import Sending
from storage.engines.base import Connection, Row
from storage.values import from_ms, to_ms

FORGET = "DELETE FROM sending WHERE until_ms <= $1"

OF_MEMBER = "SELECT * FROM sending WHERE member_id = $1 ORDER BY job_id"

BEGIN = """
INSERT INTO sending (job_id, member_id, claimed_by, until_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (job_id) DO UPDATE
   SET claimed_by = excluded.claimed_by, until_ms = excluded.until_ms, sent_ms = NULL
"""

RENEW = "UPDATE sending SET until_ms = $3 WHERE job_id = $1 AND claimed_by = $2 RETURNING job_id"

SENT = """
INSERT INTO sending (job_id, member_id, until_ms, sent_ms, guild_id, channel_id, message_id, is_answer)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (job_id) DO UPDATE
   SET claimed_by = NULL, until_ms = excluded.until_ms, sent_ms = excluded.sent_ms, guild_id = excluded.guild_id,
       channel_id = excluded.channel_id, message_id = excluded.message_id, is_answer = excluded.is_answer
"""

END = "DELETE FROM sending WHERE job_id = $1 AND claimed_by = $2"


class Sendings:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def forget(self, *, until: datetime) -> None:
        """Remove those whose claim or rest has ended by then."""
        await self._connection.execute(FORGET, to_ms(until))

    async def of_member(self, member_id: int) -> Sequence[Sending]:
        return [_sending(row) for row in await self._connection.fetch_all(OF_MEMBER, member_id)]

    async def begin(self, job_id: str, *, member_id: int, owner: str, until: datetime) -> None:
        await self._connection.execute(BEGIN, job_id, member_id, owner, to_ms(until))

    async def renew(self, job_id: str, *, owner: str, until: datetime) -> bool:
        """Keep the claim until then; False if it is no longer this owner's."""
        return await self._connection.fetch_one(RENEW, job_id, owner, to_ms(until)) is not None

    async def sent(self, sending: Sending) -> None:
        """Note where the message is, even if somebody else has the claim by now."""
        await self._connection.execute(
            SENT,
            sending.job_id,
            sending.member_id,
            to_ms(sending.until),
            to_ms(sending.sent_at),
            sending.guild_id,
            sending.channel_id,
            sending.message_id,
            int(sending.is_answer),
        )

    async def end(self, job_id: str, *, owner: str) -> None:
        """End the claim: nothing was sent."""
        await self._connection.execute(END, job_id, owner)


def _sending(row: Row) -> Sending:
    return Sending(
        job_id=row["job_id"],
        member_id=row["member_id"],
        until=from_ms(int(row["until_ms"])),
        sent_at=from_ms(row["sent_ms"]),
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        is_answer=bool(row["is_answer"]),
    )
