"""What callbacks and polls about a task change in its job."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, JobState, Stage
from bot.domain.reports import ReportKind, TaskReport
from bot.errors import (
    ProviderBusy,
)
from tests.support.pipeline import LIMIT, TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_callbacks_lead_from_text_to_the_finished_tracks(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "text", tracks=0)
    assert (await pipeline.job(job)).stage is Stage.TEXT
    await pipeline.call_back(job, "first", tracks=1)
    assert (await pipeline.job(job)).stage is Stage.FIRST
    await pipeline.call_back(job, "complete")

    after = await pipeline.job(job)
    assert (after.state, len(after.tracks)) == (JobState.FINISHED, 2)


async def test_late_news_and_late_errors_never_undo_a_finished_job(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await pipeline.call_back(job, "complete")
    finished = await pipeline.job(job)

    await pipeline.call_back(job, "text", tracks=0)
    await pipeline.call_back(job, "error", code=500, tracks=0)

    assert await pipeline.job(job) == finished


async def test_an_error_callback_fails_the_job_and_returns_the_unit(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "error", code=413, tracks=0)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.COPYRIGHT)
    assert (await pipeline.balance()).left == LIMIT


async def test_a_complete_callback_without_a_track_is_polled_again(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "complete", tracks=0)

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    assert await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_a_silent_job_is_polled_and_an_unreachable_provider_changes_nothing(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = ProviderBusy("away")

    assert not await pipeline.watch.step()
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()

    assert pipeline.provider.asked == [job.task_id, job.task_id]
    assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_an_overdue_job_is_still_polled_and_can_finish(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    assert job.task_id is not None
    pipeline.clock.turn(901)
    await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE

    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.FINISHED
