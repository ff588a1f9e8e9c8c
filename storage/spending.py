"""How much may have cost credits, by UTC day and server."""

from datetime import date

from bot.domain.spending import Spent
from storage.engines.base import Connection, Row

ADD = """
INSERT INTO spending (day, guild_id, submissions, lyrics, timed_lyrics) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (day, guild_id) DO UPDATE
   SET submissions = spending.submissions + excluded.submissions, lyrics = spending.lyrics + excluded.lyrics,
       timed_lyrics = spending.timed_lyrics + excluded.timed_lyrics
"""

OF_DAY = """
SELECT coalesce(sum(submissions), 0) AS submissions, coalesce(sum(lyrics), 0) AS lyrics,
       coalesce(sum(timed_lyrics), 0) AS timed_lyrics
  FROM spending WHERE day = $1
"""

OF_GUILD = "SELECT submissions, lyrics, timed_lyrics FROM spending WHERE day = $1 AND guild_id = $2"

_DIRECT_MESSAGES = 0


class Spending:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, guild_id: int | None, *, day: date, submissions: int = 0, lyrics: int = 0, timed_lyrics: int = 0
    ) -> None:
        """Add so many to that day; -1 takes back one that turned out to have started nothing."""
        guild = guild_id or _DIRECT_MESSAGES
        await self._connection.execute(ADD, day.isoformat(), guild, submissions, lyrics, timed_lyrics)

    async def of_day(self, day: date) -> Spent:
        """All of that day."""
        return _spent(await self._connection.fetch_one(OF_DAY, day.isoformat()))

    async def of_guild(self, guild_id: int | None, *, day: date) -> Spent:
        """What was for one server on that day."""
        return _spent(await self._connection.fetch_one(OF_GUILD, day.isoformat(), guild_id or _DIRECT_MESSAGES))


def _spent(row: Row | None) -> Spent:
    if row is None:
        return Spent()
    return Spent(submissions=int(row["submissions"]), lyrics=int(row["lyrics"]), timed_lyrics=int(row["timed_lyrics"]))
