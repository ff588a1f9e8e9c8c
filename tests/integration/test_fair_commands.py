"""Commands are read in turns, so that nobody keeps everybody else waiting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.errors import Refused
from bot.parts.pipeline import ACCEPTERS, FURTHER_COMMANDS
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.pipeline.accept import AGAIN
from tests.support.fakes import FakeFetcher
from tests.support.pipeline import Pipeline, a_pipeline
from tests.support.storage_samples import a_place

MIA, BEN = 1001, 2002


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@dataclass
class SlowFetcher(FakeFetcher):
    """No file arrives before `arrive` is set."""

    arrive: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        self.asked.set()
        written = await super().fetch(url, to, limit_bytes=limit_bytes)
        await self.arrive.wait()
        return written


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


async def test_four_members_with_slow_links_do_not_keep_a_fifth_waiting(tmp_path: Path) -> None:
    fetcher = SlowFetcher()
    async with (
        a_pipeline(tmp_path, fetcher=fetcher) as pipeline,
        asyncio.timeout(PATIENCE_SECONDS),
        asyncio.TaskGroup() as workers,
    ):
        commands = [a_command(pipeline, number, 3000 + number % 4) for number in range(12)]
        await begun(pipeline, *commands)

        for _ in range(ACCEPTERS):
            await a_worker(workers, pipeline, fetcher)
        assert len(fetcher.fetched) == 4 + FURTHER_COMMANDS
        await begun(pipeline, a_command(pipeline, 99, BEN))
        await a_worker(workers, pipeline, fetcher)

        assert fetcher.fetched[-1].endswith("/99.mp3")
        fetcher.arrive.set()


async def a_worker(workers: asyncio.TaskGroup, pipeline: Pipeline, fetcher: SlowFetcher) -> None:
    """Start one, and wait until it reads a file or finds nothing that it may read."""
    fetcher.asked.clear()
    worker = workers.create_task(pipeline.acceptance.step())
    reading = asyncio.create_task(fetcher.asked.wait())
    await asyncio.wait([worker, reading], return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()


async def test_a_waiting_further_command_has_its_turn_once_the_members_first_one_is_read(pipeline: Pipeline) -> None:
    await begun(pipeline, *(a_command(pipeline, number, MIA) for number in (1, 2)))

    assert await claimed(pipeline, further=0) == [1]
    assert await claimed(pipeline, further=0) == []
    async with pipeline.storage.transaction() as work:
        await work.intakes.finish(1, owner="a worker")
    assert await claimed(pipeline, further=0) == [2]


async def test_a_claim_that_has_run_out_blocks_no_further_command(pipeline: Pipeline) -> None:
    await begun(pipeline, *(a_command(pipeline, number, MIA) for number in (1, 2)))
    assert await claimed(pipeline, further=1) == [1]
    assert await claimed(pipeline, further=1) == [2]

    pipeline.clock.turn(31)

    assert await claimed(pipeline, further=0) == [1]


async def claimed(pipeline: Pipeline, *, further: int) -> list[int]:
    """The interactions that one look of a worker claims."""
    now = pipeline.clock()
    async with pipeline.storage.transaction() as work:
        found = await work.intakes.claim_due(
            now=now, until=now + timedelta(seconds=30), limit=1, owner="a worker", further=further
        )
    return [command.intake.place.interaction_id for command in found]


async def test_workers_rest_while_only_further_commands_wait(pipeline: Pipeline) -> None:
    await begun(pipeline, a_command(pipeline, 1, MIA))

    assert await pipeline.acceptance.next_due() == pipeline.clock() + AGAIN
