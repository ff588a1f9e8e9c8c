"""Songs: the jobs that were made from each other's messages."""

from bot.domain.jobs import Job
from storage.engines.base import Connection
from storage.jobs import Jobs

OF_SONG = "SELECT * FROM job WHERE coalesce(song_id, id) = $1 ORDER BY accepted_ms, id LIMIT $2"


class Songs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs = Jobs(connection)

    async def jobs(self, song_id: str, *, limit: int) -> list[Job]:
        """The jobs of a song with their tracks, oldest first, in whatever state they are."""
        return await self._jobs.read(await self._connection.fetch_all(OF_SONG, song_id, limit))
