"""The tracks of jobs, and how members find their own."""

from collections.abc import Sequence
from itertools import groupby

from bot.domain.jobs import Job, OwnedTrack
from storage.engines.base import Connection, Row
from storage.job_rows import (
    UNREADABLE,
    owned_track_from,
    search_pattern,
    tell_unreadable,
    title_pattern,
    track_values,
)

SAVE = """
INSERT INTO track (
    job_id, track_id, position, audio_url, stream_url, image_url, title, tags, lyrics, model_name, length_seconds,
    search_words
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (job_id, track_id) DO UPDATE
   SET position = excluded.position, audio_url = excluded.audio_url, stream_url = excluded.stream_url,
       image_url = excluded.image_url, title = excluded.title, tags = excluded.tags, lyrics = excluded.lyrics,
       model_name = excluded.model_name, length_seconds = excluded.length_seconds,
       search_words = excluded.search_words
"""

FORGET = "DELETE FROM track WHERE job_id = $1"

# Up to 16 jobs at once; fewer are filled up by repeating one.
OF_JOBS = """
SELECT * FROM track
 WHERE job_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
 ORDER BY job_id, position, track_id
"""
_JOBS_ASKED = 16

# Only tracks with audio count: another one can neither be continued nor was it posted.
_OWNED = """
SELECT job.*, track.*,
       (SELECT count(*) FROM track AS other
         WHERE other.job_id = track.job_id AND other.audio_url <> '') AS takes,
       (SELECT count(*) FROM track AS other
         WHERE other.job_id = track.job_id AND other.audio_url <> '' AND other.position <= track.position) AS take
"""

OF_MEMBER = (
    _OWNED
    + """
  FROM job JOIN track ON track.job_id = job.id
 WHERE job.member_id = $1 AND job.state = 'delivered' AND track.audio_url <> ''
   AND track.search_words LIKE $2 ESCAPE '!'
 ORDER BY job.ended_ms DESC, job.id DESC, track.position
 LIMIT $3
"""
)

# CROSS JOIN keeps SQLite from walking through all that the member was ever given.
ONE_OF_MEMBER = (
    _OWNED
    + """
  FROM track CROSS JOIN job
 WHERE track.track_id = $2 AND job.id = track.job_id AND job.member_id = $1 AND job.state = 'delivered'
   AND track.audio_url <> ''
 ORDER BY job.ended_ms DESC
 LIMIT 1
"""
)


class Tracks:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def save(self, job: Job) -> None:
        """Add or change the tracks of `job`. Only inside the transaction that saves the job."""
        if job.tracks:
            await self._connection.execute_many(
                SAVE, [track_values(job, position, track) for position, track in enumerate(job.tracks)]
            )

    async def forget(self, job_id: str) -> None:
        """Before others are saved that are to take their place."""
        await self._connection.execute(FORGET, job_id)

    async def rows_of(self, job_ids: Sequence[str]) -> dict[str, list[Row]]:
        """The rows of each job that has any, in the order of their positions."""
        rows: dict[str, list[Row]] = {}
        for start in range(0, len(job_ids), _JOBS_ASKED):
            ids = list(job_ids[start : start + _JOBS_ASKED])
            ids += [ids[0]] * (_JOBS_ASKED - len(ids))
            found = await self._connection.fetch_all(OF_JOBS, *ids)
            rows.update((job_id, list(group)) for job_id, group in groupby(found, key=lambda row: row["job_id"]))
        return rows

    async def of_member(self, member_id: int, *, search: str, limit: int) -> list[OwnedTrack]:
        """The member's delivered tracks, newest first; `search` is a part of title or tags, in any case."""
        return _owned(await self._connection.fetch_all(OF_MEMBER, member_id, search_pattern(search), limit))

    async def titled(self, member_id: int, title: str, *, whole: bool, limit: int) -> list[OwnedTrack]:
        """Like `of_member`, with this title, or with this in the title if it need not be the `whole` one."""
        return _owned(await self._connection.fetch_all(OF_MEMBER, member_id, title_pattern(title, whole=whole), limit))

    async def get(self, member_id: int, track_id: str) -> OwnedTrack | None:
        """This track if it was delivered to the member."""
        return next(iter(_owned(await self._connection.fetch_all(ONE_OF_MEMBER, member_id, track_id))), None)


def _owned(rows: Sequence[Row]) -> list[OwnedTrack]:
    """The tracks of `rows`, without those of a job that this release cannot read, which the log names once."""
    tracks: list[OwnedTrack] = []
    unreadable: dict[str, Exception] = {}
    for row in rows:
        try:
            tracks.append(owned_track_from(row))
        except UNREADABLE as error:
            unreadable[row["id"]] = error
    for job_id, reason in unreadable.items():
        tell_unreadable(job_id, reason)
    return tracks
