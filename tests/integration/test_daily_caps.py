"""What a day may cost the operator."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import JobState, WaitReason
from bot.domain.quota import next_day, quota_day
from bot.domain.spending import A_JOB
from bot.errors import ProviderBusy, ProviderRefused
from bot.services.operator.caps import Caps
from tests.support.pipeline import Pipeline, a_pipeline

BEN = 2002


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_server_that_has_used_its_credits_waits_until_tomorrow_and_others_go_first(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_server_per_day=24)) as pipeline:
        jobs = [await pipeline.accepted() for _ in range(3)]
        while await pipeline.submission.step():
            pass

        states = [(await pipeline.job(job)).state for job in jobs]
        assert states == [JobState.RUNNING, JobState.RUNNING, JobState.ACCEPTED]
        waiting = await pipeline.job(jobs[2])
        assert (waiting.waits_for, waiting.due_at) == (WaitReason.SERVER_CAP, next_day(pipeline.clock()))
        pipeline.clock.turn(86400)
        await pipeline.submission.step()
        after = await pipeline.job(jobs[2])
        assert (after.state, after.waits_for) == (JobState.RUNNING, None)


async def test_the_bot_never_spends_more_in_a_day_than_its_operator_allows(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_day=30)) as pipeline:
        for member_id in (1001, 1001, BEN, BEN):
            await pipeline.accepted(member_id=member_id)
        while await pipeline.submission.step():
            pass

        assert len(pipeline.provider.extended) == 2


async def test_a_submission_that_started_nothing_costs_nothing_of_the_day(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_day=12)) as pipeline:
        pipeline.provider.answers = [ProviderBusy("later", code=430), ProviderRefused("no", code=400)]
        first, second = await pipeline.accepted(), await pipeline.accepted()
        for _ in range(5):
            await pipeline.submission.step()
            pipeline.clock.turn(10)

        assert [(await pipeline.job(job)).state for job in (first, second)] == [JobState.FAILED, JobState.RUNNING]


async def test_a_task_that_was_started_and_then_refused_counts_as_one_of_the_day(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()

    await pipeline.call_back(job, "error", code=400)

    assert (await pipeline.job(job)).state is JobState.FAILED
    assert await pipeline.storage.reading.spending.of_day(quota_day(pipeline.clock())) == A_JOB
