"""A process that is stopped leaves its unfinished work to others at once, before its claims run out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import RouteClosed
from bot.services.pipeline.accept import GOT_IT, INTERRUPTED
from tests.support.pipeline import MIA, Pipeline, a_pipeline
from tests.support.storage_samples import a_place


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@pytest.fixture
async def successor(tmp_path: Path, pipeline: Pipeline) -> AsyncIterator[Pipeline]:
    """Another process on the same database, in the same channel."""
    async with a_pipeline(tmp_path, clock=pipeline.clock, provider=pipeline.provider) as successor:
        successor.messenger.ways = pipeline.messenger.ways
        successor.messenger.placeholders = pipeline.messenger.placeholders
        yield successor


async def stopped(work: Awaitable[object], point: str) -> None:
    """The process is asked to stop while it is at `point`."""
    async with asyncio.timeout(PATIENCE_SECONDS), hold(point) as there:
        working = asyncio.ensure_future(work)
        await there.reached()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_command_that_is_being_read_is_taken_over_at_once(pipeline: Pipeline, successor: Pipeline) -> None:
    await pipeline.waiting_command()
    await stopped(pipeline.acceptance.step(), "after the source upload")
    seen = pipeline.bells.intake.rung
    await pipeline.acceptance.release()

    assert pipeline.bells.intake.rung == seen + 1
    assert await successor.acceptance.step()

    (job,) = await successor.storage.reading.jobs.of_member(MIA, limit=5)
    assert successor.messenger.answers == [[INTERRUPTED], [GOT_IT]]
    assert list(pipeline.messenger.placeholders.values()) == [job.progress_message_id]
    assert (await successor.balance()).held == 1


async def test_a_delivery_is_taken_over_at_once(pipeline: Pipeline, successor: Pipeline) -> None:
    job = await pipeline.finished()
    await stopped(pipeline.delivery.step(), "before the post")
    seen = pipeline.bells.deliver.rung
    await pipeline.delivery.release()

    assert pipeline.bells.deliver.rung == seen + 1
    assert await successor.delivery.step()

    assert [job_id for job_id, _ in pipeline.messenger.ways[0].posted] == [job.id]
    assert (await successor.job(job)).state is JobState.DELIVERED


async def test_music_that_was_being_sent_for_the_first_time_is_left_to_the_delivery(
    pipeline: Pipeline, successor: Pipeline
) -> None:
    pipeline.messenger.ways[0].errors = [RouteClosed("locked")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    click = replace(a_place(), interaction_id=77, channel_id=555, member_id=MIA, received_at=pipeline.clock())
    await stopped(pipeline.resend.send_again(job.id, MIA, click), "before the post")
    await pipeline.resend.release()

    assert await successor.delivery.step()

    assert (await successor.job(job)).state is JobState.DELIVERED


async def test_a_progress_message_is_taken_over_at_once(pipeline: Pipeline, successor: Pipeline) -> None:
    await pipeline.running()
    await successor.progress.step()
    pipeline.clock.turn(5)
    await pipeline.running(member_id=MIA + 1)
    await stopped(pipeline.progress.step(), "before a progress message is shown")
    seen = pipeline.bells.progress.rung
    await pipeline.progress.release()

    assert pipeline.bells.progress.rung == seen + 1
    assert await successor.progress.step()


@pytest.mark.postgres  # one process alone claims no callbacks
@pytest.mark.parametrize("point", ["after callbacks are claimed", "before a callback is applied"])
async def test_a_callback_is_taken_over_at_once(pipeline: Pipeline, successor: Pipeline, point: str) -> None:
    """Also one that was claimed a moment before the worker was stopped, which it never heard of."""
    job = await pipeline.running()
    await pipeline.callbacks.step()
    await successor.callbacks.step()
    seen = pipeline.bells.callbacks.rung
    await stopped(pipeline.call_back(job, "complete"), point)
    await pipeline.callbacks.release()

    assert await successor.callbacks.step()
    assert (await successor.job(job)).state is JobState.FINISHED
    assert pipeline.bells.callbacks.rung == seen + 1


async def test_a_process_without_claims_wakes_nobody(pipeline: Pipeline, successor: Pipeline) -> None:
    job = await pipeline.finished()
    async with hold("before the post") as ready:
        delivering = asyncio.create_task(successor.delivery.step())
        await ready.reached()
        bells = pipeline.bells
        before = [bell.rung for bell in (bells.intake, bells.callbacks, bells.deliver, bells.progress)]
        await pipeline.acceptance.release()
        await pipeline.callbacks.release()
        await pipeline.delivery.release()
        await pipeline.progress.release()

        assert [bell.rung for bell in (bells.intake, bells.callbacks, bells.deliver, bells.progress)] == before
        assert not await pipeline.delivery.step()  # the other process still has it
        ready.release()
        await delivering

    assert (await pipeline.job(job)).state is JobState.DELIVERED
