"""Submitting a job: its turn, its task, and answers that refuse it, put it off or never come."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, Job, JobState
from bot.domain.quota import quota_day
from bot.errors import (
    ProviderBusy,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
)
from tests.support.fakes import BEGINNING
from tests.support.pipeline import LIMIT, MIA, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_submitted_job_runs_under_its_task(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    assert (job.state, job.task_id) == (JobState.RUNNING, "task-1")
    assert pipeline.provider.extended == [f"https://encore.example/callbacks/{job.callback_token}"]
    assert not await pipeline.submission.step()


async def test_a_busy_provider_puts_the_job_back_in_its_place(pipeline: Pipeline) -> None:
    first, second = await pipeline.accepted(), await pipeline.accepted(member_id=2002)
    pipeline.provider.answers = [ProviderBusy("too frequent", code=430)]

    assert await pipeline.submission.step()

    job = await pipeline.job(first)
    assert (job.state, job.attempts) == (JobState.ACCEPTED, 1)
    assert await pipeline.storage.reading.jobs.queue_position(second.id) == 2
    pipeline.clock.turn(10)
    assert await pipeline.submission.step()
    assert (await pipeline.job(first)).state is JobState.RUNNING


async def test_a_refused_job_fails_with_a_message_and_gets_its_unit_back(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderRefused("no", code=400)]

    await pipeline.submission.step()
    await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert after.state is JobState.FAILED
    assert after.failure is not None
    assert after.failure.reason is FailureReason.REFUSED
    assert pipeline.messenger.ways[0].told_failures == [job.id]
    assert (await pipeline.balance()).left == LIMIT


async def test_without_credits_nothing_is_submitted_until_they_are_back(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderOutOfCredits("top up", code=429)]
    pipeline.provider.credits_left = 3

    await pipeline.submission.step()
    assert not await pipeline.submission.step()
    pipeline.clock.turn(61)
    assert not await pipeline.submission.step()
    pipeline.provider.credits_left = 100
    pipeline.clock.turn(61)

    assert await pipeline.submission.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert len(pipeline.provider.extended) == 2


async def test_a_submission_without_an_answer_is_never_repeated_and_a_callback_completes_it(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderSilent("timeout")]

    await pipeline.submission.step()
    pipeline.clock.turn(600)
    assert not await pipeline.submission.step()
    unknown = await pipeline.job(job)
    assert (unknown.state, unknown.outcome_unknown) == (JobState.SUBMITTING, True)
    assert (await pipeline.balance()).held == 1
    await pipeline.call_back(unknown, "complete")

    after = await pipeline.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")
    assert len(pipeline.provider.extended) == 1


async def test_an_unknown_outcome_returns_its_unit_once_at_the_deadline(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderSilent("timeout")]
    await pipeline.submission.step()

    pipeline.clock.turn(901)
    assert await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE
    pipeline.clock.turn(86400)
    for _ in range(3):
        assert (await pipeline.job(job)).state is JobState.OVERDUE
        assert await pipeline.watch.step()
        pipeline.clock.turn(31)
    assert not await pipeline.watch.step()

    after = await pipeline.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.SILENCE
    day = quota_day(BEGINNING)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


async def test_a_job_that_was_claimed_but_never_sent_goes_back_to_its_place(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=30))

    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    assert await pipeline.submission.step()

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert len(pipeline.provider.extended) == 1


async def test_a_submission_whose_process_died_is_unknown_and_not_repeated(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        claimed = await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=30))
    assert claimed is not None
    assert await pipeline.submission._mark_sent(claimed)
    assert not await pipeline.submission._mark_sent(claimed)

    pipeline.clock.turn(181)
    assert await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.outcome_unknown) == (JobState.SUBMITTING, True)
    assert not await pipeline.submission.step()


async def test_a_callback_that_overtakes_the_answer_is_kept(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    claimed: list[Job] = []
    async with pipeline.storage.transaction() as work:
        turn = await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=180))
        assert turn is not None
        claimed.append(turn)
    await pipeline.call_back(claimed[0], "complete")

    await pipeline.submission._submit(claimed[0], "attempt")

    assert (await pipeline.job(job)).state is JobState.FINISHED
