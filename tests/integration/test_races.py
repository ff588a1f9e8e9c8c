"""Several processes on one database, each with connections of its own: no work is done twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import Intake, JobState
from bot.domain.pace import SlidingWindow
from bot.domain.quota import quota_day
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.services.pipeline.rate import Rate
from storage.migrate import known_migrations
from storage.storage import SqlStorage
from tests.support.database import make_database, open_storage, rows
from tests.support.storage_samples import NOW, a_job, a_place, after, insert

PROCESSES = 4


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[SqlStorage]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_storage(tmp_path / "encore.db", busy_seconds=20))
            for _ in range(PROCESSES)
        ]


async def test_a_turn_is_claimed_once_and_in_order(processes: list[SqlStorage]) -> None:
    jobs = [a_job(member_id=number % 5) for number in range(60)]
    await insert(processes[0], *jobs)
    claimed: list[str] = []

    async def claim_all(storage: SqlStorage) -> None:
        while True:
            async with storage.transaction() as work:
                job = await work.jobs.claim_turn(now=NOW, until=after(30))
                if job is None:
                    return
                claimed.append(job.id)

    await asyncio.gather(*(claim_all(storage) for storage in processes for _ in range(2)))

    assert Counter(claimed) == Counter(job.id for job in jobs)


async def test_due_jobs_are_claimed_once(processes: list[SqlStorage]) -> None:
    jobs = [replace(a_job(state=JobState.RUNNING), due_at=NOW) for _ in range(60)]
    await insert(processes[0], *jobs)
    claimed: list[str] = []

    async def claim_all(storage: SqlStorage) -> None:
        while True:
            async with storage.transaction() as work:
                found = await work.jobs.claim_due([JobState.RUNNING], now=NOW, until=after(30), limit=3, owner="any")
            if not found:
                return
            claimed.extend(job.id for job in found)

    await asyncio.gather(*(claim_all(storage) for storage in processes for _ in range(2)))

    assert Counter(claimed) == Counter(job.id for job in jobs)


async def test_no_more_units_are_held_than_are_left(processes: list[SqlStorage]) -> None:
    async def hold(storage: SqlStorage, number: int) -> bool:
        async with storage.transaction() as work:
            return await work.ledger.hold(
                job_id=f"job-{number}", member_id=1, guild_id=2, day=quota_day(NOW), limit=3, at=NOW
            )

    held = await asyncio.gather(*(hold(storage, number) for number, storage in enumerate(processes * 5)))

    assert sum(held) == 3


async def test_a_callback_that_arrives_everywhere_at_once_is_recorded_once(processes: list[SqlStorage]) -> None:
    job = a_job()
    await insert(processes[0], job)

    recorded = await asyncio.gather(
        *(
            storage.record_callback(token=job.callback_token, body=b"%d" % (number % 3), at=NOW)
            for number in range(12)
            for storage in processes
        )
    )

    assert Counter(recorded) == {Recorded.NEW: 3, Recorded.REPEAT: 12 * PROCESSES - 3}


async def test_an_interaction_is_taken_once(processes: list[SqlStorage]) -> None:
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    intake = Intake(place=a_place(), source=source, request=ExtensionRequest(), due_at=NOW)

    async def take(storage: SqlStorage) -> bool:
        async with storage.transaction() as work:
            return await work.intakes.claim(intake)

    taken = await asyncio.gather(*(take(storage) for storage in processes * 3))

    assert taken.count(True) == 1


async def test_a_job_is_marked_as_sent_by_one_process(processes: list[SqlStorage]) -> None:
    """Read, then written: both in one transaction. Two that succeed would pay twice."""
    job = replace(a_job(state=JobState.SUBMITTING), due_at=NOW)
    await insert(processes[0], job)

    async def mark_sent(storage: SqlStorage) -> bool:
        async with storage.transaction() as work:
            current = await work.jobs.get(job.id)
            if current is None or current.submitted_at is not None:
                return False
            await work.jobs.save(replace(current, submitted_at=NOW))
        return True

    marked = await asyncio.gather(*(mark_sent(storage) for storage in processes * 3))

    assert marked.count(True) == 1


async def test_the_providers_rate_is_shared(processes: list[SqlStorage]) -> None:
    window = SlidingWindow(limit=20)

    async def take(storage: SqlStorage) -> bool:
        rate = Rate(window)
        async with storage.transaction() as work:
            if await rate.free_at(work.memos, now=NOW) is not None:
                return False
            await rate.take(work.memos, now=NOW)
        return True

    taken = await asyncio.gather(*(take(storage) for storage in processes * 10))

    assert taken.count(True) == 20


async def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    await make_database(path, like_new=True)

    async def start() -> None:
        async with open_storage(path, busy_seconds=20):
            pass

    await asyncio.gather(*(start() for _ in range(PROCESSES)))

    numbers = await rows(path, "SELECT number FROM migration ORDER BY number")
    assert numbers == [(migration.number,) for migration in known_migrations()]
