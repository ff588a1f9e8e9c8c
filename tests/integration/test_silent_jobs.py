"""A job is asked about once it has been silent for a while; as long as callbacks bring its news, it is left alone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState, Stage, Track
from bot.domain.reports import ReportKind, TaskReport
from bot.fault_points import hold
from bot.services.pipeline.apply_callbacks import AGAIN_SECONDS
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline

SOON = timedelta(seconds=AGAIN_SECONDS)
SILENCE, PACE = timedelta(seconds=90), timedelta(seconds=30)
HEARD = Track(id="one", stream_url="https://stream.example/one")


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path, silence_seconds=SILENCE.total_seconds()) as pipeline:
        yield pipeline


def record_has(pipeline: Pipeline, job: Job, kind: ReportKind, *tracks: Track) -> None:
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=kind, tracks=tracks)


async def told_all(pipeline: Pipeline, job: Job) -> None:
    """Its callback has brought the lyrics, and the poll right after it the streams."""
    await pipeline.call_back(job, "text")
    record_has(pipeline, job, ReportKind.TEXT, HEARD)
    assert await pipeline.watch.step()


async def asked_in(pipeline: Pipeline, job: Job) -> timedelta | None:
    """How long until the provider is asked about the job."""
    due_at = (await pipeline.job(job)).due_at
    return due_at - pipeline.clock() if due_at is not None else None


async def test_a_job_whose_streams_are_known_is_left_alone_after_its_callback(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.clock.turn(25)

    await told_all(pipeline, job)

    assert (await pipeline.job(job)).tracks == (HEARD,)
    assert await asked_in(pipeline, job) == SILENCE


async def test_each_callback_with_news_gives_the_job_time_for_the_next_one(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(80)

    await pipeline.call_back(job, "first")

    assert (await pipeline.job(job)).stage is Stage.FIRST
    assert await asked_in(pipeline, job) == SILENCE


async def test_a_callback_that_comes_again_gives_it_none(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(80)

    await pipeline.call_back(job, "text")

    assert await asked_in(pipeline, job) == SILENCE - timedelta(seconds=80)


async def test_a_job_whose_streams_are_still_missing_is_asked_about_at_the_usual_pace(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await pipeline.call_back(job, "text")
    record_has(pipeline, job, ReportKind.TEXT)

    assert await pipeline.watch.step()

    assert await asked_in(pipeline, job) == PACE


async def test_a_silent_job_is_asked_about_at_the_usual_pace_even_when_a_poll_has_brought_news(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.running()
    assert await asked_in(pipeline, job) == SILENCE
    pipeline.clock.turn(60)
    for tracks in ((), (HEARD,), (HEARD,)):
        record_has(pipeline, job, ReportKind.TEXT, *tracks)
        pipeline.clock.turn(PACE.total_seconds())
        assert await pipeline.watch.step()
        assert await asked_in(pipeline, job) == PACE


async def test_a_job_that_ended_with_one_track_is_asked_about_the_other_at_the_usual_pace(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(60)
    await pipeline.call_back(job, "complete", tracks=1)

    assert await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert await asked_in(pipeline, job) == PACE


async def test_the_same_goes_while_the_providers_record_is_behind_that_end(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(60)
    record_has(pipeline, job, ReportKind.FIRST, TRACKS[0])
    await pipeline.call_back(job, "complete", tracks=1, confirmed=False)

    assert await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert await asked_in(pipeline, job) == PACE


@pytest.mark.parametrize("end", ["complete", "error"])
async def test_an_end_that_is_not_confirmed_is_asked_about_soon_and_then_at_the_usual_pace(
    pipeline: Pipeline, end: str
) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    await pipeline.call_back(job, "first")
    pipeline.clock.turn(5)

    await pipeline.call_back(job, end, confirmed=False)
    assert await asked_in(pipeline, job) == SOON
    pipeline.clock.turn(AGAIN_SECONDS)
    assert await pipeline.watch.step()

    assert await asked_in(pipeline, job) == PACE


async def test_older_news_that_comes_after_an_unconfirmed_end_puts_no_question_off(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(60)
    await pipeline.call_back(job, "complete", confirmed=False)
    pipeline.clock.turn(1)

    await pipeline.call_back(job, "first")

    assert (await pipeline.job(job)).stage is Stage.FIRST
    assert await asked_in(pipeline, job) == SOON - timedelta(seconds=1)


async def test_an_older_answer_puts_off_no_question_that_a_callback_has_called_for_meanwhile(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    pipeline.clock.turn(SILENCE.total_seconds())
    record_has(pipeline, job, ReportKind.FIRST, HEARD, TRACKS[0])
    async with hold("while the provider is asked") as point:
        poll = asyncio.create_task(pipeline.watch.step())
        await point.reached()
        await pipeline.call_back(job, "complete", tracks=1)
    assert await poll

    assert await asked_in(pipeline, job) == timedelta(0)


async def test_a_job_that_is_set_aside_stays_so_when_its_callback_brings_news(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    await pipeline.storage.write(lambda work: work.jobs.set_aside(job.id, JobState.RUNNING, at=pipeline.clock()))
    pipeline.clock.turn(5)

    await pipeline.call_back(job, "first")

    assert await asked_in(pipeline, job) is None


@pytest.mark.parametrize("silence_seconds", [0, 0.5])
async def test_however_short_the_silence_a_job_is_asked_about_at_the_usual_pace(
    tmp_path: Path, silence_seconds: float
) -> None:
    async with a_pipeline(tmp_path, silence_seconds=silence_seconds) as pipeline:
        job = await pipeline.running()

        await told_all(pipeline, job)

        assert await asked_in(pipeline, job) == PACE


async def test_however_long_the_silence_a_job_is_overdue_in_time(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, silence_seconds=86400) as pipeline:
        job = await pipeline.running()
        await told_all(pipeline, job)

        pipeline.clock.turn(900)  # what the pipeline calls overdue
        assert await pipeline.watch.step()

        assert (await pipeline.job(job)).state is JobState.OVERDUE


async def test_an_end_whose_callback_is_lost_is_found_after_the_silence(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await told_all(pipeline, job)
    record_has(pipeline, job, ReportKind.COMPLETE, *TRACKS)

    pipeline.clock.turn(SILENCE.total_seconds())
    assert await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.FINISHED
