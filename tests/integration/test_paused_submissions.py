"""While the key is refused or the credits are used up, jobs keep their places; nobody reads a false reason."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import SOURCE_KEPT, FailureReason, Job, JobState
from bot.errors import ProviderBusy, ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.services.operator.caps import Caps
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.pipeline import LIMIT, Pipeline, a_pipeline

HOUR_SECONDS = 3600
KEY_REFUSED = ProviderUnauthorized("key", code=401)
OUT_OF_CREDITS = ProviderOutOfCredits("top up", code=429)
BUSY = ProviderBusy("maintenance", code=455)
AWAY = ProviderBusy("no connection")


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def refuse(provider: FakeProvider, error: ProviderError) -> None:
    """From now on, the provider refuses submissions and answers questions about the account accordingly."""
    provider.answers = [error for _ in range(1000)]
    provider.credits_error = error if isinstance(error, ProviderUnauthorized) else None
    provider.credits_left = 0


def accept(provider: FakeProvider) -> None:
    provider.answers, provider.credits_error, provider.credits_left = [], None, 1000


async def hours_pass(pipeline: Pipeline, hours: float) -> None:
    """Let the submitting and the waiting workers look every half an hour."""
    for _ in range(int(2 * hours)):
        await pipeline.submission.step()
        await pipeline.waiting.step()
        pipeline.clock.turn(HOUR_SECONDS / 2)


async def states(pipeline: Pipeline, jobs: list[Job]) -> set[JobState]:
    return {(await pipeline.job(job)).state for job in jobs}


@pytest.mark.parametrize("error", [KEY_REFUSED, OUT_OF_CREDITS])
async def test_jobs_keep_their_places_for_two_days_and_start_once_the_pause_is_over(
    pipeline: Pipeline, error: ProviderError
) -> None:
    jobs = [await pipeline.accepted() for _ in range(3)]
    refuse(pipeline.provider, error)
    await hours_pass(pipeline, 48)
    assert await states(pipeline, jobs) == {JobState.ACCEPTED}
    assert len(pipeline.provider.extended) == 1

    accept(pipeline.provider)
    while await pipeline.submission.step():
        pass

    assert await states(pipeline, jobs) == {JobState.RUNNING}


@pytest.mark.parametrize(
    ("error", "reason"), [(KEY_REFUSED, FailureReason.OPERATOR), (OUT_OF_CREDITS, FailureReason.NO_CREDITS)]
)
async def test_a_job_whose_source_is_gone_ends_and_its_member_reads_what_it_waited_for(
    pipeline: Pipeline, error: ProviderError, reason: FailureReason
) -> None:
    job = await pipeline.accepted()
    refuse(pipeline.provider, error)
    await hours_pass(pipeline, 71)
    assert await pipeline.waiting.next_due() == job.accepted_at + SOURCE_KEPT
    assert (await pipeline.job(job)).state is JobState.ACCEPTED

    await hours_pass(pipeline, 2)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, reason)
    assert (await pipeline.balance()).left == LIMIT


async def test_after_a_long_pause_a_busy_provider_ends_nothing_for_another_day(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    refuse(pipeline.provider, KEY_REFUSED)
    await hours_pass(pipeline, 48)

    accept(pipeline.provider)
    pipeline.provider.answers = [BUSY for _ in range(1000)]
    await hours_pass(pipeline, 23)
    assert (await pipeline.job(job)).state is JobState.ACCEPTED
    await hours_pass(pipeline, 3)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.NEVER_STARTED


async def test_a_provider_out_of_reach_does_not_count_as_a_refused_key(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider(answers=[KEY_REFUSED])
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.accepted()
        await pipeline.submission.step()
    clock.turn(4 * 24 * HOUR_SECONDS)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        provider.credits_error = AWAY
        await hours_pass(pipeline, 12)
        assert (await pipeline.job(job)).state is JobState.ACCEPTED

        accept(provider)
        await pipeline.submission.step()

        assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_after_a_long_downtime_one_refusal_of_the_key_ends_nothing(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider(answers=[KEY_REFUSED], credits_error=KEY_REFUSED)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.accepted()
        await pipeline.submission.step()
    clock.turn(4 * 24 * HOUR_SECONDS)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.submission.step()
        await pipeline.waiting.step()

        assert (await pipeline.job(job)).state is JobState.ACCEPTED


async def test_a_job_that_waited_for_a_new_days_credits_is_not_given_up_for_that(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_day=12)) as pipeline:
        await pipeline.accepted()
        job = await pipeline.accepted()
        await hours_pass(pipeline, 11.5)
        pipeline.clock.turn(2 * 24 * HOUR_SECONDS)
        pipeline.provider.answers = [BUSY for _ in range(1000)]

        await hours_pass(pipeline, 5)

        assert (await pipeline.job(job)).state is JobState.ACCEPTED
