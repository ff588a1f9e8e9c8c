"""A command that waits a moment before it is queued: undone in any process until a worker has it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bot.domain.jobs import Intake
from bot.errors import Refused, TakenElsewhere
from tests.support.pipeline import MIA, Pipeline, a_pipeline, another_process

clicks = count(9000)
FIVE = timedelta(seconds=5)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def begun_for_later(pipeline: Pipeline) -> Intake:
    intake = await pipeline.written_down()
    assert intake is not None
    await pipeline.acceptance.begin(intake, after=FIVE)
    return intake


async def test_no_worker_takes_it_before_its_time(pipeline: Pipeline) -> None:
    await begun_for_later(pipeline)
    assert not await pipeline.acceptance.step()

    pipeline.clock.turn(5)

    assert await pipeline.acceptance.step()
    assert await pipeline.latest_job() is not None


async def test_its_time_can_be_brought_forward_but_not_put_off(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)

    await pipeline.acceptance.begin_earlier(intake, after=timedelta(seconds=2))
    await pipeline.acceptance.begin_earlier(intake, after=timedelta(seconds=300))

    assert not await pipeline.acceptance.step()
    pipeline.clock.turn(2)
    assert await pipeline.acceptance.step()


async def test_what_was_undone_is_not_brought_back(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)
    await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))

    await pipeline.acceptance.begin_earlier(intake, after=timedelta(0))

    assert not await pipeline.acceptance.step()


async def test_it_is_undone_in_another_process_and_never_made(pipeline: Pipeline, tmp_path: Path) -> None:
    intake = await begun_for_later(pipeline)

    async with another_process(tmp_path, pipeline) as other:
        await other.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))

    pipeline.clock.turn(300)
    assert not await pipeline.acceptance.step()
    assert await pipeline.latest_job() is None
    assert (await pipeline.balance()).held == 0
    assert await pipeline.storage.reading.intakes.open_of(MIA) == 0


async def test_nobody_else_can_undo_it(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)

    with pytest.raises(Refused, match="too late"):
        await pipeline.acceptance.undo(intake.place.interaction_id, MIA + 1, click_id=next(clicks))

    assert await pipeline.storage.reading.intakes.open_of(MIA) == 1


async def test_it_is_too_late_once_a_worker_has_it(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)
    pipeline.clock.turn(5)
    await pipeline.acceptance.step()

    with pytest.raises(Refused, match="too late"):
        await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))

    assert await pipeline.latest_job() is not None


async def test_it_is_undone_once(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)
    await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))

    with pytest.raises(Refused, match="too late"):
        await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))


async def test_an_undone_command_is_not_taken_a_second_time(pipeline: Pipeline) -> None:
    intake = await begun_for_later(pipeline)
    await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=next(clicks))

    assert not await pipeline.acceptance.write_down(intake)


async def test_a_click_on_undo_that_two_processes_hear_is_carried_out_by_one(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    intake, click = await begun_for_later(pipeline), next(clicks)
    await pipeline.acceptance.undo(intake.place.interaction_id, MIA, click_id=click)

    async with another_process(tmp_path, pipeline) as other:
        with pytest.raises(TakenElsewhere):
            await other.acceptance.undo(intake.place.interaction_id, MIA, click_id=click)
