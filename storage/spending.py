"""How many submissions may have cost credits, by UTC day and server."""

from datetime import date

from storage.engines.base import Connection

ADD = """
INSERT INTO spending (day, guild_id, submissions) VALUES ($1, $2, $3)
ON CONFLICT (day, guild_id) DO UPDATE SET submissions = spending.submissions + excluded.submissions
"""

OF_DAY = "SELECT coalesce(sum(submissions), 0) AS submissions FROM spending WHERE day = $1"

OF_GUILD = "SELECT submissions FROM spending WHERE day = $1 AND guild_id = $2"

_DIRECT_MESSAGES = 0


class Spending:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, guild_id: int | None, *, day: date, submissions: int) -> None:
        """Add `submissions` to that day; -1 takes back one that turned out to have started nothing."""
        await self._connection.execute(ADD, day.isoformat(), guild_id or _DIRECT_MESSAGES, submissions)

    async def of_day(self, day: date) -> int:
        """All submissions of that day."""
        row = await self._connection.fetch_one(OF_DAY, day.isoformat())
        return int(row["submissions"]) if row else 0

    async def of_guild(self, guild_id: int | None, *, day: date) -> int:
        """The submissions of one server on that day."""
        row = await self._connection.fetch_one(OF_GUILD, day.isoformat(), guild_id or _DIRECT_MESSAGES)
        return int(row["submissions"]) if row else 0
