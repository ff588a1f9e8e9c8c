"""Jobs and their tracks, on a real file."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import FINAL_STATES, LIVE_STATES, Job, JobEvent, JobState, Track, next_state
from storage.errors import Conflict
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import (
    NOW,
    a_job,
    a_job_with_everything,
    a_track,
    after,
    insert,
)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def save(storage: SqlStorage, *jobs: Job) -> None:
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.save(job)


async def test_a_job_is_read_back_as_inserted(storage: SqlStorage) -> None:
    job = a_job()

    await insert(storage, job)

    assert await storage.reading.jobs.get(job.id) == job


async def test_every_field_of_a_job_is_read_back_as_saved(storage: SqlStorage) -> None:
    job = a_job()
    await insert(storage, job)
    changed = a_job_with_everything(job)

    await save(storage, changed)

    assert await storage.reading.jobs.get(job.id) == changed


async def test_a_job_inserted_with_every_field_set_is_read_back(storage: SqlStorage) -> None:
    job = a_job_with_everything(a_job())

    await insert(storage, job)

    assert await storage.reading.jobs.get(job.id) == job


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    job = a_job_with_everything(a_job())
    async with open_storage(tmp_path / "encore.db") as storage:
        await insert(storage, job)

    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.jobs.get(job.id) == job


async def test_repeated_saving_keeps_the_tracks_and_their_order(storage: SqlStorage) -> None:
    job = replace(a_job(), tracks=(a_track(2), a_track(1)))
    await insert(storage, job)

    await save(storage, job)
    await save(storage, replace(job, tracks=()))

    assert await storage.reading.jobs.get(job.id) == job


async def test_a_track_is_changed_and_another_added(storage: SqlStorage) -> None:
    job = replace(a_job(), tracks=(Track(id="track-1"),))
    await insert(storage, job)
    complete = replace(job, tracks=(a_track(1), a_track(2)))

    await save(storage, complete)

    assert await storage.reading.jobs.get(job.id) == complete


async def test_saving_a_job_that_was_never_inserted_is_an_error(storage: SqlStorage) -> None:
    with pytest.raises(LookupError):
        await save(storage, a_job())


async def test_an_interaction_makes_one_job(storage: SqlStorage) -> None:
    job = a_job()
    await insert(storage, job)

    with pytest.raises(Conflict):
        await insert(storage, replace(a_job(), place=job.place))

    assert await storage.reading.jobs.by_interaction(job.place.interaction_id) == job
    assert len(await storage.reading.jobs.live()) == 1


async def test_missing_things_are_none(storage: SqlStorage) -> None:
    jobs = storage.reading.jobs

    assert await jobs.get("nothing") is None
    assert await jobs.by_interaction(1) is None
    assert await jobs.by_prefix(1, "a") is None
    assert await storage.reading.tracks.get(1, "track-1") is None
    assert await jobs.queue_position("nothing") is None
    assert await jobs.next_due([JobState.RUNNING]) is None
    assert await jobs.next_due([]) is None
    assert await jobs.usual_seconds() is None


async def test_a_prefix_finds_the_members_newest_job(storage: SqlStorage) -> None:
    older = replace(a_job(), id="abcd" + "0" * 28, accepted_at=after(-10))
    newer = replace(a_job(), id="abce" + "0" * 28)
    strangers = replace(a_job(member_id=2), id="abcf" + "0" * 28, accepted_at=after(10))
    await insert(storage, newer, older, strangers)
    jobs = storage.reading.jobs

    assert await jobs.by_prefix(1, "abc") == newer
    assert await jobs.by_prefix(1, "abcd") == older
    assert await jobs.by_prefix(1, older.id) == older
    assert await jobs.by_prefix(1, "abcf") is None
    assert await jobs.by_prefix(1, "abc%") is None


async def test_jobs_of_a_member_come_newest_first_up_to_the_limit(storage: SqlStorage) -> None:
    jobs = [a_job(accepted_at=after(number)) for number in range(40)]
    await insert(storage, *jobs, a_job(member_id=2))

    assert await storage.reading.jobs.of_member(1, limit=30) == jobs[:9:-1]


@pytest.mark.parametrize("state", JobState)
async def test_a_job_is_live_until_it_ends(storage: SqlStorage, state: JobState) -> None:
    await insert(storage, a_job(state=state))

    live = await storage.reading.jobs.live()

    assert len(live) == (state in LIVE_STATES)
    assert len(live) == (state not in FINAL_STATES)


async def test_live_jobs_come_oldest_first_with_their_own_tracks(storage: SqlStorage) -> None:
    jobs = [replace(a_job(accepted_at=after(-number)), tracks=(a_track(number),)) for number in range(40)]
    await insert(storage, *jobs)

    assert await storage.reading.jobs.live() == jobs[::-1]


async def test_only_a_members_waiting_jobs_can_be_cancelled(storage: SqlStorage) -> None:
    waiting = [a_job(), a_job(), a_job()]
    await insert(storage, *waiting, a_job(member_id=2), *(a_job(state=state) for state in set(JobState) - {"accepted"}))

    assert await storage.reading.jobs.cancellable(1, limit=25) == waiting[::-1]
    assert await storage.reading.jobs.cancellable(1, limit=2) == waiting[:0:-1]


async def test_only_due_jobs_in_the_given_states_are_claimed(storage: SqlStorage) -> None:
    due = replace(a_job(state=JobState.RUNNING), due_at=NOW)
    longer_due = replace(a_job(state=JobState.OVERDUE, accepted_at=after(-5)), due_at=after(-1))
    not_due = replace(a_job(state=JobState.RUNNING), due_at=after(0.001))
    never_due = replace(a_job(state=JobState.RUNNING), due_at=None)
    other_state = replace(a_job(state=JobState.FINISHED), due_at=NOW)
    await insert(storage, due, longer_due, not_due, never_due, other_state)

    async with storage.transaction() as work:
        claimed = await work.jobs.claim_due([JobState.RUNNING, JobState.OVERDUE], now=NOW, until=after(30), limit=10)
        again = await work.jobs.claim_due([JobState.RUNNING, JobState.OVERDUE], now=NOW, until=after(30), limit=10)

    assert claimed == [replace(longer_due, due_at=after(30)), replace(due, due_at=after(30))]
    assert again == []
    assert await storage.reading.jobs.next_due([JobState.RUNNING]) == not_due.due_at
    assert await storage.reading.jobs.next_due(list(JobState)) == NOW


async def test_the_longest_overdue_is_claimed_first(storage: SqlStorage) -> None:
    jobs = [replace(a_job(state=JobState.RUNNING), due_at=after(-number)) for number in range(3)]
    await insert(storage, *jobs)

    async with storage.transaction() as work:
        claimed = await work.jobs.claim_due([JobState.RUNNING], now=NOW, until=after(30), limit=2)
        nothing = await work.jobs.claim_due([], now=NOW, until=after(30), limit=2)

    assert [job.id for job in claimed] == [jobs[1].id, jobs[2].id]
    assert nothing == []


async def test_a_failed_job_that_is_due_is_claimed_for_its_message(storage: SqlStorage) -> None:
    failed = replace(a_job(state=JobState.FAILED), due_at=NOW, ended_at=NOW)
    await insert(storage, failed)

    async with storage.transaction() as work:
        claimed = await work.jobs.claim_due([JobState.FAILED], now=NOW, until=after(30), limit=1)

    assert [job.id for job in claimed] == [failed.id]


async def test_a_claim_by_turn_is_the_transition_of_the_table(storage: SqlStorage) -> None:
    job = a_job()
    await insert(storage, job)

    async with storage.transaction() as work:
        claimed = await work.jobs.claim_turn(now=NOW, until=after(180))
        nothing = await work.jobs.claim_turn(now=NOW, until=after(180))

    state = next_state(JobState.ACCEPTED, JobEvent.CLAIMED)
    assert claimed == replace(job, state=state, submitted_at=None, due_at=after(180))
    assert await storage.reading.jobs.get(job.id) == claimed
    assert nothing is None


async def test_the_usual_time_is_the_median_of_the_latest_fifty(storage: SqlStorage) -> None:
    long_ago = [
        replace(a_job(), submitted_at=after(number), finished_at=after(number + 9999))
        for number in range(-20000, -19950)
    ]
    lately = [replace(a_job(), submitted_at=after(100), finished_at=after(200 + number)) for number in range(50)]
    never_submitted = replace(a_job(), finished_at=after(5000))
    set_back_meanwhile = replace(a_job(), submitted_at=after(9000), finished_at=after(6000))
    await insert(storage, *long_ago, *lately, never_submitted, set_back_meanwhile)

    assert await storage.reading.jobs.usual_seconds() == 124.5


async def test_the_oldest_waiting_job_is_found_among_running_ones(storage: SqlStorage) -> None:
    assert await storage.reading.jobs.oldest_waiting() is None
    first, second = a_job(accepted_at=after(1)), a_job(accepted_at=after(2))
    await insert(storage, a_job(accepted_at=after(0), state=JobState.RUNNING), second, first)

    assert await storage.reading.jobs.oldest_waiting() == first


async def test_an_uncollected_job_is_hastened_once_in_a_while_and_no_opening_is_lost(storage: SqlStorage) -> None:
    job = replace(a_job(state=JobState.UNCOLLECTED), due_at=after(20_000))
    strangers = replace(a_job(state=JobState.UNCOLLECTED, member_id=2), due_at=after(20_000))
    await insert(storage, job, strangers)

    async def opening(seconds: float) -> float:
        """When the job is due, in seconds, after its member was heard of at that time."""
        async with storage.transaction() as work:
            await work.jobs.hasten_uncollected_of(1, at=after(seconds), every=timedelta(minutes=5))
            current = await work.jobs.get(job.id)
            assert current is not None
            assert current.due_at is not None
            return (current.due_at - NOW).total_seconds()

    async def tried() -> None:
        async with storage.transaction() as work:
            await work.jobs.save(replace(job, due_at=after(20_000)))

    assert await opening(1) == 1
    await tried()
    assert await opening(60) == 301
    assert await opening(70) == 301
    await tried()
    assert await opening(400) == 601
    await tried()
    assert await opening(2000) == 2000
    await tried()
    assert await opening(-500) == -500  # the clock was set back
    assert await storage.reading.jobs.get(strangers.id) == strangers
    assert await storage.reading.jobs.has_uncollected(2)
    assert not await storage.reading.jobs.has_uncollected(3)


async def test_only_jobs_due_too_late_are_hastened(storage: SqlStorage) -> None:
    early, late, never = (replace(a_job(), due_at=due) for due in (after(5), after(5000), None))
    await insert(storage, early, late, never)

    async with storage.transaction() as work:
        await work.jobs.hasten(until=after(30))

    found = [await storage.reading.jobs.get(job.id) for job in (early, late, never)]
    assert [job and job.due_at for job in found] == [after(5), after(30), None]


async def test_two_processes_never_claim_the_same_job(tmp_path: Path, storage: SqlStorage) -> None:
    running = [replace(a_job(state=JobState.RUNNING), due_at=NOW) for _ in range(40)]
    waiting = [a_job(member_id=number % 3) for number in range(40)]
    await insert(storage, *running, *waiting)

    async def claim_all(own: SqlStorage) -> list[str]:
        claimed: list[str] = []
        while True:
            async with own.transaction() as work:
                due = await work.jobs.claim_due([JobState.RUNNING], now=NOW, until=after(30), limit=3)
                turn = await work.jobs.claim_turn(now=NOW, until=after(30))
            claimed += [job.id for job in due]
            if turn is None:
                return claimed
            claimed.append(turn.id)

    async with open_storage(tmp_path / "encore.db") as other:
        parts = await asyncio.gather(*(claim_all(own) for own in (storage, other) for _ in range(3)))

    together = [job_id for part in parts for job_id in part]
    assert sorted(together) == sorted(job.id for job in running + waiting)
    assert sum(bool(part) for part in parts) > 1
