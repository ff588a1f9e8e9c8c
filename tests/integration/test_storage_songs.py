"""A song is all jobs that were made from each other's messages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import Job, Parent
from storage.storage import SqlStorage, open_storage
from tests.support.storage_samples import a_job, a_track, after, insert


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


def from_(job: Job, *, track_id: str | None = None, seconds: float) -> Job:
    parent = Parent(job_id=job.id, song_id=job.song_id, track_id=track_id)
    return a_job(accepted_at=after(seconds), parent=parent)


async def test_a_job_is_read_back_with_its_parent(storage: SqlStorage) -> None:
    first = a_job()
    second = from_(first, track_id=a_track(1).id, seconds=1)

    await insert(storage, first, second)

    assert await storage.reading.jobs.get(second.id) == second
    assert second.song_id == first.song_id == first.id


async def test_a_song_has_all_its_generations_oldest_first_and_nothing_else(storage: SqlStorage) -> None:
    first = a_job()
    second = from_(first, seconds=1)
    third = from_(second, track_id=a_track(1).id, seconds=2)
    other = a_job(accepted_at=after(1.5))

    await insert(storage, third, other, first, second)

    assert await storage.reading.songs.jobs(third.song_id, limit=10) == [first, second, third]
    assert await storage.reading.songs.jobs(other.song_id, limit=10) == [other]


async def test_no_more_of_a_song_is_read_than_wanted(storage: SqlStorage) -> None:
    first = a_job()
    await insert(storage, first, *(from_(first, seconds=each) for each in range(1, 5)))

    assert len(await storage.reading.songs.jobs(first.id, limit=3)) == 3
