"""Commands are read in turns, and nobody keeps everybody else waiting."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.errors import Refused
from tests.support.pipeline import World, a_world
from tests.support.storage_samples import a_place

MIA, BEN = 1001, 2002


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


def a_command(world: World, number: int, member_id: int) -> Intake:
    place = replace(a_place(), interaction_id=number, member_id=member_id, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator=f"https://files.example/{number}.mp3")
    return Intake(place=place, source=source, request=ExtensionRequest(), due_at=world.clock())


async def begun(world: World, *commands: Intake) -> None:
    for command in commands:
        assert await world.acceptance.write_down(command)
        await world.acceptance.begin(command)


async def test_members_take_turns_with_their_commands(world: World) -> None:
    await begun(world, *(a_command(world, number, MIA) for number in (1, 2, 3)), a_command(world, 4, BEN))

    while await world.acceptance.step():
        pass

    assert [url.rpartition("/")[2] for url in world.fetcher.fetched] == ["1.mp3", "4.mp3", "2.mp3", "3.mp3"]


async def test_a_fourth_command_is_asked_to_wait_and_leaves_nothing_behind(world: World) -> None:
    await begun(world, *(a_command(world, number, MIA) for number in (1, 2, 3)))

    with pytest.raises(Refused, match="still reading the file"):
        await world.acceptance.write_down(a_command(world, 4, MIA))
    await begun(world, a_command(world, 5, BEN))
    while await world.acceptance.step():
        pass

    assert await world.acceptance.write_down(a_command(world, 4, MIA))


async def test_a_command_delivered_twice_is_no_command_too_many(world: World) -> None:
    commands = [a_command(world, number, MIA) for number in (1, 2, 3)]
    await begun(world, *commands)

    assert not await world.acceptance.write_down(commands[0])
