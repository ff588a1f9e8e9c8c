"""Songs as members look them up: which one they mean, and its family as far as they may see it."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

import msgspec

from bot.domain.jobs import Job
from bot.domain.library import LibraryQuery
from bot.domain.songs import Node, Reader, channel_of, is_seen_by, tree_of
from bot.domain.text import Said, Text, text
from bot.domain.titles import shown_title
from bot.domain.tracks import folded
from bot.errors import Refused
from bot.services.common.ports import Storage
from bot.services.common.sentences import name_of

CHOICES_MAX = 25
RESULTS_READ = 100
"""How many results are looked at for `CHOICES_MAX` songs: a song may have several."""
PUBLIC_AMONG = 500
"""In so many of a server's latest public results, songs are looked for."""
JOBS_MAX = 500
VOTES_MAX = 5000
NAMED_MAX = 5
"""How many songs a sentence lists."""

Sight = Callable[[Collection[int]], Awaitable[frozenset[int]]]
"""Which of these channels the reader can see."""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks songs up, and where; `guild_id` None: in a direct conversation."""

    member_id: int
    guild_id: int | None
    sees: Sight


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """`is_cut`: there are younger jobs than those that were read."""

    song_id: str
    nodes: tuple[Node, ...]
    is_cut: bool = False


class Families:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def choices(self, viewer: Viewer, typed: str) -> list[Job]:
        """The newest result of each song that has `typed` in a title or a style: the viewer's own songs first."""
        work, search = self._storage.reading, typed.strip()
        query = LibraryQuery(search=search)
        found = await work.library.page(viewer.member_id, query, edge=None, limit=RESULTS_READ)
        if viewer.guild_id is not None:
            public = await work.library.public(viewer.guild_id, search=search, among=PUBLIC_AMONG, limit=RESULTS_READ)
            found += await self._seen(viewer, public)
        return _newest_of_each(found)[:CHOICES_MAX]

    async def meant(self, viewer: Viewer, words: str) -> Family:
        """The family of the song that `words` name: by an id, by a whole title, or by a part of one.

        Raises:
            Refused: the viewer sees no such song, or several could be meant.
        """
        wanted = words.strip().strip("`").strip()
        if wanted.isascii() and wanted.isalnum():
            if (family := await self._family(viewer, wanted.lower())) is not None:
                return family
            job = await self._storage.reading.jobs.by_prefix(viewer.member_id, wanted.lower())
            if job is not None and (family := await self._family(viewer, job.song_id)) is not None:
                return family
        found = await self.choices(viewer, wanted)
        whole = [job for job in found if folded(shown_title(job)) == folded(wanted)]
        if not (chosen := whole[:1] or found):
            raise Refused([text("I can't find a song called “{given}” here.", given=Said(words))])
        if len(chosen) > 1:
            raise Refused(
                [
                    text(
                        "“{given}” could be several songs: {songs}. Pick one from the list that `song` shows.",
                        given=Said(words),
                        songs=[
                            Text("{title} `{job}`", {"title": name_of(job), "job": job.short_id})
                            for job in found[:NAMED_MAX]
                        ],
                    )
                ]
            )
        return await self.family(viewer, chosen[0].song_id)

    async def family(self, viewer: Viewer, song_id: str) -> Family:
        """The family of this song.

        Raises:
            Refused: nothing of it is left, or the viewer sees nothing of it.
        """
        if (family := await self._family(viewer, song_id)) is None:
            raise Refused([text("I no longer have this song, or it isn't shared with you.")])
        return family

    async def _family(self, viewer: Viewer, song_id: str) -> Family | None:
        jobs = await self._storage.reading.songs.jobs(song_id, limit=JOBS_MAX + 1)
        reader = await self._reader(viewer, jobs)
        if not any(is_seen_by(job, reader) for job in jobs):
            return None
        votes = await self._storage.reading.votes.of_song(song_id, limit=VOTES_MAX)
        nodes = tree_of(jobs[:JOBS_MAX], reader, votes)
        return Family(song_id=song_id, nodes=nodes, is_cut=len(jobs) > JOBS_MAX) if nodes else None

    async def _seen(self, viewer: Viewer, jobs: Sequence[Job]) -> list[Job]:
        reader = await self._reader(viewer, jobs)
        return [job for job in jobs if is_seen_by(job, reader)]

    async def _reader(self, viewer: Viewer, jobs: Iterable[Job]) -> Reader:
        """The viewer, with the channels that matter for what is not the viewer's own."""
        channels = {
            channel_of(job)
            for job in jobs
            if job.place.guild_id == viewer.guild_id
            and not job.place.private
            and job.place.member_id != viewer.member_id
        }
        seen = await viewer.sees(channels) if channels and viewer.guild_id is not None else frozenset()
        return Reader(member_id=viewer.member_id, guild_id=viewer.guild_id, channels=seen)


def _newest_of_each(jobs: Iterable[Job]) -> list[Job]:
    """The first job of each song."""
    songs: dict[str, Job] = {}
    for job in jobs:
        songs.setdefault(job.song_id, job)
    return list(songs.values())
