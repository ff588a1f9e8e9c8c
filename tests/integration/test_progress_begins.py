"""The progress message is posted before anything is read or held, and exactly once, whatever happens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake, Job
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import text
from bot.errors import NotAudio
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from bot.services.common.sentences import with_more, without_cost
from bot.services.pipeline.accept import NO_ANSWER, POSTING_TRIES, READING
from tests.support.pipeline import LIMIT, MIA, SEE_WHY, Pipeline, a_pipeline
from tests.support.storage_samples import a_place

TAKEOVER_SECONDS = 181


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def left_behind(pipeline: Pipeline, *, message_id: int | None) -> Intake:
    """A command whose worker died after posting the message, before or after writing that down."""
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    intake = Intake(
        place=place,
        source=source,
        request=ExtensionRequest(),
        due_at=pipeline.clock(),
        progress_message_id=message_id,
    )
    pipeline.messenger.placeholders[1] = 4242
    assert await pipeline.acceptance.write_down(intake)
    pipeline.clock.turn(TAKEOVER_SECONDS)
    return intake


async def the_job(pipeline: Pipeline) -> Job | None:
    return await pipeline.storage.reading.jobs.by_interaction(1)


async def test_the_message_is_there_before_the_source_is_read_and_becomes_the_jobs(pipeline: Pipeline) -> None:
    there_when_read: list[int] = []
    pipeline.fetcher.on_fetch = lambda: there_when_read.extend(pipeline.messenger.placeholders.values())

    job = await pipeline.accepted()

    assert there_when_read == [job.progress_message_id]
    assert pipeline.messenger.begun == [False]


async def test_if_the_bot_cannot_post_nothing_is_read_and_the_member_learns_why(pipeline: Pipeline) -> None:
    why = text("This thread is locked, so I can't post here.")
    pipeline.messenger.posting_errors = [RouteClosed("403", why=why)]

    assert await pipeline.extend() is None

    assert pipeline.messenger.answers[-1] == with_more(without_cost([why]), SEE_WHY)
    assert (pipeline.fetcher.fetched, pipeline.provider.uploaded) == ([], [])
    assert (await pipeline.balance()).left == LIMIT
    assert pipeline.messenger.withdrawn == []


async def test_discord_is_asked_a_few_times_before_a_command_is_refused(pipeline: Pipeline) -> None:
    pipeline.messenger.posting_errors = [RouteUnavailable("503")] * (POSTING_TRIES - 1)
    assert await pipeline.extend() is not None

    pipeline.messenger.posting_errors = [RouteUnavailable("503")] * POSTING_TRIES
    assert await pipeline.extend() is None
    assert pipeline.messenger.answers[-1] == with_more(without_cost([NO_ANSWER]), SEE_WHY)


async def test_a_refused_command_removes_its_message(pipeline: Pipeline) -> None:
    pipeline.audio.error = NotAudio()

    assert await pipeline.extend() is None

    assert len(pipeline.messenger.withdrawn) == 1
    assert pipeline.messenger.placeholders == {}


async def test_a_member_without_units_is_refused_before_anything_is_posted(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()
    pipeline.messenger.begun.clear()

    assert await pipeline.extend() is None

    assert pipeline.messenger.begun == []


async def test_a_takeover_continues_with_the_message_that_was_written_down(pipeline: Pipeline) -> None:
    await left_behind(pipeline, message_id=4242)

    assert await pipeline.acceptance.step()

    job = await the_job(pipeline)
    assert job is not None
    assert job.progress_message_id == 4242
    assert pipeline.messenger.begun == []


async def test_a_takeover_looks_for_a_message_that_was_not_written_down(pipeline: Pipeline) -> None:
    await left_behind(pipeline, message_id=None)

    assert await pipeline.acceptance.step()

    job = await the_job(pipeline)
    assert job is not None
    assert job.progress_message_id == 4242
    assert pipeline.messenger.begun == [True]


@pytest.mark.parametrize("message_id", [4242, None])
async def test_a_command_that_can_no_longer_be_answered_leaves_no_message_behind(
    pipeline: Pipeline, message_id: int | None
) -> None:
    await left_behind(pipeline, message_id=message_id)
    pipeline.clock.turn(900)

    assert await pipeline.acceptance.step()

    assert await the_job(pipeline) is None
    assert pipeline.messenger.placeholders == {}


async def test_a_refusal_too_late_for_the_answer_comes_by_direct_message(pipeline: Pipeline) -> None:
    pipeline.audio.error = NotAudio()

    def too_late() -> None:
        pipeline.messenger.can_answer = False

    pipeline.fetcher.on_fetch = too_late
    assert await pipeline.extend() is None

    assert pipeline.messenger.told_directly[0] == without_cost([NotAudio().sentence])


async def test_a_private_command_shows_progress_in_its_answer_and_posts_nothing(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(private=True)

    assert pipeline.messenger.answers == [[READING]]
    assert pipeline.messenger.placeholders == {}
    assert job.progress_message_id is None
