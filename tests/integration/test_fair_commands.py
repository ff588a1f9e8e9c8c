"""Commands are read in turns, so that nobody keeps everybody else waiting."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.errors import Refused
from tests.support.pipeline import Pipeline, a_pipeline
from tests.support.storage_samples import a_place

MIA, BEN = 1001, 2002


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def a_command(pipeline: Pipeline, number: int, member_id: int) -> Intake:
    place = replace(a_place(), interaction_id=number, member_id=member_id, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator=f"https://files.example/{number}.mp3")
    return Intake(place=place, source=source, request=ExtensionRequest(), due_at=pipeline.clock())


async def begun(pipeline: Pipeline, *commands: Intake) -> None:
    for command in commands:
        assert await pipeline.acceptance.write_down(command)
        await pipeline.acceptance.begin(command)


async def test_members_take_turns_with_their_commands(pipeline: Pipeline) -> None:
    await begun(pipeline, *(a_command(pipeline, number, MIA) for number in (1, 2, 3)), a_command(pipeline, 4, BEN))

    while await pipeline.acceptance.step():
        pass

    assert [url.rpartition("/")[2] for url in pipeline.fetcher.fetched] == ["1.mp3", "4.mp3", "2.mp3", "3.mp3"]


async def test_a_fourth_command_is_asked_to_wait_and_leaves_nothing_behind(pipeline: Pipeline) -> None:
    await begun(pipeline, *(a_command(pipeline, number, MIA) for number in (1, 2, 3)))

    with pytest.raises(Refused, match="still reading the file"):
        await pipeline.acceptance.write_down(a_command(pipeline, 4, MIA))
    await begun(pipeline, a_command(pipeline, 5, BEN))
    while await pipeline.acceptance.step():
        pass

    assert await pipeline.acceptance.write_down(a_command(pipeline, 4, MIA))


async def test_a_command_delivered_twice_counts_once(pipeline: Pipeline) -> None:
    commands = [a_command(pipeline, number, MIA) for number in (1, 2, 3)]
    await begun(pipeline, *commands)

    assert not await pipeline.acceptance.write_down(commands[0])
