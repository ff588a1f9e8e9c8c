"""What is kept across restarts of all that is sent: the provider's rate, and the pause of an empty account."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, JobState
from bot.domain.pace import SlidingWindow
from bot.errors import ProviderOutOfCredits, ProviderUnauthorized
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.pipeline import LIMIT, World, a_world

THREE = SlidingWindow(limit=3, window_seconds=10)
OUT_OF_CREDITS = ProviderOutOfCredits("top up", code=429)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, window=THREE) as world:
        yield world


async def submitted(world: World) -> int:
    """How many jobs are submitted now, one after the other."""
    number = 0
    while await world.submission.step():
        number += 1
    return number


async def test_a_job_without_a_place_in_the_rate_goes_on_waiting_and_can_be_cancelled(world: World) -> None:
    for _ in range(LIMIT):
        await world.accepted()

    assert await world.submission.next_due() == world.clock()
    assert await submitted(world) == 3
    live = await world.storage.reading.jobs.live()
    waiting = next(job for job in live if job.state is JobState.ACCEPTED)
    assert await world.submission.next_due() == world.clock() + timedelta(seconds=10)
    assert (await world.members.cancel(waiting.place.member_id, waiting.short_id)).state is JobState.CANCELLED
    world.clock.turn(10)

    assert await submitted(world) == 1


async def test_a_restart_does_not_begin_a_new_window(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_world(tmp_path, clock=clock, provider=provider, window=THREE) as world:
        for _ in range(LIMIT):
            await world.accepted()
        assert await submitted(world) == 3
    clock.turn(4)

    async with a_world(tmp_path, clock=clock, provider=provider, window=THREE) as world:
        assert await submitted(world) == 0
        clock.turn(6)
        assert await submitted(world) == 2


async def test_two_processes_share_one_window(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with (
        a_world(tmp_path, clock=clock, provider=provider, window=THREE) as one,
        a_world(tmp_path, clock=clock, provider=provider, window=THREE) as other,
    ):
        for _ in range(LIMIT):
            await one.accepted()

        assert [await one.submission.step(), await other.submission.step()] == [True, True]
        assert await submitted(one) + await submitted(other) == 1


async def test_a_request_counts_from_its_answer_on_however_long_it_was_on_its_way(world: World) -> None:
    for _ in range(LIMIT):
        await world.accepted()
    world.provider.on_extend = lambda: world.clock.turn(2)
    assert await submitted(world) == 3  # sent after 0, 2 and 4 seconds, answered after 2, 4 and 6

    assert await world.submission.next_due() == world.clock() + timedelta(seconds=10 - 4)


async def test_after_the_clock_was_set_back_one_window_is_waited_for(world: World) -> None:
    for _ in range(LIMIT):
        await world.accepted()
    assert await submitted(world) == 3
    world.clock.turn(-3600)
    for job in await world.storage.reading.jobs.live():
        async with world.storage.transaction() as work:
            await work.jobs.hasten(until=world.clock())
        assert job.accepted_at > world.clock()

    assert await submitted(world) == 0
    world.clock.turn(10)
    assert await submitted(world) == 2


async def test_the_operator_is_told_once_that_there_are_no_credits_and_once_that_they_are_back(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider(answers=[OUT_OF_CREDITS, OUT_OF_CREDITS], credits_left=3)
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        await world.accepted()
        await world.submission.step()
        world.submission._account.ask_at = None  # as a second submission that was under way by then
        await world.submission.step()
        assert [len(told) for told in world.messenger.operator] == [1]

    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        assert not await world.submission.step()
        clock.turn(61)
        assert not await world.submission.step()
        provider.credits_left = 100
        clock.turn(61)
        assert await world.submission.step()
        assert ["again" in told[0].message for told in world.messenger.operator] == [True]
    assert len(provider.extended) == 3


async def test_a_refused_key_pauses_everything_and_work_resumes_when_it_is_accepted(world: World) -> None:
    world.provider.answers = [ProviderUnauthorized("key", code=401)]
    for _ in range(3):
        await world.accepted()

    for _ in range(3):
        await world.submission.step()

    assert len(world.provider.extended) == 1
    assert all(job.state is JobState.ACCEPTED for job in await world.storage.reading.jobs.live())
    world.clock.turn(61)
    for _ in range(3):
        await world.submission.step()
    first, last = (told[0].message for told in world.messenger.operator)
    assert "SUNO_API_KEY" in first
    assert "accepts this bot's key again" in last
    assert len(world.provider.extended) == 4


async def test_a_job_that_can_never_be_submitted_is_given_up_at_the_deadline(world: World) -> None:
    world.provider.answers = [OUT_OF_CREDITS]
    world.provider.credits_left = 0
    job = await world.accepted()
    await world.submission.step()

    for _ in range(2):
        world.clock.turn(43_000)
        await world.submission.step()
    assert await world.waiting.next_due() == job.accepted_at + timedelta(seconds=86400)
    world.clock.turn(399)
    assert not await world.waiting.step()
    world.clock.turn(1)
    assert await world.waiting.step()

    after = await world.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.NEVER_STARTED)
    assert (await world.balance()).left == LIMIT
    assert not await world.waiting.step()
