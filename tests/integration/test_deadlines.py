"""A deadline counts only together with tries: downtime and jumps of the clock end nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, JobState, WaitReason
from bot.domain.quota import quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.text import text
from bot.errors import ProviderBusy, ProviderSilent, SourceGone, SourceUnreachable
from bot.services.common.messenger import RouteUnavailable
from bot.services.common.sentences import failure_sentences
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline

UNREACHABLE = ProviderSilent("timeout")
NO_NETWORK = SourceUnreachable("no network", text("away"))
AUDIO_URLS = [track.audio_url for track in TRACKS]


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def deliver_past_the_deadline(pipeline: Pipeline) -> None:
    """Five tries of the delivery, an hour apart, from a day later on."""
    pipeline.clock.turn(86400)
    for _ in range(5):
        await pipeline.delivery.step()
        pipeline.clock.turn(3600)


async def test_after_a_long_downtime_one_failed_question_does_not_give_a_running_job_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.running()
    clock.turn(3 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        provider.reports["task-1"] = UNREACHABLE
        await pipeline.watch.step()
        assert (await pipeline.job(job)).state is JobState.OVERDUE
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await pipeline.watch.step()

        assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_a_jump_of_the_clock_gives_nothing_up_however_often_it_is_looked_at(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.provider.reports["task-1"] = UNREACHABLE
    for _ in range(5):
        pipeline.clock.jump(5 * 86400)
        await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.OVERDUE


async def test_a_jump_of_the_clock_does_not_end_a_job_that_the_provider_is_at_work_on(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.clock.jump(86400)
    for _ in range(10):
        pipeline.clock.turn(31)
        await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE

    await pipeline.call_back(job, "complete")

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_minutes_without_the_network_after_a_long_sleep_do_not_end_a_running_job(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.clock.jump(2 * 86400)
    pipeline.provider.reports["task-1"] = UNREACHABLE
    for _ in range(10):
        pipeline.clock.turn(31)
        await pipeline.watch.step()
    pipeline.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.FINISHED


@pytest.mark.parametrize("kind", [ReportKind.WAITING, ReportKind.TEXT, None])
async def test_a_task_that_never_ends_is_given_up_once_it_was_watched_until_the_deadline(
    pipeline: Pipeline, kind: ReportKind | None
) -> None:
    job = await pipeline.running()
    report = TaskReport(task_id="task-1", kind=kind) if kind else UNREACHABLE
    pipeline.provider.reports["task-1"] = report
    for seconds in (31, 43_200, 43_000):
        pipeline.clock.turn(seconds)
        await pipeline.watch.step()
        assert (await pipeline.job(job)).state in {JobState.RUNNING, JobState.OVERDUE}
    pipeline.clock.turn(300)
    await pipeline.watch.step()

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.NO_RESULT)
    assert failure_sentences(after.failure)[0].message.startswith("The music service gave no result in time.")


async def test_after_a_long_downtime_waiting_jobs_have_their_turn(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        jobs = [await pipeline.accepted() for _ in range(3)]
    clock.turn(2 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        provider.answers = [ProviderBusy("later", code=430)]
        await pipeline.submission.step()
        assert not await pipeline.waiting.step()
        clock.turn(10)
        while await pipeline.submission.step():
            pass

        assert {(await pipeline.job(job)).state for job in jobs} == {JobState.RUNNING}


async def test_after_a_long_downtime_one_503_does_not_give_a_result_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.finished()
    clock.turn(3 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        way = pipeline.messenger.ways[0]
        way.errors = [RouteUnavailable("503")]
        await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.FINISHED
        clock.turn(10)
        await pipeline.delivery.step()

        assert [job_id for job_id, _ in way.posted] == [job.id]


async def test_some_time_without_the_network_after_a_long_sleep_does_not_give_finished_music_up(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    pipeline.clock.jump(2 * 86400)
    for _ in range(20):
        await pipeline.delivery.step()
        pipeline.clock.turn(300)
    assert (await pipeline.job(job)).state is JobState.FINISHED

    pipeline.fetcher.errors = {}
    pipeline.clock.turn(3600)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_finished_job_remembers_that_it_waits_for_its_download_until_that_works(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).waits_for is WaitReason.DOWNLOAD

    pipeline.fetcher.errors = {}
    pipeline.messenger.ways[0].errors = [RouteUnavailable("503")]
    pipeline.clock.turn(10)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).waits_for is None


async def test_one_track_that_is_gone_does_not_give_up_the_other_that_cannot_be_reached(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = {AUDIO_URLS[0]: NO_NETWORK, AUDIO_URLS[1]: SourceGone("404", text("gone"))}
    await deliver_past_the_deadline(pipeline)

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_old_links_prove_nothing_while_the_provider_cannot_be_asked_for_new_ones(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, SourceGone("404", text("gone")))
    pipeline.provider.reports["task-1"] = UNREACHABLE
    await deliver_past_the_deadline(pipeline)

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_music_that_cannot_be_reached_until_its_files_expire_is_refunded(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    tries = 0
    while (await pipeline.job(job)).state is JobState.FINISHED:
        tries += await pipeline.delivery.step()
        pipeline.clock.turn(3600)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.TRACKS_GONE)
    assert 14 * 24 < tries < 15 * 24
    day = quota_day(job.accepted_at)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


async def test_jobs_that_wait_and_jobs_on_hold_are_given_up_side_by_side(pipeline: Pipeline) -> None:
    """However many there are of the one kind, the other has its turn."""
    on_hold = [await pipeline.held_back() for _ in range(2)]
    waiting = [await pipeline.accepted() for _ in range(2)]
    pipeline.provider.answers = [ProviderBusy("maintenance", code=455) for _ in range(10)]
    for seconds in (43_000, 43_000, 3 * 86_400):
        await pipeline.submission.step()
        pipeline.clock.turn(seconds)

    assert await pipeline.waiting.step()

    for jobs in (on_hold, waiting):
        assert sorted([(await pipeline.job(job)).state is JobState.FAILED for job in jobs]) == [False, True]
