"""A callback is only news and the provider's record decides, because anyone who knows an address can invent one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Stage
from bot.domain.reports import ReportKind, TaskReport
from bot.errors import ProviderBusy, ProviderError, ProviderRefused, ProviderSilent, ProviderUnauthorized
from bot.fault_points import hold
from bot.services.pipeline.apply_callbacks import AGAIN_SECONDS
from storage.inbox import CALLBACKS_PER_JOB
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def says(pipeline: Pipeline, kind: ReportKind, *, tracks: int = 0) -> None:
    """The provider's record of the first task."""
    pipeline.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=kind, tracks=TRACKS[:tracks])


@pytest.mark.parametrize("kind", ["complete", "error"])
async def test_an_end_that_the_record_does_not_confirm_changes_nothing_but_is_polled_soon(
    pipeline: Pipeline, kind: str
) -> None:
    job = await pipeline.running()
    says(pipeline, ReportKind.TEXT)

    await pipeline.call_back(job, kind, code=200 if kind == "complete" else 500, confirmed=False)

    after = await pipeline.job(job)
    assert (after.state, after.tracks, after.failure) == (JobState.RUNNING, (), None)
    says(pipeline, ReportKind.COMPLETE, tracks=2)
    pipeline.clock.turn(3)
    assert await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_the_record_counts_if_both_report_an_end(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    says(pipeline, ReportKind.COMPLETE, tracks=2)

    await pipeline.call_back(job, "error", code=500, tracks=0, confirmed=False)

    after = await pipeline.job(job)
    assert (after.state, after.tracks) == (JobState.FINISHED, TRACKS)


async def test_invented_tracks_never_reach_the_job(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    says(pipeline, ReportKind.FIRST, tracks=0)

    await pipeline.call_back(job, "first", tracks=1)
    await pipeline.call_back(job, "text", tracks=2)

    after = await pipeline.job(job)
    assert (after.stage, after.tracks) == (Stage.FIRST, ())
    assert after.due_at == pipeline.clock()


async def test_a_record_that_is_only_behind_does_not_hold_the_tracks_up(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    says(pipeline, ReportKind.FIRST, tracks=2)

    await pipeline.call_back(job, "complete", confirmed=False)

    assert (await pipeline.job(job)).state is JobState.FINISHED


AWAY = [ProviderBusy("away", code=503), ProviderSilent("timeout"), ProviderUnauthorized("key", code=401)]


@pytest.mark.parametrize("error", AWAY)
async def test_music_is_believed_in_while_the_provider_cannot_be_asked(
    pipeline: Pipeline, error: ProviderError
) -> None:
    job = await pipeline.running()
    pipeline.provider.reports["task-1"] = error

    await pipeline.call_back(job, "complete", confirmed=False)

    assert (await pipeline.job(job)).state is JobState.FINISHED


@pytest.mark.parametrize("error", AWAY)
async def test_a_failure_is_believed_only_once_the_provider_confirms_it(
    pipeline: Pipeline, error: ProviderError
) -> None:
    job = await pipeline.running()
    pipeline.provider.reports["task-1"] = error

    await pipeline.call_back(job, "error", code=531, confirmed=False)

    waiting = await pipeline.job(job)
    assert waiting.state is JobState.RUNNING
    assert waiting.due_at == pipeline.clock() + timedelta(seconds=AGAIN_SECONDS)
    pipeline.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.FAILED, code=531)
    pipeline.clock.turn(AGAIN_SECONDS)
    await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.FAILED


async def test_a_task_unknown_to_the_provider_is_not_believed(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderSilent("timeout")]
    await pipeline.submission.step()
    pipeline.provider.reports["task-told"] = ProviderRefused("no such task", code=404)

    await pipeline.call_back(await pipeline.job(job), "complete", confirmed=False)

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.outcome_unknown) == (JobState.SUBMITTING, None, True)


async def test_the_answer_to_the_submission_outweighs_an_earlier_callback(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        claimed = await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock())
    assert claimed is not None
    await pipeline.call_back(claimed, "text", tracks=0)
    assert (await pipeline.job(job)).task_id == "task-told"

    await pipeline.submission._submit(claimed, "attempt")

    assert (await pipeline.job(job)).task_id == "task-1"


# A job without a task id: its submission was never answered, or it waits in a restored copy

NO_SUCH_TASK = (
    ProviderRefused("no such task", code=404),
    TaskReport(task_id=None, kind=ReportKind.WAITING),  # `data` is null (docs/provider.md 4)
)


@pytest.mark.parametrize("kind", ["text", "first", "complete", "error"])
@pytest.mark.parametrize("denial", NO_SUCH_TASK)
async def test_an_invented_task_does_not_keep_the_true_one_out(
    pipeline: Pipeline, kind: str, denial: ProviderError | TaskReport
) -> None:
    job = await pipeline.unanswered()
    pipeline.provider.reports["made-up"] = denial

    await pipeline.call_back(replace(job, task_id="made-up"), kind, confirmed=False)
    pipeline.clock.turn(3)
    await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.stage) == (JobState.SUBMITTING, None, Stage.QUEUED)
    await pipeline.call_back(replace(job, task_id="true-task"), "complete")
    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.tracks) == (JobState.FINISHED, "true-task", TRACKS)


async def test_many_invented_tasks_keep_the_true_one_out_for_a_minute_at_most(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()
    for number in range(CALLBACKS_PER_JOB):
        pipeline.provider.reports[f"made-up-{number}"] = ProviderRefused("no such task", code=404)
        await pipeline.call_back(replace(job, task_id=f"made-up-{number}"), "text", confirmed=False)
    await pipeline.call_back(replace(job, task_id="true-task"), "complete")
    assert (await pipeline.job(job)).task_id is None

    pipeline.clock.turn(60)
    await pipeline.call_back(replace(job, task_id="true-task"), "complete")  # the provider comes again

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.tracks) == (JobState.FINISHED, "true-task", TRACKS)


async def test_lyrics_of_a_task_that_the_provider_knows_start_the_job(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()

    await pipeline.call_back(job, "text", tracks=0)

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.stage) == (JobState.RUNNING, "task-told", Stage.TEXT)


async def test_a_callback_that_names_no_task_says_nothing_about_a_job_without_one(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()
    body = b'{"code": 200, "data": {"callbackType": "complete", "data": [{"id": "x", "audio_url": "https://a.b/x"}]}}'

    await pipeline.storage.record_callback(token=job.callback_token, body=body, at=pipeline.clock())
    await pipeline.callbacks.step()

    assert await pipeline.job(job) == job


@pytest.mark.parametrize("kind", ["text", "complete"])
async def test_without_a_task_a_callback_waits_until_the_provider_can_be_asked(pipeline: Pipeline, kind: str) -> None:
    job = await pipeline.unanswered()
    pipeline.provider.reports["task-told"] = ProviderBusy("away", code=503)

    await pipeline.call_back(job, kind, confirmed=False)

    assert await pipeline.job(job) == job
    says_so = TaskReport(task_id="task-told", kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.provider.reports["task-told"] = says_so
    pipeline.clock.turn(3)
    await pipeline.callbacks.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_a_name_is_asked_about_once_the_submission_has_failed_to_answer(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.reports["task-told"] = ProviderRefused("no such task, yet", code=404)
    pipeline.provider.answers = [ProviderSilent("timeout")]
    under_way: list[Job] = []

    async with hold("between claim and send") as point:
        submitting = asyncio.create_task(pipeline.submission.step())
        await point.reached()
        before = await pipeline.job(job)
        await pipeline.call_back(before, "text", tracks=0)
        under_way.append(await pipeline.job(job))
        point.release()
        await submitting

    assert under_way == [replace(before, named_task_id="task-told")]
    after = await pipeline.job(job)
    assert (after.outcome_unknown, after.due_at) == (True, pipeline.clock())


@pytest.mark.parametrize("kind", ["text", "first", "complete", "error"])
@pytest.mark.parametrize("denial", NO_SUCH_TASK)
async def test_an_invented_task_neither_starts_nor_ends_a_job_on_hold(
    tmp_path: Path, kind: str, denial: ProviderError | TaskReport
) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        on_hold = await pipeline.job(await pipeline.held_back())
        pipeline.provider.reports["task-told"] = denial

        await pipeline.call_back(on_hold, kind, confirmed=False)
        pipeline.clock.turn(60)
        await pipeline.waiting.step()

        assert on_hold.state is JobState.ON_HOLD
        assert await pipeline.job(on_hold) == on_hold
