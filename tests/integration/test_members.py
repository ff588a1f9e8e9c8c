"""What members can do with their own jobs, but not with anybody else's."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobEvent, JobState
from bot.errors import Refused
from bot.services.common import settle
from tests.support.pipeline import LIMIT, MIA, Pipeline, a_pipeline

BEN = 2002


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def held_back(pipeline: Pipeline, job: Job) -> Job:
    async with pipeline.storage.transaction() as work:
        held = job.after(JobEvent.HELD_BACK, due_at=pipeline.clock() + timedelta(days=3))
        await settle.save(work, held, before=job, at=pipeline.clock())
    return held


async def test_only_its_member_can_see_a_job_or_act_on_it(pipeline: Pipeline) -> None:
    job = await held_back(pipeline, await pipeline.accepted())

    for attempt in (pipeline.members.job(BEN, job.id), pipeline.members.continue_(BEN, job.id)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.sentences[0].message == "This is someone else's job."
    with pytest.raises(Refused):
        await pipeline.members.cancel(BEN, job.id)
    assert (await pipeline.job(job)).state is JobState.ON_HOLD


async def test_a_removed_job_is_reported_as_gone(pipeline: Pipeline) -> None:
    with pytest.raises(Refused) as refused:
        await pipeline.members.job(MIA, "0" * 32)

    assert refused.value.sentences[0].message == "I don't have this job any more."


async def test_a_job_on_hold_is_continued_in_its_old_place(pipeline: Pipeline) -> None:
    job = await held_back(pipeline, await pipeline.accepted())
    later = await pipeline.accepted(member_id=BEN)

    continued = await pipeline.members.continue_(MIA, job.id)
    again = await pipeline.members.continue_(MIA, job.id)

    assert continued.state is again.state is JobState.ACCEPTED
    assert await pipeline.storage.reading.jobs.queue_position(job.id) == 1
    assert await pipeline.storage.reading.jobs.queue_position(later.id) == 2
    assert await pipeline.submission.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_a_job_on_hold_can_be_cancelled_and_gives_its_unit_back(pipeline: Pipeline) -> None:
    job = await held_back(pipeline, await pipeline.accepted())

    cancelled = await pipeline.members.cancel(MIA, job.id)

    assert cancelled.state is JobState.CANCELLED
    assert (await pipeline.balance()).left == LIMIT


async def test_a_job_that_is_not_on_hold_cannot_be_continued(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    with pytest.raises(Refused) as refused:
        await pipeline.members.continue_(MIA, job.id)

    assert "Only a job on hold" in refused.value.sentences[0].message
