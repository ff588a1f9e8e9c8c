"""Two processes that apply callbacks: each callback is claimed by one of them before the provider is asked."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.jobs import Job
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.pipeline import Pipeline, set_the_clock_back

pytestmark = pytest.mark.postgres
CALLBACK_LEASE_SECONDS = 38


async def record_ends(pipeline: Pipeline, jobs: list[Job]) -> None:
    for job in jobs:
        body = b'{"code": 501, "msg": "failed", "data": {"callbackType": "error", "task_id": "%s"}}'
        body = body.replace(b"%s", (job.task_id or "").encode())
        await pipeline.storage.record_callback(token=job.callback_token, body=body, at=pipeline.clock())


async def run_dry(pipeline: Pipeline) -> None:
    while await pipeline.callbacks.step():
        pass


async def pending(pipeline: Pipeline) -> int:
    return len(await pipeline.storage.reading.inbox.pending(limit=1000))


async def test_the_provider_is_asked_once_about_each_callback(one: Pipeline, other: Pipeline) -> None:
    jobs = [await one.running(member_id=2000 + number) for number in range(40)]
    await run_dry(one)
    await run_dry(other)
    await record_ends(one, jobs)

    await asyncio.gather(run_dry(one), run_dry(other))

    assert sorted(one.provider.asked) == sorted(str(job.task_id) for job in jobs)
    assert await pending(one) == 0


async def test_a_backlog_is_shared_by_processes_that_start_together(one: Pipeline, other: Pipeline) -> None:
    jobs = [await one.running(member_id=2000 + number) for number in range(40)]
    await record_ends(one, jobs)

    await asyncio.gather(run_dry(one), run_dry(other))

    assert sorted(one.provider.asked) == sorted(str(job.task_id) for job in jobs)


async def test_callbacks_of_a_dead_process_are_taken_over_after_their_lease(one: Pipeline, other: Pipeline) -> None:
    await run_dry(other)
    jobs = [await one.running(member_id=2000 + number) for number in range(3)]
    await record_ends(one, jobs)
    async with asyncio.timeout(PATIENCE_SECONDS), hold("before a callback is applied") as applying:
        dying = asyncio.create_task(one.callbacks.step())
        for _ in jobs:
            await applying.reached()
        assert not await other.callbacks.step()
        one.clock.turn(CALLBACK_LEASE_SECONDS + 1)
        taking_over = asyncio.create_task(run_dry(other))
        for _ in jobs:
            await applying.reached()
        applying.release()
        await asyncio.gather(dying, taking_over)

    assert await pending(one) == 0


async def test_a_process_that_stops_leaves_its_callbacks_to_the_others_at_once(one: Pipeline, other: Pipeline) -> None:
    await run_dry(other)
    job = await one.running()
    await record_ends(one, [job])
    async with asyncio.timeout(PATIENCE_SECONDS), hold("before a callback is applied") as applying:
        stopping = asyncio.create_task(one.callbacks.step())
        await applying.reached()
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        assert await pending(one) == 1
        applying.release()

        await run_dry(other)

    assert await pending(one) == 0


async def test_no_callback_waits_long_after_the_clock_was_set_back(one: Pipeline) -> None:
    await run_dry(one)
    job = await one.running()
    await record_ends(one, [job])
    async with one.storage.transaction() as work:
        until = one.clock() + timedelta(days=1)
        await work.inbox.claim_untouched(until=until, limit=1, owner="put off")
    await set_the_clock_back(one, 86_400)
    one.clock.turn(31)

    await run_dry(one)

    assert await pending(one) == 0
