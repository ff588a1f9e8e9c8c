"""A job that keeps failing, or that cannot be read, does not stop the others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.services.operator.isolation import TRIES
from tests.support.database import tamper
from tests.support.fakes import FakeProvider, FakeRoute, TurnedClock
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_job_that_fails_for_an_unknown_reason_is_set_aside_and_the_others_are_posted(
    pipeline: Pipeline,
) -> None:
    await pipeline.isolation.step()  # as at every start
    poisoned, good = await pipeline.finished(), await pipeline.finished()
    way = pipeline.messenger.ways[0]
    original = way.post_result

    class Poison(FakeRoute):
        async def post_result(self, job: Job, files: object) -> object:  # type: ignore[override]
            if job.id == poisoned.id:
                raise KeyError("a card that cannot be made")
            return await original(job, files)  # type: ignore[arg-type]

    pipeline.messenger.ways = [Poison()]
    for _ in range(10):
        while await pipeline.delivery.step():
            pass
        pipeline.clock.turn(300)
    await pipeline.isolation.step()

    assert (await pipeline.job(good)).state is JobState.DELIVERED
    assert (await pipeline.job(poisoned)).state is JobState.FINISHED
    ((told,),) = pipeline.messenger.operator
    assert "set it aside" in told.message
    assert told.facts["job"] == poisoned.short_id


async def test_a_failing_look_does_not_set_aside_the_job_that_a_callback_finished_meanwhile(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.running()
    for _ in range(TRIES - 1):
        async with pipeline.isolation.around(job, doing="asking after it"):
            raise KeyError("a bug")

    async with pipeline.isolation.around(job, doing="asking after it"):
        await pipeline.call_back(job, "complete")
        raise KeyError("a bug")

    assert await pipeline.storage.reading.jobs.all_set_aside(limit=1) == []
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_job_that_was_set_aside_and_then_failed_and_was_told_is_not_taken_up_again(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        job = await pipeline.running()
        async with pipeline.storage.transaction() as work:
            await work.jobs.set_aside(job.id, job.state, at=clock())
        await pipeline.call_back(job, "error", code=500)
        await pipeline.delivery.step()
        assert pipeline.messenger.ways[0].told_failures == [job.id]
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await pipeline.isolation.step()

        assert (await pipeline.job(job)).due_at is None
        assert not await pipeline.delivery.step()


async def test_a_row_that_this_release_cannot_read_is_set_aside_and_the_next_start_tries_again(
    tmp_path: Path,
) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.isolation.step()  # as at every start
        unreadable, good = await pipeline.running(), await pipeline.running()
        await tamper(
            pipeline.storage, "UPDATE job SET state = 'running', stage = 'dancing' WHERE id = $1", unreadable.id
        )
        provider.reports["task-2"] = TaskReport(task_id="task-2", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await pipeline.watch.step()
        await pipeline.isolation.step()
        await pipeline.isolation.step()

        assert (await pipeline.job(good)).state is JobState.FINISHED
        assert len(pipeline.messenger.operator) == 1
        await tamper(pipeline.storage, "UPDATE job SET stage = 'queued'")
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.isolation.step()
        assert pipeline.bells.watch.rung  # those that looked before find it now, too
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        await pipeline.watch.step()

        assert (await pipeline.job(unreadable)).state is JobState.FINISHED
