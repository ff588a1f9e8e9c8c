"""Two processes that show progress: each message is edited by one of them at a time, and ends as it should."""

import asyncio
from pathlib import Path

import pytest

from bot.chat.shared_turns import SharedTurns
from bot.domain.jobs import JobState
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.pipeline import Pipeline, a_pipeline

LEASE_SECONDS = 30


async def test_a_late_edit_over_a_final_message_is_corrected(one: Pipeline, other: Pipeline) -> None:
    job = await one.running()
    one.messenger.edits_arrive = asyncio.Event()
    late = asyncio.create_task(one.progress.step())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not one.messenger.edits_under_way:
            await one.storage.reading.memos.get("nothing")  # enough time for it to begin
    job = await one.job(job)
    await one.call_back(job, "complete")
    await one.delivery.step()
    one.clock.turn(LEASE_SECONDS + 1)
    assert await other.progress.step()

    one.messenger.edits_arrive.set()
    await late
    while await other.progress.step():
        pass

    states = [view.state for _, view in one.messenger.shown]
    assert states == [JobState.DELIVERED, JobState.RUNNING, JobState.DELIVERED]
    assert await one.storage.reading.progress.next_due() is None


@pytest.mark.postgres
async def test_a_frozen_process_edits_nothing_that_another_has_taken_over(one: Pipeline, other: Pipeline) -> None:
    await one.running()
    other.messenger.shown = []
    async with asyncio.timeout(PATIENCE_SECONDS), hold("after a progress view is read") as looked:
        frozen = asyncio.create_task(one.progress.step())
        await looked.reached()
        one.clock.turn(LEASE_SECONDS + 1)
        taking_over = asyncio.create_task(other.progress.step())
        await looked.reached()
        looked.release()
        await asyncio.gather(frozen, taking_over)

    assert one.messenger.shown == []
    assert [view.state for _, view in other.messenger.shown] == [JobState.RUNNING]


@pytest.mark.postgres
async def test_a_process_that_joins_others_does_not_mention_a_restart(tmp_path: Path, one: Pipeline) -> None:
    await one.running()
    while await one.progress.step():
        pass
    one.clock.turn(60)

    async with a_pipeline(tmp_path, clock=one.clock, provider=one.provider) as started:
        assert not await started.progress.step()


async def test_the_result_waits_for_a_progress_edit_of_another_process_in_the_same_answer(
    one: Pipeline, other: Pipeline
) -> None:
    job = await one.accepted(private=True)
    turns = SharedTurns(other.storage, lease_seconds=LEASE_SECONDS, clock=other.clock)
    one.messenger.edits_arrive = asyncio.Event()
    editing = asyncio.create_task(one.progress.step())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not one.messenger.edits_under_way:
            await one.storage.reading.memos.get("nothing")  # enough time for it to begin

    async def write_result() -> int:
        async with turns.taken(job.id):
            return len(one.messenger.shown)

    writing = asyncio.create_task(write_result())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(writing), 0.3)
    one.messenger.edits_arrive.set()
    await editing

    assert await writing == 1


async def test_no_progress_edit_begins_while_another_process_writes_the_result(one: Pipeline, other: Pipeline) -> None:
    job = await one.accepted(private=True)
    turns = SharedTurns(other.storage, lease_seconds=LEASE_SECONDS, clock=other.clock)

    async with turns.taken(job.id):
        assert not await one.progress.step()

    assert await one.progress.step()


async def test_the_turn_of_a_dead_process_runs_out(one: Pipeline, other: Pipeline) -> None:
    job = await one.accepted(private=True)
    async with one.storage.transaction() as work:
        until = one.clock.now.replace(second=LEASE_SECONDS)
        assert await work.progress.take(job.id, owner="dead", now=one.clock(), until=until)
    one.clock.turn(LEASE_SECONDS)

    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        SharedTurns(other.storage, lease_seconds=30, clock=other.clock).taken(job.id),
    ):
        pass
