"""`Send again` in `/jobs`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import text
from bot.errors import Refused, SourceUnreachable
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from tests.support.fakes import FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline
from tests.support.storage_samples import a_place


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def the_click(pipeline: Pipeline) -> Place:
    return replace(a_place(), interaction_id=77, channel_id=555, member_id=MIA, received_at=pipeline.clock())


async def uncollected(pipeline: Pipeline) -> Job:
    pipeline.messenger.ways[0].errors = [RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_an_uncollected_result_is_posted_where_the_member_asks_for_it(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    after = await pipeline.job(job)
    assert after.state is JobState.DELIVERED
    assert [job_id for job_id, _ in pipeline.messenger.ways[0].posted] == [job.id]
    assert "Sent" in pipeline.messenger.answers[-1][0].message
    assert (await pipeline.balance()).left == LIMIT - 1
    pipeline.clock.turn(10_000)
    assert not await pipeline.delivery.step()


async def test_where_the_bot_may_not_post_the_member_alone_gets_it(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    channel, answer = FakeRoute(errors=[RouteClosed("no")]), FakeRoute(name="the private answer")
    pipeline.messenger.ways, pipeline.messenger.private_ways = [channel], [answer]

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert [job_id for job_id, _ in answer.posted] == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_delivered_result_can_be_sent_again(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert len(pipeline.messenger.ways[0].posted) == 2
    assert (await pipeline.job(job)).state is JobState.DELIVERED


@pytest.mark.parametrize("member_id", [MIA, 2002])
async def test_what_cannot_be_sent_is_refused_with_a_reason(pipeline: Pipeline, member_id: int) -> None:
    job = await pipeline.running()

    with pytest.raises(Refused, match="hasn't finished" if member_id == MIA else "can't find that job"):
        await pipeline.resend.send_again(job.id, member_id, the_click(pipeline))
    with pytest.raises(Refused, match="can't find that job"):
        await pipeline.resend.send_again("gone", member_id, the_click(pipeline))


async def test_files_that_are_gone_and_a_silent_discord_are_told_and_lose_nothing(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    pipeline.messenger.ways[0].errors = [RouteUnavailable("503")]
    with pytest.raises(Refused, match="isn't answering"):
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))
    pipeline.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
    with pytest.raises(Refused, match="no longer has"):
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED
