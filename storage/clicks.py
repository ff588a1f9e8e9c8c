"""Clicks of a moment ago, so that a double click does one thing."""

from datetime import datetime

from bot.domain.clicks import Click, Standing
from storage.engines.base import Connection
from storage.values import to_ms

FORGET = "DELETE FROM click WHERE at_ms <= $1"

# Two clicks may be written down in the other order than their times were taken. Only a time that is later by more than
# the rest shows that the clock was set back.
BEGIN = """
INSERT INTO click (message_id, member_id, action, interaction_id, at_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (message_id, member_id, action) DO UPDATE
   SET interaction_id = excluded.interaction_id, at_ms = excluded.at_ms
 WHERE click.interaction_id <> excluded.interaction_id AND (click.at_ms <= $6 OR click.at_ms > $7)
RETURNING at_ms
"""

BEGUN = "SELECT interaction_id FROM click WHERE message_id = $1 AND member_id = $2 AND action = $3"


class Clicks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, click: Click, action: str, *, at: datetime, since: datetime) -> Standing:
        """Note the click, unless the member did the same since `since` or another process has this very click."""
        await self._connection.execute(FORGET, to_ms(since))
        key = (click.message_id, click.member_id, action)
        values = (*key, click.interaction_id, to_ms(at), to_ms(since), to_ms(at + (at - since)))
        if await self._connection.fetch_one(BEGIN, *values) is not None:
            return Standing.FIRST
        begun = await self._connection.fetch_one(BEGUN, *key)
        is_same = begun is not None and int(begun["interaction_id"]) == click.interaction_id
        return Standing.ELSEWHERE if is_same else Standing.DOUBLE
