"""Commands that nobody looked after for a while, or that nobody can read."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.services.common.sentences import without_cost
from bot.services.pipeline.accept import GOT_IT, TOO_LATE
from tests.support.database import tamper
from tests.support.pipeline import LIMIT, MIA, Pipeline, a_pipeline
from tests.support.storage_samples import a_place

TAKEOVER_SECONDS = 181
ANSWER_SECONDS = 900


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@pytest.mark.parametrize("can_answer", [True, False])
async def test_a_command_that_waited_too_long_is_refused_with_a_reason(tmp_path: Path, *, can_answer: bool) -> None:
    """After a step of the clock, or when the bot was away for longer than a command can be answered."""
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.waiting_command()
        pipeline.messenger.can_answer = can_answer
        pipeline.clock.jump(ANSWER_SECONDS)

        assert await pipeline.acceptance.step()

        told = pipeline.messenger.answers if can_answer else pipeline.messenger.told_directly
        assert told == [without_cost([TOO_LATE])]
        assert await pipeline.latest_job() is None
        assert (await pipeline.balance()).left == LIMIT
        assert not await pipeline.acceptance.step()


async def test_a_command_that_only_waited_in_line_is_not_said_to_have_been_interrupted(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.waiting_command()
        pipeline.clock.turn(TAKEOVER_SECONDS)

        assert await pipeline.acceptance.step()

        assert pipeline.messenger.answers == [[GOT_IT]]
        assert pipeline.messenger.begun == [False]


async def test_a_command_that_was_never_acknowledged_starts_nothing_after_the_clock_was_set_back(
    tmp_path: Path,
) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.written_down()  # and then the process ends
        clock = pipeline.clock
    clock.jump(-600)

    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        pipeline.interactions = 1
        pipeline.messenger.can_answer = False  # Discord knows of no acknowledgement
        async with pipeline.storage.transaction() as work:
            await work.intakes.hasten(until=clock() + timedelta(seconds=30))
        clock.turn(31)

        assert await pipeline.acceptance.step()

        assert await pipeline.latest_job() is None
        assert pipeline.messenger.told_directly == []  # its member saw it fail


async def test_a_command_is_put_away_for_certain_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        intake = await pipeline.written_down()
        assert intake is not None
        pipeline.clock.jump(-600)
        async with pipeline.storage.transaction() as work:
            await work.intakes.hasten(until=pipeline.clock() + timedelta(seconds=30))

        assert await pipeline.acceptance.forget(intake)

        pipeline.clock.turn(31)
        assert not await pipeline.acceptance.step()


async def damage(pipeline: Pipeline, *, mend: bool = False) -> None:
    """Write the kind of the commands' sources in a way that only a later release knows."""
    known, unknown = '"kind": "url"', '"kind": "river"'
    change = (unknown, known) if mend else (known, unknown)
    await tamper(pipeline.storage, "UPDATE intake SET payload = replace(payload, $1, $2)", *change)


async def test_a_command_that_cannot_be_read_is_set_aside_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.isolation.step()
        await pipeline.waiting_command()
        await damage(pipeline)
        await pipeline.waiting_command()

        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                await pipeline.acceptance.step()
                await pipeline.isolation.step()

        assert await pipeline.latest_job() is not None
        assert len(pipeline.messenger.operator) == 1
        assert "can't read a command" in pipeline.messenger.operator[0][0].message
        assert "command 5001 was set aside" in caplog.text
        assert await pipeline.storage.reading.intakes.next_due() is None


async def test_a_command_is_resumed_once_a_release_can_read_it(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.waiting_command()
        await damage(pipeline)
        await pipeline.acceptance.step()
        clock = pipeline.clock
        await damage(pipeline, mend=True)
    clock.turn(60)

    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        pipeline.interactions = 1
        await pipeline.isolation.step()

        assert await pipeline.acceptance.step()

        assert await pipeline.latest_job() is not None


def a_command(pipeline: Pipeline, *, due_in_seconds: float) -> Intake:
    """Mia's, which has come right now as interaction 1."""
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    due_at = pipeline.clock() + timedelta(seconds=due_in_seconds)
    return Intake(place=place, source=source, request=ExtensionRequest(), due_at=due_at)


async def test_a_command_left_by_a_dead_process_is_resumed(pipeline: Pipeline) -> None:
    async with pipeline.storage.transaction() as work:
        await work.intakes.claim(a_command(pipeline, due_in_seconds=180))

    assert not await pipeline.acceptance.step()  # somebody may still be working on it
    pipeline.clock.turn(181)
    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is not None


async def test_a_command_that_was_never_acknowledged_starts_nothing(pipeline: Pipeline) -> None:
    assert await pipeline.acceptance.write_down(a_command(pipeline, due_in_seconds=0))  # and then the process died
    pipeline.messenger.can_answer = False
    pipeline.clock.turn(200)

    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is None


async def test_a_command_too_old_to_be_answered_is_put_away(pipeline: Pipeline) -> None:
    async with pipeline.storage.transaction() as work:
        await work.intakes.claim(a_command(pipeline, due_in_seconds=180))
    pipeline.clock.turn(900)

    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is None
    assert not await pipeline.acceptance.step()
