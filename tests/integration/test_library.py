"""A member's results: whose they are, and what is left of each."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.library import Edge, LibraryQuery
from bot.errors import Refused
from bot.services.common.messenger import RouteUnavailable
from bot.services.songs.library import Library
from tests.support.pipeline import MIA, TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def library(pipeline: Pipeline) -> Library:
    return Library(pipeline.storage, pipeline.resend, pipeline.messenger, pipeline.clock)


async def delivered(pipeline: Pipeline) -> str:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return job.id


async def test_a_result_is_its_members_alone(pipeline: Pipeline) -> None:
    job_id = await delivered(pipeline)

    with pytest.raises(Refused, match="any more"):
        await library(pipeline).result(MIA + 1, job_id)
    with pytest.raises(Refused, match="any more"):
        await library(pipeline).result(MIA, "0" * 32)
    assert (await library(pipeline).page(MIA + 1, LibraryQuery())).jobs == ()


async def test_a_job_that_is_not_done_is_no_result(pipeline: Pipeline) -> None:
    job = await pipeline.finished()

    assert (await library(pipeline).page(MIA, LibraryQuery())).jobs == ()
    with pytest.raises(Refused, match="any more"):
        await library(pipeline).result(MIA, job.id)


async def test_what_is_left_of_a_result_changes_with_time(pipeline: Pipeline) -> None:
    job_id = await delivered(pipeline)
    pipeline.messenger.channel_copies[job_id] = {TRACKS[0].id: "https://cdn.invalid/1.mp3"}

    _, fresh = await library(pipeline).result(MIA, job_id)
    pipeline.clock.turn(timedelta(days=15).total_seconds())
    _, old = await library(pipeline).result(MIA, job_id)
    del pipeline.messenger.channel_copies[job_id]
    _, gone = await library(pipeline).result(MIA, job_id)

    assert (fresh.at_provider, fresh.in_channel, fresh.can_be_sent) == (True, True, True)
    assert (old.at_provider, old.in_channel, old.can_be_sent) == (False, True, True)
    assert (gone.at_provider, gone.in_channel, gone.can_be_sent) == (False, False, False)


async def test_discord_that_does_not_answer_leaves_the_copy_unknown(pipeline: Pipeline) -> None:
    job_id = await delivered(pipeline)
    pipeline.messenger.copies_error = RouteUnavailable("HTTP 503")

    _, left = await library(pipeline).result(MIA, job_id)

    assert left.in_channel is None


async def test_a_page_beside_results_that_are_gone_becomes_the_first_one(pipeline: Pipeline) -> None:
    job_id = await delivered(pipeline)
    long_ago = Edge(at=pipeline.clock() - timedelta(days=900), job_id="ffffffff")

    page = await library(pipeline).page(MIA, LibraryQuery(), long_ago)
    newer = await library(pipeline).page(MIA, LibraryQuery(), replace(long_ago, is_newer=True))

    assert [job.id for job in page.jobs] == [job_id]
    assert (page.newer, page.older) == (None, None)
    assert (newer.newer, newer.older) == (None, None)
