"""A command is written down, but it is unknown whether Discord heard the acknowledgement."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.errors import Refused
from bot.services.common.messenger import RouteUnavailable
from tests.support.database import AnotherProgram
from tests.support.pipeline import MIA, Pipeline, a_pipeline
from tests.support.storage_samples import a_place

TAKEOVER_SECONDS = 180


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path, busy_seconds=0.1) as pipeline:
        yield pipeline


async def written_down(pipeline: Pipeline) -> Intake:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    intake = Intake(place=place, source=source, request=ExtensionRequest(), due_at=place.received_at)
    assert await pipeline.acceptance.write_down(intake)
    return intake


async def has_job(pipeline: Pipeline) -> bool:
    return await pipeline.storage.reading.jobs.by_interaction(1) is not None


async def test_a_command_that_is_put_away_is_never_started(pipeline: Pipeline) -> None:
    intake = await written_down(pipeline)

    assert await pipeline.acceptance.forget(intake)

    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert not await pipeline.acceptance.step()
    assert not await has_job(pipeline)


async def test_a_command_that_a_worker_has_taken_over_is_not_put_away(pipeline: Pipeline) -> None:
    intake = await written_down(pipeline)
    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert await pipeline.acceptance.step()

    assert not await pipeline.acceptance.forget(intake)

    assert await has_job(pipeline)


async def test_a_command_that_cannot_be_put_away_is_left_to_a_worker(pipeline: Pipeline, other: AnotherProgram) -> None:
    intake = await written_down(pipeline)
    other.hold()

    assert not await pipeline.acceptance.forget(intake)  # so nobody reads that nothing was started

    other.let_go()
    pipeline.messenger.can_answer = False  # it was never acknowledged
    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert await pipeline.acceptance.step()
    assert not await has_job(pipeline)


async def test_a_worker_that_takes_over_waits_until_discord_says_whether_it_was_acknowledged(
    pipeline: Pipeline,
) -> None:
    await written_down(pipeline)
    pipeline.messenger.answer_errors = [RouteUnavailable("HTTP 503")]
    pipeline.clock.turn(TAKEOVER_SECONDS + 1)

    assert await pipeline.acceptance.step()
    assert not await has_job(pipeline)
    assert not await pipeline.acceptance.step()

    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert await pipeline.acceptance.step()
    assert await has_job(pipeline)


async def test_a_command_that_was_put_away_before_its_acknowledgement_came_through_is_refused(
    pipeline: Pipeline,
) -> None:
    intake = await written_down(pipeline)
    pipeline.messenger.can_answer = False
    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert await pipeline.acceptance.step()

    with pytest.raises(Refused, match="nothing was started"):
        await pipeline.acceptance.begin(intake)

    assert not await has_job(pipeline)


async def test_a_command_that_was_taken_over_before_its_acknowledgement_came_through_makes_one_job(
    pipeline: Pipeline,
) -> None:
    intake = await written_down(pipeline)
    pipeline.clock.turn(TAKEOVER_SECONDS + 1)
    assert await pipeline.acceptance.step()

    await pipeline.acceptance.begin(intake)

    assert not await pipeline.acceptance.step()
    assert await has_job(pipeline)
    assert (await pipeline.balance()).held == 1
