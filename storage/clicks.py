"""Clicks of a moment ago, so that a double click does one thing."""

from datetime import datetime

from storage.engines.base import Connection
from storage.values import to_ms

FORGET = "DELETE FROM click WHERE at_ms <= $1"

# A time later than now shows that the clock was set back.
BEGIN = """
INSERT INTO click (message_id, member_id, action, at_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (message_id, member_id, action) DO UPDATE SET at_ms = excluded.at_ms
 WHERE click.at_ms <= $5 OR click.at_ms > excluded.at_ms
RETURNING at_ms
"""


class Clicks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, message_id: int, member_id: int, action: str, *, at: datetime, since: datetime) -> bool:
        """Note the click; False if the member did the same since `since`, as a double click does."""
        await self._connection.execute(FORGET, to_ms(since))
        row = await self._connection.fetch_one(BEGIN, message_id, member_id, action, to_ms(at), to_ms(since))
        return row is not None
