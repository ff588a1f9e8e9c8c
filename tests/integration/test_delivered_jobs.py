"""Posting the music of a finished job: once, by the first way that is open."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import FailureReason, JobState
from bot.domain.quota import quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.text import text
from bot.errors import (
    SourceGone,
    SourceUnreachable,
)
from bot.services.common.messenger import RouteClosed, RouteTooSmall, RouteUnavailable
from tests.support.fakes import BEGINNING, FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_finished_job_is_posted_once_and_its_unit_spent(pipeline: Pipeline) -> None:
    job = await pipeline.finished()

    assert await pipeline.delivery.step()
    assert not await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert (after.state, after.final_message_id) == (JobState.DELIVERED, 1)
    posted = pipeline.messenger.ways[0].posted
    assert [len(files) for _, files in posted] == [2]
    assert (await pipeline.balance()).spent == 1


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    way = pipeline.messenger.ways[0]
    way.after_effect = [RouteUnavailable("connection lost")]

    await pipeline.delivery.step()
    pipeline.clock.turn(60)
    await pipeline.delivery.step()

    assert len(way.posted) == 1
    assert way.looked == 1
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_closed_channel_leads_to_a_direct_message(pipeline: Pipeline) -> None:
    channel, direct = FakeRoute(errors=[RouteClosed("gone")]), FakeRoute(name="direct")
    pipeline.messenger.ways = [channel, direct]
    job = await pipeline.finished()

    await pipeline.delivery.step()

    assert [job_id for job_id, _ in direct.posted] == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_with_nowhere_to_post_the_music_waits_uncollected_and_its_unit_stays_spent(pipeline: Pipeline) -> None:
    pipeline.messenger.ways = [FakeRoute(errors=[RouteClosed("gone")])]
    job = await pipeline.finished()

    await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert (after.state, after.failure) == (JobState.UNCOLLECTED, None)
    assert (await pipeline.balance()).left == LIMIT - 1


async def test_files_that_turn_out_too_large_are_encoded_again_and_finally_linked(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteTooSmall("413"), RouteTooSmall("413")]
    await pipeline.finished()

    await pipeline.delivery.step()

    ((_, files),) = way.posted
    assert [file.path for file in files] == [None, None]


async def test_tracks_that_cannot_be_fetched_are_requested_again(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    gone = SourceUnreachable("404", text("gone"))
    pipeline.fetcher.errors = {track.audio_url: gone for track in TRACKS}
    await pipeline.call_back(job, "complete")
    assert job.task_id is not None
    renewed = tuple(replace(track, audio_url=track.audio_url + "?again") for track in TRACKS)
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=renewed)

    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_tracks_that_are_gone_fail_the_job_only_at_the_deadline(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    gone = SourceGone("404", text("gone"))
    pipeline.fetcher.errors = {track.audio_url: gone for track in TRACKS}

    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED
    pipeline.clock.turn(86400)
    for _ in range(3):
        assert (await pipeline.job(job)).state is JobState.FINISHED
        await pipeline.delivery.step()
        pipeline.clock.turn(400)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.TRACKS_GONE
    assert await pipeline.delivery.step()  # and the member reads it
    assert pipeline.messenger.ways[0].told_failures == [job.id]
    day = quota_day(BEGINNING)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT
