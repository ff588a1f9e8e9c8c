"""Progress messages that are behind their jobs: claimed once, at their pace, found without reading the others."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.progress import OutdatedProgress
from storage import progress
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_job, after


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as storage:
        yield storage


async def add(storage: SqlStorage, count: int = 1, *, at: datetime = NOW) -> list[Job]:
    jobs = [a_job(member_id=number + 1) for number in range(count)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
            await work.progress.add(job.id, at=at)
    return jobs


async def claim(storage: SqlStorage, *, now: datetime, until: datetime, limit: int = 100) -> list[OutdatedProgress]:
    async with storage.transaction() as work:
        return await work.progress.claim_due(now=now, until=until, limit=limit)


async def show(storage: SqlStorage, claimed: OutdatedProgress, *, again_at: datetime | None = None) -> None:
    async with storage.transaction() as work:
        await work.progress.shown(claimed, queue_band=1, again_at=again_at, next_edit_at=after(4))


async def touch(storage: SqlStorage, job: Job, *, at: datetime) -> None:
    async with storage.transaction() as work:
        await work.progress.touch(job.id, at=at)


async def test_a_claimed_message_belongs_to_one_worker_until_the_claim_expires(storage: SqlStorage) -> None:
    jobs = await add(storage, 3)

    first = await claim(storage, now=NOW, until=after(30), limit=2)
    second = await claim(storage, now=NOW, until=after(30))
    later = await claim(storage, now=after(30), until=after(60))

    assert {each.job_id for each in first} | {each.job_id for each in second} == {job.id for job in jobs}
    assert (len(first), len(second), len(later)) == (2, 1, 3)


async def test_a_shown_message_is_due_again_at_the_next_change_and_at_its_pace(storage: SqlStorage) -> None:
    (job,) = await add(storage)
    (claimed,) = await claim(storage, now=NOW, until=after(30))
    await show(storage, claimed)
    assert await storage.reading.progress.next_due() is None

    await touch(storage, job, at=after(1))

    assert await storage.reading.progress.next_due() == after(4)


async def test_a_change_during_an_edit_is_shown_next(storage: SqlStorage) -> None:
    (job,) = await add(storage)
    (claimed,) = await claim(storage, now=NOW, until=after(30))
    await touch(storage, job, at=after(1))
    assert await storage.reading.progress.next_due() == after(30)

    await show(storage, claimed)

    assert await storage.reading.progress.next_due() == after(4)


async def test_a_message_that_changes_with_time_alone_is_due_at_that_time(storage: SqlStorage) -> None:
    await add(storage)
    (claimed,) = await claim(storage, now=NOW, until=after(30))

    await show(storage, claimed, again_at=after(120))

    assert await storage.reading.progress.next_due() == after(120)


async def test_a_postponed_message_waits_and_remembers_its_failures(storage: SqlStorage) -> None:
    (job,) = await add(storage)
    (claimed,) = await claim(storage, now=NOW, until=after(30))
    async with storage.transaction() as work:
        await work.progress.put_off(replace(claimed, failures=2), until=after(60))
    await touch(storage, job, at=after(5))

    assert await claim(storage, now=after(59), until=after(90)) == []
    (again,) = await claim(storage, now=after(60), until=after(90))
    assert again == OutdatedProgress(job_id=job.id, version=2, failures=2)
    await show(storage, again)
    await touch(storage, job, at=after(100))
    (at_last,) = await claim(storage, now=after(100), until=after(130))
    assert at_last.failures == 0


async def test_only_messages_whose_band_changed_are_due(storage: SqlStorage) -> None:
    first, second = await add(storage, 2)
    for claimed in await claim(storage, now=NOW, until=after(30)):
        await show(storage, claimed)

    async with storage.transaction() as work:
        await work.progress.rank({first.id: 1, second.id: 2}, at=after(10))

    assert [each.job_id for each in await claim(storage, now=after(10), until=after(40))] == [second.id]
    head = await storage.reading.progress.queue_head(limit=10)
    assert [(each.job_id, each.shown_band) for each in head] == [(first.id, 1), (second.id, 2)]


async def test_a_job_without_a_message_still_counts_in_the_queue(storage: SqlStorage) -> None:
    first, second = await add(storage, 2)
    async with storage.transaction() as work:
        await work.progress.remove(first.id)

    head = await storage.reading.progress.queue_head(limit=10)

    assert [(each.job_id, each.shown_band) for each in head] == [(first.id, None), (second.id, None)]


async def test_after_a_restart_only_messages_of_jobs_at_the_provider_are_due(storage: SqlStorage) -> None:
    waiting, running = await add(storage, 2)
    for claimed in await claim(storage, now=NOW, until=after(30)):
        await show(storage, claimed)
    async with storage.transaction() as work:
        await work.jobs.save(replace(running, state=JobState.RUNNING))
        await work.progress.touch_at_provider(at=after(60))

    assert [each.job_id for each in await claim(storage, now=after(60), until=after(90))] == [running.id]
    assert waiting.id != running.id


async def test_after_the_clock_was_set_back_everything_is_due_soon(storage: SqlStorage) -> None:
    await add(storage, at=after(3600))
    async with storage.transaction() as work:
        await work.progress.hasten(until=after(30))

    assert await storage.reading.progress.next_due() == after(30)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (progress.CLAIM_DUE, "progress_due"),
        (progress.NEXT_DUE, "progress_due"),
        (progress.QUEUE_HEAD, "job_queue"),
        (progress.TOUCH_AT_PROVIDER, "job_due"),
    ],
)
async def test_outdated_messages_are_found_by_an_index_however_many_wait(
    storage: SqlStorage, tmp_path: Path, sql: str, index: str
) -> None:
    await add(storage)
    with closing(sqlite3.connect(tmp_path / "encore.db")) as connection:
        parameters = {str(number): number for number in range(1, 4) if f"${number}" in sql}
        plan = [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + sql, parameters)]

    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN") and "INDEX" not in step for step in plan), plan
