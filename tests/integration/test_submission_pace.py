"""What submissions keep across restarts: the provider's rate, and the pause for an empty account."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, JobState
from bot.domain.pace import SlidingWindow
from bot.errors import ProviderBusy, ProviderOutOfCredits, ProviderUnauthorized
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.pipeline.rate import SENT
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.pipeline import LIMIT, Pipeline, a_pipeline

THREE = SlidingWindow(limit=3, window_seconds=10)
OUT_OF_CREDITS = ProviderOutOfCredits("top up", code=429)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path, window=THREE) as pipeline:
        yield pipeline


async def submitted(pipeline: Pipeline) -> int:
    """How many jobs can be submitted now, one after the other."""
    number = 0
    while await pipeline.submission.step():
        number += 1
    return number


async def test_a_job_that_the_rate_holds_back_keeps_waiting_and_can_be_cancelled(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()

    assert await pipeline.submission.next_due() == pipeline.clock()
    assert await submitted(pipeline) == 3
    live = await pipeline.storage.reading.jobs.live()
    waiting = next(job for job in live if job.state is JobState.ACCEPTED)
    assert await pipeline.submission.next_due() == pipeline.clock() + timedelta(seconds=10)
    assert (await pipeline.members.cancel(waiting.place.member_id, waiting.short_id)).state is JobState.CANCELLED
    pipeline.clock.turn(10)

    assert await submitted(pipeline) == 1


async def test_a_restart_does_not_start_a_new_window(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider, window=THREE) as pipeline:
        for _ in range(LIMIT):
            await pipeline.accepted()
        assert await submitted(pipeline) == 3
    clock.turn(4)

    async with a_pipeline(tmp_path, clock=clock, provider=provider, window=THREE) as pipeline:
        assert await submitted(pipeline) == 0
        clock.turn(6)
        assert await submitted(pipeline) == 2


async def test_two_processes_share_one_window(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with (
        a_pipeline(tmp_path, clock=clock, provider=provider, window=THREE) as one,
        a_pipeline(tmp_path, clock=clock, provider=provider, window=THREE) as other,
    ):
        for _ in range(LIMIT):
            await one.accepted()

        assert [await one.submission.step(), await other.submission.step()] == [True, True]
        assert await submitted(one) + await submitted(other) == 1


async def test_a_request_counts_from_its_answer_however_long_it_took(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()
    pipeline.provider.on_extend = lambda: pipeline.clock.turn(2)
    assert await submitted(pipeline) == 3  # sent after 0, 2 and 4 seconds, answered after 2, 4 and 6

    assert await pipeline.submission.next_due() == pipeline.clock() + timedelta(seconds=10 - 4)


async def test_after_the_clock_was_set_back_one_window_passes_before_the_next_submission(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()
    assert await submitted(pipeline) == 3
    pipeline.clock.turn(-3600)
    for job in await pipeline.storage.reading.jobs.live():
        async with pipeline.storage.transaction() as work:
            await work.jobs.hasten(until=pipeline.clock())
        assert job.accepted_at > pipeline.clock()

    assert await submitted(pipeline) == 0
    pipeline.clock.turn(10)
    assert await submitted(pipeline) == 2


async def test_the_operator_hears_once_that_credits_are_gone_and_once_that_they_are_back(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider(answers=[OUT_OF_CREDITS, OUT_OF_CREDITS], credits_left=3)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        for _ in range(2):
            await pipeline.accepted()
        async with asyncio.timeout(PATIENCE_SECONDS), hold("before the submit") as claimed:
            both = [asyncio.create_task(pipeline.submission.step()) for _ in range(2)]
            for _ in both:
                await claimed.reached()
            claimed.release()
            await asyncio.gather(*both)
        assert [len(told) for told in pipeline.messenger.operator] == [1]

    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        assert not await pipeline.submission.step()
        clock.turn(61)
        assert not await pipeline.submission.step()
        provider.credits_left = 100
        clock.turn(61)
        assert await pipeline.submission.step()
        assert ["again" in told[0].message for told in pipeline.messenger.operator] == [True]
    assert len(provider.extended) == 3


async def test_a_refused_key_pauses_everything_and_work_resumes_when_it_is_accepted(pipeline: Pipeline) -> None:
    pipeline.provider.answers = [ProviderUnauthorized("key", code=401)]
    for _ in range(3):
        await pipeline.accepted()

    for _ in range(3):
        await pipeline.submission.step()

    assert len(pipeline.provider.extended) == 1
    assert all(job.state is JobState.ACCEPTED for job in await pipeline.storage.reading.jobs.live())
    pipeline.clock.turn(61)
    for _ in range(3):
        await pipeline.submission.step()
    first, last = (told[0].message for told in pipeline.messenger.operator)
    assert "SUNO_API_KEY" in first
    assert "accepts this bot's key again" in last
    assert len(pipeline.provider.extended) == 4


async def test_a_job_that_can_never_be_submitted_is_given_up_at_the_deadline(pipeline: Pipeline) -> None:
    pipeline.provider.answers = [ProviderBusy("maintenance", code=455) for _ in range(3)]
    job = await pipeline.accepted()
    await pipeline.submission.step()

    for _ in range(2):
        pipeline.clock.turn(43_000)
        await pipeline.submission.step()
    pipeline.clock.turn(399)
    assert await pipeline.waiting.next_due() is None
    assert not await pipeline.waiting.step()
    pipeline.clock.turn(1)
    assert await pipeline.waiting.next_due() == job.accepted_at + timedelta(seconds=86400)
    assert await pipeline.waiting.step()

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.NEVER_STARTED)
    assert (await pipeline.balance()).left == LIMIT
    assert not await pipeline.waiting.step()


async def test_an_unreadable_attempt_in_the_memo_does_not_stop_submissions(pipeline: Pipeline) -> None:
    async with pipeline.storage.transaction() as work:
        await work.memos.put(SENT, f"of another release\nattempt {pipeline.clock().isoformat()}")
    for _ in range(LIMIT):
        await pipeline.accepted()

    assert await submitted(pipeline) == 2


async def test_every_refused_attempt_takes_a_place_of_its_own_in_the_window(pipeline: Pipeline) -> None:
    pipeline.provider.answers = [ProviderBusy("too many", code=430) for _ in range(3)]
    begun_at = pipeline.clock()
    await pipeline.accepted()
    while len(pipeline.provider.extended) < 3:
        await submitted(pipeline)
        pipeline.clock.turn(0.5)

    await pipeline.accepted()
    assert pipeline.clock() - begun_at < timedelta(seconds=10)
    assert await submitted(pipeline) == 0
    pipeline.clock.turn(10)
    assert await submitted(pipeline) == 2
