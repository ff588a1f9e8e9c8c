"""The order in which accepted jobs are submitted: members take turns."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobEvent, JobState
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_job, after


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def order(storage: SqlStorage, *members: int) -> list[Job]:
    """Insert one accepted job for each of `members`, in this order."""
    jobs = [a_job(member_id=member) for member in members]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
    return jobs


async def claim(storage: SqlStorage, now: datetime = NOW) -> Job | None:
    async with storage.transaction() as work:
        return await work.jobs.claim_turn(now=now, until=after(180))


async def claim_member(storage: SqlStorage) -> int | None:
    job = await claim(storage)
    return None if job is None else job.place.member_id


async def test_thirty_waiting_jobs_delay_another_members_by_one(storage: SqlStorage) -> None:
    await order(storage, *[1] * 30)
    (other,) = await order(storage, 2)

    assert await storage.reading.jobs.queue_position(other.id) == 2
    assert [await claim_member(storage) for _ in range(4)] == [1, 2, 1, 1]


async def test_the_same_holds_in_the_middle_of_the_thirty(storage: SqlStorage) -> None:
    await order(storage, *[1] * 30)
    assert [await claim_member(storage) for _ in range(10)] == [1] * 10

    (other,) = await order(storage, 2)

    assert (await storage.reading.jobs.queue_position(other.id) or 0) <= 2


async def test_the_position_of_a_new_job_is_known_before_it_is_there(storage: SqlStorage) -> None:
    chance = random.Random(7)  # not a secret
    for _ in range(60):
        if chance.random() < 0.4:
            await claim(storage)
        member = chance.randint(1, 4)
        expected = await storage.reading.jobs.next_position(member, limit=101)
        (job,) = await order(storage, member)
        assert await storage.reading.jobs.queue_position(job.id) == expected

    assert await storage.reading.jobs.next_position(5, limit=3) == 3


async def test_members_with_many_jobs_alternate(storage: SqlStorage) -> None:
    await order(storage, 1, 1, 1, 2, 2, 2, 3)

    assert [await claim_member(storage) for _ in range(8)] == [1, 2, 3, 1, 2, 1, 2, None]


async def test_a_member_who_returns_after_each_job_does_not_starve_the_others(storage: SqlStorage) -> None:
    await order(storage, 2, 1, 1, 1)
    claimed = []
    for _ in range(6):
        member = await claim_member(storage)
        claimed.append(member)
        if member == 2:
            await order(storage, 2)

    assert claimed == [2, 1, 2, 1, 2, 1]


async def test_a_job_that_was_put_back_keeps_its_turn(storage: SqlStorage) -> None:
    first, second, third = await order(storage, 1, 2, 3)
    claimed = await claim(storage)
    assert claimed
    assert (await claim(storage) or first).id == second.id

    async with storage.transaction() as work:
        await work.jobs.save(claimed.after(JobEvent.NOT_STARTED, due_at=after(5), submitted_at=None))

    assert await storage.reading.jobs.queue_position(first.id) == 1
    assert await storage.reading.jobs.queue_position(third.id) == 2
    assert (await claim(storage) or first).id == third.id  # the first one is not due yet
    assert await claim(storage) is None
    again = await claim(storage, now=after(5))
    assert again
    assert (again.id, again.submitted_at) == (first.id, None)


async def test_a_job_put_back_does_not_turn_the_queue_back(storage: SqlStorage) -> None:
    await order(storage, 1)
    early = await claim(storage)
    assert early
    await order(storage, *[2] * 5)
    assert [await claim_member(storage) for _ in range(3)] == [2] * 3
    async with storage.transaction() as work:
        await work.jobs.save(early.after(JobEvent.NOT_STARTED, due_at=NOW))
    assert await claim_member(storage) == 1

    await order(storage, 3, 3)

    assert [await claim_member(storage) for _ in range(4)] == [3, 2, 3, 2]


async def test_a_turn_can_be_claimed_exactly_when_the_next_due_time_has_come(storage: SqlStorage) -> None:
    async with storage.transaction() as work:
        await work.jobs.insert(replace(a_job(), due_at=None))
        await work.jobs.insert(replace(a_job(), due_at=after(5)))

    assert await storage.reading.jobs.next_due([JobState.ACCEPTED]) == after(5)
    assert await claim(storage, now=after(4)) is None
    assert await claim(storage, now=after(5)) is not None
    assert await storage.reading.jobs.next_due([JobState.ACCEPTED]) is None
    assert await claim(storage, now=after(6)) is None


async def test_cancelled_jobs_cost_no_turn(storage: SqlStorage) -> None:
    jobs = await order(storage, *[1] * 30)
    await order(storage, 2, 2)
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.save(job.after(JobEvent.CANCELLED, ended_at=NOW, due_at=None))

    (new,) = await order(storage, 1)

    assert await storage.reading.jobs.queue_position(new.id) == 2
    assert await storage.reading.jobs.queue_position(jobs[0].id) is None


async def test_positions_are_the_order_of_claiming(storage: SqlStorage) -> None:
    rng = random.Random(1)
    jobs = await order(storage, *(rng.randrange(5) for _ in range(40)))
    positions = {job.id: await storage.reading.jobs.queue_position(job.id) for job in jobs}

    claimed = [job.id for _ in jobs if (job := await claim(storage))]

    assert [positions[job_id] for job_id in claimed] == list(range(1, 41))


@pytest.mark.parametrize("seed", range(5))
async def test_a_member_with_nothing_waiting_is_delayed_by_one_job_of_each_other_member(
    storage: SqlStorage, seed: int
) -> None:
    rng = random.Random(seed)
    waiting: list[Job] = []
    checked = 0
    for _ in range(150):
        if rng.random() < 0.55:
            member = rng.choice([1, 1, 1, 2, 2, 3, 4, 5])
            others = {job.place.member_id for job in waiting} - {member}
            is_first = all(job.place.member_id != member for job in waiting)
            (job,) = await order(storage, member)
            waiting.append(job)
            if is_first:
                position = await storage.reading.jobs.queue_position(job.id)
                assert position is not None
                assert position <= len(others) + 1
                checked += 1
        elif (claimed := await claim(storage)) is not None:
            assert claimed.state is JobState.SUBMITTING
            waiting = [job for job in waiting if job.id != claimed.id]
    assert checked > 10


@pytest.mark.parametrize("seed", range(5))
async def test_while_a_member_waits_each_other_member_is_served_at_most_once(storage: SqlStorage, seed: int) -> None:
    rng = random.Random(seed)
    waiting = Counter[int]()
    served: dict[int, Counter[int]] = {}  # per waiting member: who was served since their last job, or their arrival
    claims = 0
    for _ in range(300):
        if rng.random() < 0.52:
            member = rng.choice([1, 1, 1, 2, 2, 3, 4])
            await order(storage, member)
            waiting[member] += 1
            served.setdefault(member, Counter())
        elif (member_now := await claim_member(storage)) is not None:
            claims += 1
            waiting[member_now] -= 1
            del served[member_now]
            for counted in served.values():
                counted[member_now] += 1
                assert counted[member_now] <= 1
            if waiting[member_now]:
                served[member_now] = Counter()
    assert claims > 100
