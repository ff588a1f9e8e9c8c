"""Races, each played in one order: a step is held where another may overtake it."""

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.domain.jobs import Job, JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.errors import ProviderRefused, ProviderSilent
from bot.fault_points import hold
from bot.services.pipeline.watch import UNKNOWN_TRIES
from tests.support.pipeline import Pipeline, a_pipeline

UNKNOWN = ProviderRefused("no such task", code=404)


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


async def a_job_that_a_callback_named(pipeline: Pipeline, task_id: str) -> Job:
    """Its submission was never answered, and the provider denies the task so far."""
    pipeline.provider.answers = [ProviderSilent("timeout")]
    job = await pipeline.accepted()
    await pipeline.submission.step()
    await named(pipeline, job, task_id)
    return job


async def named(pipeline: Pipeline, job: Job, task_id: str) -> None:
    pipeline.provider.reports[task_id] = UNKNOWN
    await pipeline.call_back(replace(job, task_id=task_id), "complete", confirmed=False)


async def look_while_another_is_named(pipeline: Pipeline, job: Job, task_id: str) -> None:
    pipeline.clock.turn(3)
    async with hold("while the provider is asked") as asked:
        watching = asyncio.create_task(pipeline.watch.step())
        await asked.reached()
        await named(pipeline, job, task_id)
        asked.release()
        await watching


async def test_an_answer_about_one_task_does_not_prove_another_that_a_callback_named_meanwhile(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await a_job_that_a_callback_named(pipeline, "real")
        pipeline.provider.reports["real"] = TaskReport(task_id="real", kind=ReportKind.TEXT)

        await look_while_another_is_named(pipeline, job, "invented")

        after = await pipeline.job(job)
        assert (after.state, after.task_id, after.named_task_id) == (JobState.RUNNING, "real", None)


async def test_denying_one_task_does_not_forget_another_that_a_callback_named_meanwhile(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await a_job_that_a_callback_named(pipeline, "invented")
        for _ in range(UNKNOWN_TRIES - 1):
            pipeline.clock.turn(3)
            await pipeline.watch.step()

        await look_while_another_is_named(pipeline, job, "real")

        assert (await pipeline.job(job)).named_task_id == "real"
