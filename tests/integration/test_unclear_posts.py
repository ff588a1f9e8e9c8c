"""Music may be posted without our knowing: it is looked for before it is posted again, wherever it may be."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Place
from bot.domain.progress import MessageLink, end_of
from bot.errors import Refused
from bot.fault_points import hold
from bot.services.common.messenger import HistoryClosed, RouteClosed, RouteUnavailable
from bot.services.pipeline.deliver import COLLECT_AGAIN_SECONDS
from tests.support.pipeline import MIA, Pipeline, a_pipeline
from tests.support.storage_samples import a_place

ELSEWHERE, OTHER_SERVER = 555, 201
LOST = RouteUnavailable("connection lost")


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def posted(pipeline: Pipeline) -> list[str]:
    return [job_id for job_id, _ in pipeline.messenger.ways[0].posted]


def a_click_elsewhere(pipeline: Pipeline) -> Place:
    place = replace(a_place(), interaction_id=77, member_id=MIA, received_at=pipeline.clock())
    return replace(place, guild_id=OTHER_SERVER, channel_id=ELSEWHERE)


async def uncollected(pipeline: Pipeline) -> Job:
    pipeline.messenger.ways[0].errors = [RouteClosed("locked")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_music_whose_sending_again_was_not_answered_is_found_where_it_was_sent(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    route = pipeline.messenger.ways[0]
    route.after_effect = [LOST]
    with pytest.raises(Refused, match="isn't answering"):
        await pipeline.resend.send_again(job.id, MIA, a_click_elsewhere(pipeline))
    assert (await pipeline.job(job)).due_at == job.due_at

    pipeline.clock.turn(601)
    assert await pipeline.delivery.step()

    assert posted(pipeline) == [job.id]
    assert route.searched_in == [ELSEWHERE]
    after = await pipeline.job(job)
    assert after.state is JobState.DELIVERED
    assert end_of(after) == MessageLink(guild_id=OTHER_SERVER, channel_id=ELSEWHERE, message_id=1)


async def test_music_that_was_sent_again_just_before_the_end_of_the_process_is_not_posted_twice(
    pipeline: Pipeline,
) -> None:
    job = await uncollected(pipeline)
    async with hold("after the post") as just_posted:
        sending = asyncio.create_task(pipeline.resend.send_again(job.id, MIA, a_click_elsewhere(pipeline)))
        await just_posted.reached()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    pipeline.clock.turn(601)
    assert await pipeline.delivery.step()

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).final_channel_id is not None


async def test_music_that_could_not_be_sent_again_is_as_it_was(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    route = pipeline.messenger.ways[0]
    route.errors = [RouteClosed("locked"), RouteClosed("locked")]
    with pytest.raises(Refused, match="isn't answering"):
        await pipeline.resend.send_again(job.id, MIA, a_click_elsewhere(pipeline))
    assert await pipeline.job(job) == job

    pipeline.clock.turn(601)
    assert await pipeline.delivery.step()

    assert posted(pipeline) == [job.id]
    assert route.searched_in == []


async def test_an_unclear_post_is_remembered_while_every_way_to_the_member_is_closed(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    route = pipeline.messenger.ways[0]
    route.after_effect = [LOST]
    await pipeline.delivery.step()
    pipeline.clock.turn(5)
    route.search_errors = [RouteClosed("missing access")]
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED

    pipeline.clock.turn(COLLECT_AGAIN_SECONDS + 60)
    assert await pipeline.delivery.step()

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_an_unclear_post_is_not_repeated_once_its_tracks_have_taken_too_long(pipeline: Pipeline) -> None:
    """Discord still had the nonce when the fetch began, and it cannot be asked whether the post is there."""
    job = await pipeline.finished()
    route = pipeline.messenger.ways[0]
    route.after_effect = [LOST]
    await pipeline.delivery.step()
    pipeline.clock.turn(100)
    route.search_errors = [HistoryClosed("no right")] * 2

    async with hold("while a track is fetched") as held:
        trying = asyncio.create_task(pipeline.delivery.step())
        await held.reached()
        pipeline.clock.turn(30)
        held.release()
        await trying

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_an_unclear_post_that_seems_to_lie_ahead_is_not_repeated_without_looking(pipeline: Pipeline) -> None:
    """The clock was set back, so nobody knows whether Discord still has the nonce."""
    job = await pipeline.finished()
    route = pipeline.messenger.ways[0]
    route.after_effect = [LOST]
    await pipeline.delivery.step()
    pipeline.clock.turn(1000)
    pipeline.clock.jump(-1500)
    async with pipeline.storage.transaction() as work:
        await work.jobs.hasten(until=pipeline.clock() - timedelta(seconds=1))
    route.search_errors = [HistoryClosed("no right")]

    assert await pipeline.delivery.step()

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.FINISHED
