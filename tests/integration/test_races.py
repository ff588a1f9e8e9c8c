"""Races, each played in one order: a step is held where another may overtake it."""

import asyncio
from pathlib import Path

from bot.domain.jobs import JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.fault_points import hold
from tests.support.pipeline import a_pipeline


async def test_music_that_arrives_before_the_submission_is_written_down_stays_finished(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()

        async with hold("after the answer to the submit") as answered:
            submitting = asyncio.create_task(pipeline.submission.step())
            await answered.reached()
            await pipeline.call_back(job, "complete")
            assert (await pipeline.job(job)).state is JobState.FINISHED

            answered.release()
            await submitting

        assert (await pipeline.job(job)).state is JobState.FINISHED
        assert len(pipeline.provider.extended) == 1


async def test_an_old_answer_about_a_task_does_not_undo_the_callback_that_overtook_it(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.running()
        assert job.task_id is not None
        pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.TEXT)
        pipeline.clock.turn(31)

        async with hold("while the provider is asked") as asked:
            watching = asyncio.create_task(pipeline.watch.step())
            await asked.reached()
            await pipeline.call_back(job, "complete")

            asked.release()
            await watching

        finished = await pipeline.job(job)
        assert (finished.state, len(finished.tracks)) == (JobState.FINISHED, 2)
