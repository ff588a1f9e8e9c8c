"""A command is written down, and nobody knows whether Discord heard us acknowledge it."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.errors import Refused
from bot.services.common.messenger import RouteUnavailable
from tests.support.pipeline import MIA, World, a_world
from tests.support.storage_samples import a_place

TAKEOVER_SECONDS = 180


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, busy_seconds=0.1) as world:
        yield world


async def written_down(world: World) -> Intake:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    intake = Intake(place=place, source=source, request=ExtensionRequest(), due_at=place.received_at)
    assert await world.acceptance.write_down(intake)
    return intake


async def has_job(world: World) -> bool:
    return await world.storage.reading.jobs.by_interaction(1) is not None


async def test_a_command_that_is_put_away_is_never_started(world: World) -> None:
    intake = await written_down(world)

    assert await world.acceptance.forget(intake)

    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert not await world.acceptance.step()
    assert not await has_job(world)


async def test_a_command_that_a_worker_has_taken_over_is_not_put_away(world: World) -> None:
    intake = await written_down(world)
    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert await world.acceptance.step()

    assert not await world.acceptance.forget(intake)

    assert await has_job(world)


async def test_a_command_that_cannot_be_put_away_is_left_to_a_worker(world: World, tmp_path: Path) -> None:
    intake = await written_down(world)
    another_program = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
    another_program.execute("BEGIN IMMEDIATE")

    assert not await world.acceptance.forget(intake)  # so nobody is told that nothing was started

    another_program.close()
    world.messenger.can_answer = False  # it was never acknowledged
    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert await world.acceptance.step()
    assert not await has_job(world)


async def test_a_worker_that_takes_over_waits_until_discord_says_whether_it_was_acknowledged(world: World) -> None:
    await written_down(world)
    world.messenger.answer_errors = [RouteUnavailable("HTTP 503")]
    world.clock.turn(TAKEOVER_SECONDS + 1)

    assert await world.acceptance.step()
    assert not await has_job(world)
    assert not await world.acceptance.step()

    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert await world.acceptance.step()
    assert await has_job(world)


async def test_a_command_that_was_put_away_before_its_acknowledgement_came_through_is_refused(world: World) -> None:
    intake = await written_down(world)
    world.messenger.can_answer = False
    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert await world.acceptance.step()

    with pytest.raises(Refused, match="nothing was started"):
        await world.acceptance.begin(intake)

    assert not await has_job(world)


async def test_a_command_that_was_taken_over_before_its_acknowledgement_came_through_makes_one_job(
    world: World,
) -> None:
    intake = await written_down(world)
    world.clock.turn(TAKEOVER_SECONDS + 1)
    assert await world.acceptance.step()

    await world.acceptance.begin(intake)

    assert not await world.acceptance.step()
    assert await has_job(world)
    assert (await world.balance()).held == 1
