"""Two processes on one database: whatever one of them learns about the account counts for both."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, JobState
from bot.errors import ProviderBusy, ProviderOutOfCredits, ProviderUnauthorized
from bot.services.operator.balance import Balance
from tests.support.fakes import FakeProvider
from tests.support.pipeline import Pipeline, a_pipeline

OUT_OF_CREDITS = ProviderOutOfCredits("top up", code=429)
KEY_REFUSED = ProviderUnauthorized("key", code=401)
BUSY = ProviderBusy("maintenance", code=455)
MINUTE, HOUR = 61, 3600


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        assert not await pipeline.submission.step()  # it has looked, and found the account open
        yield pipeline


@pytest.fixture
async def other(tmp_path: Path, one: Pipeline) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path, clock=one.clock, provider=one.provider) as pipeline:
        assert not await pipeline.submission.step()
        yield pipeline


async def close_the_account(one: Pipeline) -> None:
    """By the answer to a submission of this process."""
    one.provider.answers, one.provider.credits_left = [OUT_OF_CREDITS], 0
    assert await one.submission.step()


async def test_a_refusal_met_by_one_process_stops_the_submissions_of_both(one: Pipeline, other: Pipeline) -> None:
    jobs = [await one.accepted() for _ in range(3)]

    await close_the_account(one)

    for _ in range(3):
        assert not await other.submission.step()
        assert not await one.submission.step()
    assert len(one.provider.extended) == 1
    assert {(await other.job(job)).state for job in jobs} == {JobState.ACCEPTED}


async def test_one_process_at_a_time_asks_whether_the_account_is_open_again(one: Pipeline, other: Pipeline) -> None:
    await one.accepted()
    await close_the_account(one)

    for _ in range(5):
        one.clock.turn(MINUTE)
        await asyncio.gather(*(each.submission.step() for each in (one, other, one, other)))

    assert one.provider.credits_asked == 5


async def test_both_resume_as_soon_as_one_process_finds_the_account_open(one: Pipeline, other: Pipeline) -> None:
    jobs = [await one.accepted() for _ in range(2)]
    await close_the_account(one)
    assert not await other.submission.step()
    one.provider.credits_left = 100
    one.clock.turn(MINUTE)
    rung = one.bells.submit.rung

    assert await one.submission.step()
    assert one.bells.submit.rung > rung  # which wakes the others
    assert await other.submission.step()

    assert {(await one.job(job)).state for job in jobs} == {JobState.RUNNING}
    assert one.provider.credits_asked == 1
    assert [len(each.messenger.operator) for each in (one, other)] == [2, 0]


async def test_another_process_asks_if_the_one_whose_turn_it_was_dies(one: Pipeline, other: Pipeline) -> None:
    await one.accepted()
    await close_the_account(one)
    assert not await other.submission.step()

    one.provider.credits_left = 100
    one.clock.turn(MINUTE)

    assert await other.submission.step()


async def test_refusals_of_one_process_count_toward_the_patience_of_both(one: Pipeline, other: Pipeline) -> None:
    job = await one.accepted()
    await close_the_account(one)
    other.provider.credits_left = 0

    for _ in range(2 * 73):
        one.clock.turn(HOUR / 2)
        await one.submission.step()  # always first, so it is the one that asks
        await other.submission.step()
    await other.waiting.step()

    after = await one.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.NO_CREDITS


async def test_a_process_that_has_not_heard_yet_ends_no_job_of_an_open_account(one: Pipeline, other: Pipeline) -> None:
    job = await one.accepted()
    await close_the_account(one)
    for _ in range(2 * 73):
        one.clock.turn(HOUR / 2)
        await one.submission.step()
        await other.submission.step()
    one.provider.credits_left = 100
    one.provider.answers = [BUSY]
    one.clock.turn(MINUTE)
    await one.submission.step()

    await other.waiting.step()

    assert (await one.job(job)).state is JobState.ACCEPTED


async def test_a_process_without_success_ends_no_job_while_another_succeeds(one: Pipeline, other: Pipeline) -> None:
    waiting = await one.accepted()
    one.provider.answers = [BUSY for _ in range(1000)]
    for _ in range(2 * 25):
        await one.submission.step()
        one.clock.turn(HOUR / 2)
    await one.submission.step()
    served = await one.accepted(member_id=2002)
    one.provider.answers = []
    assert await other.submission.step()
    assert (await one.job(served)).state is JobState.RUNNING

    await one.waiting.step()

    assert (await one.job(waiting)).state is JobState.ACCEPTED


async def test_a_start_with_a_new_key_asks_at_once_and_all_resume(tmp_path: Path, one: Pipeline) -> None:
    jobs = [await one.accepted() for _ in range(2)]
    one.provider.answers, one.provider.credits_error = [KEY_REFUSED], KEY_REFUSED
    await one.submission.step()
    assert not await one.submission.step()

    one.provider.credits_error = None
    async with a_pipeline(tmp_path, clock=one.clock, provider=one.provider) as started:
        assert await started.submission.step()
        assert await one.submission.step()  # without waiting until it would ask

    assert {(await one.job(job)).state for job in jobs} == {JobState.RUNNING}
    assert one.provider.credits_asked == 1


async def test_no_other_submitter_tries_while_a_start_asks(tmp_path: Path, one: Pipeline) -> None:
    """Also when an older release had told the operator, and wrote no pause down."""
    await one.accepted()
    one.provider.credits_left = 0
    async with one.storage.transaction() as work:
        await work.memos.put("operator told of no credits", one.clock().isoformat())

    async with a_pipeline(tmp_path, clock=one.clock, provider=one.provider) as started:
        tried = await asyncio.gather(*(started.submission.step() for _ in range(8)))

    assert not any(tried)
    assert (one.provider.extended, one.provider.credits_asked) == ([], 1)


class SlowProvider(FakeProvider):
    """Says how many credits are left once `may_answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def credits(self) -> float:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().credits()


def balance_of(pipeline: Pipeline, provider: FakeProvider | None = None, *, account: str = "0123") -> Balance:
    asked = provider or pipeline.provider
    return Balance(pipeline.storage, asked, account=account, lasts_seconds=60, clock=pipeline.clock)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "credits left" in record.getMessage()]


@pytest.mark.postgres
async def test_one_of_several_processes_that_start_together_asks_for_the_credits(
    one: Pipeline, other: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    provider = SlowProvider()
    with caplog.at_level(logging.INFO):
        asking = asyncio.create_task(balance_of(one, provider).say())
        await provider.is_asked.wait()
        waiting = asyncio.create_task(balance_of(other).say())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)

        provider.may_answer.set()
        await asyncio.gather(asking, waiting)
    assert said(caplog) == ["1000 credits left; an extension costs 12"] * 2
    assert (provider.credits_asked, other.provider.credits_asked) == (1, 0)
    one.clock.turn(MINUTE)
    await balance_of(other).say()
    assert other.provider.credits_asked == 1


@pytest.mark.postgres
async def test_credits_are_checked_at_once_after_a_new_key_or_a_failed_check(one: Pipeline, other: Pipeline) -> None:
    one.provider.credits_error = BUSY
    await balance_of(one).say()
    one.provider.credits_error = None
    await balance_of(other).say()
    await balance_of(other, account="4567").say()

    assert one.provider.credits_asked == 3
