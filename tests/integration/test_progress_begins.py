"""The progress message is posted before anything is read or held, and there is one of it whatever happens."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Intake, Job
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import text
from bot.errors import NotAudio
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from bot.services.pipeline.accept import POSTING_TRIES, READING
from tests.support.pipeline import LIMIT, MIA, World, a_world
from tests.support.storage_samples import a_place

TAKEOVER_SECONDS = 181


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def left_behind(world: World, *, message_id: int | None) -> Intake:
    """A command whose worker died after it had posted the message, with or without having written that down."""
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    intake = Intake(
        place=place,
        source=source,
        request=ExtensionRequest(),
        due_at=world.clock(),
        progress_message_id=message_id,
    )
    world.messenger.placeholders[1] = 4242
    assert await world.acceptance.write_down(intake)
    world.clock.turn(TAKEOVER_SECONDS)
    return intake


async def the_job(world: World) -> Job | None:
    return await world.storage.reading.jobs.by_interaction(1)


async def test_the_message_is_there_before_the_source_is_read_and_becomes_the_jobs(world: World) -> None:
    there_when_read: list[int] = []
    world.fetcher.on_fetch = lambda: there_when_read.extend(world.messenger.placeholders.values())

    job = await world.accepted()

    assert there_when_read == [job.progress_message_id]
    assert world.messenger.begun == [False]


async def test_where_the_bot_cannot_post_nothing_is_read_and_the_member_learns_why(world: World) -> None:
    why = text("This thread is locked, so I can't post here.")
    world.messenger.posting_errors = [RouteClosed("403", why=why)]

    assert await world.extend() is None

    assert world.messenger.answers[-1][0] == why
    assert (world.fetcher.fetched, world.provider.uploaded) == ([], [])
    assert (await world.balance()).left == LIMIT
    assert world.messenger.withdrawn == []


async def test_discord_is_asked_a_few_times_before_a_command_is_refused(world: World) -> None:
    world.messenger.posting_errors = [RouteUnavailable("503")] * (POSTING_TRIES - 1)
    assert await world.extend() is not None

    world.messenger.posting_errors = [RouteUnavailable("503")] * POSTING_TRIES
    assert await world.extend() is None
    assert "isn't letting me post right now" in world.messenger.answers[-1][0].message


async def test_a_refused_command_takes_its_message_away(world: World) -> None:
    world.audio.error = NotAudio()

    assert await world.extend() is None

    assert len(world.messenger.withdrawn) == 1
    assert world.messenger.placeholders == {}


async def test_a_member_without_units_is_refused_before_anything_is_posted(world: World) -> None:
    for _ in range(LIMIT):
        await world.accepted()
    world.messenger.begun.clear()

    assert await world.extend() is None

    assert world.messenger.begun == []


async def test_a_takeover_goes_on_with_the_message_that_was_written_down(world: World) -> None:
    await left_behind(world, message_id=4242)

    assert await world.acceptance.step()

    job = await the_job(world)
    assert job is not None
    assert job.progress_message_id == 4242
    assert world.messenger.begun == []


async def test_a_takeover_looks_for_a_message_that_nobody_wrote_down(world: World) -> None:
    await left_behind(world, message_id=None)

    assert await world.acceptance.step()

    job = await the_job(world)
    assert job is not None
    assert job.progress_message_id == 4242
    assert world.messenger.begun == [True]


@pytest.mark.parametrize("message_id", [4242, None])
async def test_a_command_that_can_no_longer_be_answered_leaves_no_message_behind(
    world: World, message_id: int | None
) -> None:
    await left_behind(world, message_id=message_id)
    world.clock.turn(900)

    assert await world.acceptance.step()

    assert await the_job(world) is None
    assert world.messenger.placeholders == {}


async def test_a_refusal_after_the_answers_time_comes_by_direct_message(world: World) -> None:
    world.audio.error = NotAudio()

    def too_late() -> None:
        world.messenger.can_answer = False

    world.fetcher.on_fetch = too_late
    assert await world.extend() is None

    assert "not audio" in world.messenger.told_directly[0][0].message


async def test_a_private_command_is_told_in_its_answer_and_posts_nothing(world: World) -> None:
    job = await world.accepted(private=True)

    assert world.messenger.answers == [[READING]]
    assert world.messenger.placeholders == {}
    assert job.progress_message_id is None
