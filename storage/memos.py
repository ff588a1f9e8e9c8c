"""Single values stored under a name, such as the digest of the announced commands."""

from storage.engines.base import Connection

GET = "SELECT value FROM memo WHERE name = $1"

PUT = """
INSERT INTO memo (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class Memos:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, name: str) -> str | None:
        row = await self._connection.fetch_one(GET, name)
        return None if row is None else str(row["value"])

    async def put(self, name: str, value: str) -> None:
        await self._connection.execute(PUT, name, value)
