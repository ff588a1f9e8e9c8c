"""What members can do with their jobs, and with nobody else's."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobEvent, JobState
from bot.errors import Refused
from bot.services.common import settle
from tests.support.pipeline import LIMIT, MIA, World, a_world

BEN = 2002


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def held_back(world: World, job: Job) -> Job:
    async with world.storage.transaction() as work:
        held = job.after(JobEvent.HELD_BACK, due_at=world.clock() + timedelta(days=3))
        await settle.save(work, held, before=job, at=world.clock())
    return held


async def test_only_its_member_sees_a_job_or_does_anything_with_it(world: World) -> None:
    job = await held_back(world, await world.accepted())

    for attempt in (world.members.job(BEN, job.id), world.members.continue_(BEN, job.id)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.sentences[0].message == "This is someone else's job."
    with pytest.raises(Refused):
        await world.members.cancel(BEN, job.id)
    assert (await world.job(job)).state is JobState.ON_HOLD


async def test_a_job_that_is_no_longer_kept_is_told_so(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.members.job(MIA, "0" * 32)

    assert refused.value.sentences[0].message == "I don't have this job any more."


async def test_a_job_on_hold_is_continued_in_its_old_place(world: World) -> None:
    job = await held_back(world, await world.accepted())
    later = await world.accepted(member_id=BEN)

    continued = await world.members.continue_(MIA, job.id)
    again = await world.members.continue_(MIA, job.id)

    assert continued.state is again.state is JobState.ACCEPTED
    assert await world.storage.reading.jobs.queue_position(job.id) == 1
    assert await world.storage.reading.jobs.queue_position(later.id) == 2
    assert await world.submission.step()
    assert (await world.job(job)).state is JobState.RUNNING


async def test_a_job_on_hold_can_be_cancelled_and_gives_its_unit_back(world: World) -> None:
    job = await held_back(world, await world.accepted())

    cancelled = await world.members.cancel(MIA, job.id)

    assert cancelled.state is JobState.CANCELLED
    assert (await world.balance()).left == LIMIT


async def test_a_job_that_is_not_on_hold_cannot_be_continued(world: World) -> None:
    job = await world.running()

    with pytest.raises(Refused) as refused:
        await world.members.continue_(MIA, job.id)

    assert "Only a job on hold" in refused.value.sentences[0].message
