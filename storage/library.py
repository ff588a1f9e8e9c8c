"""Results as members look for them: their own, page by page, and the latest public ones of a server."""

from bot.domain.jobs import Job
from bot.domain.library import Edge, LibraryQuery
from storage.engines.base import Connection
from storage.job_rows import model_pattern, search_pattern
from storage.jobs import Jobs
from storage.values import to_ms

# The page begins beside $2 and $3, a time and the beginning of an id. The rest narrows it: words in title or tags, a
# model, a server (0: any).
_MATCHING = """
   AND job.request LIKE $5 ESCAPE '!'
   AND (CAST($6 AS BIGINT) = 0 OR job.guild_id = $6)
   AND EXISTS (SELECT 1 FROM track WHERE track.job_id = job.id AND track.search_words LIKE $4 ESCAPE '!')
"""

OLDER = f"""
SELECT job.* FROM job
 WHERE job.member_id = $1 AND job.state = 'delivered' AND (job.ended_ms, job.id) < ($2, $3)
{_MATCHING}
 ORDER BY job.ended_ms DESC, job.id DESC LIMIT $7
"""  # noqa: S608  # made of constants

NEWER = f"""
SELECT job.* FROM job
 WHERE job.member_id = $1 AND job.state = 'delivered' AND (job.ended_ms, job.id) > ($2, $3)
{_MATCHING}
 ORDER BY job.ended_ms, job.id LIMIT $7
"""  # noqa: S608  # made of constants

# Words are looked for in so many of the latest results, however many there are.
_LATEST = """
  FROM (SELECT * FROM job
         WHERE guild_id = $1 AND state = 'delivered' AND private = 0
         ORDER BY ended_ms DESC, id DESC LIMIT $2) AS latest
 WHERE EXISTS (SELECT 1 FROM track WHERE track.job_id = latest.id AND track.search_words LIKE $3 ESCAPE '!')
"""

PUBLIC = f"SELECT latest.* {_LATEST} ORDER BY latest.ended_ms DESC, latest.id DESC LIMIT $4"

# As `PUBLIC`, of one channel. A result that reached its member directly still belongs to the channel of its command.
PUBLIC_IN = f"""
SELECT latest.* {_LATEST}
   AND CASE WHEN final_guild_id IS NULL THEN channel_id ELSE coalesce(final_channel_id, channel_id) END = $5
 ORDER BY latest.ended_ms DESC, latest.id DESC LIMIT $4
"""

_LATER_THAN_ALL = 2**62
_AFTER_ALL_IDS = chr(0x10FFFF)


class Library:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs = Jobs(connection)

    async def page(self, member_id: int, query: LibraryQuery, *, edge: Edge | None, limit: int) -> list[Job]:
        """The delivered jobs of the member nearest to `edge`, newest first; None: the newest."""
        is_newer = edge is not None and edge.is_newer
        at_ms, job_id = (_LATER_THAN_ALL, "") if edge is None else (to_ms(edge.at), edge.job_id)
        rows = await self._connection.fetch_all(
            NEWER if is_newer else OLDER,
            member_id,
            at_ms,
            job_id + _AFTER_ALL_IDS if is_newer else job_id,
            search_pattern(query.search),
            model_pattern(query.model),
            query.guild_id or 0,
            limit,
        )
        jobs = await self._jobs.read(rows)
        return jobs[::-1] if is_newer else jobs

    async def public(self, guild_id: int, *, search: str, among: int, limit: int) -> list[Job]:
        """Jobs whose results everyone in the channel could see, newest first, from the latest `among` of the server."""
        found = await self._connection.fetch_all(PUBLIC, guild_id, among, search_pattern(search), limit)
        return await self._jobs.read(found)

    async def public_in(self, guild_id: int, channel_id: int, *, search: str, among: int, limit: int) -> list[Job]:
        """As `public`, in one channel."""
        found = await self._connection.fetch_all(PUBLIC_IN, guild_id, among, search_pattern(search), limit, channel_id)
        return await self._jobs.read(found)
