"""Paid work is never lost: unknown tasks, nowhere to post, unclear posts, late tracks."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import FailureReason, JobState, Track
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.text import text
from bot.errors import ProviderRefused, ProviderSilent, SourceTooCostly, SourceUnreachable
from bot.services.common.messenger import HistoryClosed, RouteClosed, RouteUnavailable
from tests.support.fakes import FakeProvider, FakeRoute, TurnedClock
from tests.support.pipeline import LIMIT, TRACKS, Pipeline, a_pipeline

BEN = 2002
UNREACHABLE = ProviderSilent("timeout")
UNKNOWN = ProviderRefused("no such task", code=404)
NO_NETWORK = SourceUnreachable("no network", text("away"))
AUDIO_URLS = [track.audio_url for track in TRACKS]


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


# A task that only a callback knows


async def test_a_callback_before_the_record_knows_the_end_is_kept_and_asked_about_again(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)

    await pipeline.call_back(job, "complete", confirmed=False)

    kept = await pipeline.job(job)
    assert (kept.task_id, kept.named_task_id, kept.due_at) == (
        None,
        "task-told",
        pipeline.clock() + timedelta(seconds=3),
    )
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(3)
    await pipeline.watch.step()
    after = await pipeline.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")


async def test_a_task_that_the_provider_denies_again_and_again_was_invented(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()
    pipeline.provider.reports["task-told"] = UNKNOWN

    await pipeline.call_back(job, "complete", confirmed=False)
    for _ in range(5):
        assert (await pipeline.job(job)).named_task_id == "task-told"
        pipeline.clock.turn(3)
        assert await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


async def test_a_task_that_the_provider_cannot_be_asked_about_stays_named(pipeline: Pipeline) -> None:
    job = await pipeline.unanswered()
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)
    await pipeline.call_back(job, "complete", confirmed=False)
    pipeline.provider.reports["task-told"] = UNREACHABLE

    for _ in range(10):
        pipeline.clock.turn(3)
        await pipeline.watch.step()

    assert (await pipeline.job(job)).named_task_id == "task-told"


@pytest.mark.parametrize("kind", ["text", "complete"])
async def test_a_callback_cannot_claim_the_task_of_another_job(pipeline: Pipeline, kind: str) -> None:
    other = await pipeline.running()
    job = await pipeline.unanswered()
    assert other.task_id == "task-1"

    await pipeline.call_back(replace(job, task_id="task-1"), kind)

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


async def test_the_task_of_one_job_is_never_the_answer_to_another(pipeline: Pipeline) -> None:
    first, second = await pipeline.running(), await pipeline.accepted()
    pipeline.provider.answers = [first.task_id or ""]

    await pipeline.submission.step()

    kept = await pipeline.job(second)
    assert (kept.task_id, kept.outcome_unknown, kept.state) == (None, True, JobState.SUBMITTING)


# Nowhere to post


async def test_a_jump_of_the_clock_past_the_end_of_the_files_does_not_end_what_waits_to_be_collected(
    pipeline: Pipeline,
) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteClosed("gone"), RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    pipeline.clock.jump(20 * 86400)
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED

    pipeline.clock.turn(6 * 3600)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_an_uncollected_result_is_posted_when_the_channel_opens_again(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED
    assert "/jobs" in pipeline.messenger.answers[-1][0].message

    async with pipeline.storage.transaction() as work:
        await work.jobs.hasten_uncollected(job.place.guild_id or 0, at=pipeline.clock(), every=timedelta(0))
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED
    assert [job_id for job_id, _ in way.posted] == [job.id]
    assert (await pipeline.balance()).left == LIMIT - 1


async def test_what_cannot_be_posted_anyway_is_not_downloaded_again_for_each_change_of_a_channel(
    pipeline: Pipeline,
) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    way.is_known_closed = True
    before = len(pipeline.fetcher.fetched)

    tries = 0
    for _ in range(60):
        await pipeline.members.try_uncollected(job.place.guild_id or 0)
        tries += await pipeline.delivery.step()
        pipeline.clock.turn(10)

    assert tries == 2  # in ten minutes
    assert len(pipeline.fetcher.fetched) == before
    way.is_known_closed = False
    pipeline.clock.turn(300)
    await pipeline.members.try_uncollected(job.place.guild_id or 0)
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_copies_are_kept_even_where_nothing_can_be_posted(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        pipeline.messenger.ways[0].errors = [RouteClosed("gone")]
        job = await pipeline.finished()
        await pipeline.delivery.step()
        clock.turn(600)
    async with a_pipeline(tmp_path, clock=clock, provider=provider, keep_tracks_days=30) as pipeline:
        pipeline.messenger.ways[0].is_known_closed = True

        await pipeline.delivery.step()

        assert await pipeline.resend.has_copies(await pipeline.job(job))
        pipeline.clock.turn(7 * 3600)
        fetched = len(pipeline.fetcher.fetched)
        await pipeline.delivery.step()
        assert len(pipeline.fetcher.fetched) == fetched


async def test_an_uncollected_result_is_kept_until_its_files_expire_and_stays_paid_for(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    job = await pipeline.finished()
    tries = 0
    while (await pipeline.job(job)).state in {JobState.FINISHED, JobState.UNCOLLECTED}:
        way.errors = [RouteClosed("gone")]
        assert await pipeline.delivery.step()
        pipeline.clock.turn(6 * 3600)
        tries += 1

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.UNDELIVERABLE)
    assert 50 < tries < 60  # 14 days, at least every six hours
    assert not await pipeline.delivery.step()
    balance = await pipeline.storage.reading.ledger.balance(
        job.place.member_id, day=job.accepted_at.date(), limit=LIMIT
    )
    assert balance.spent == 1


async def test_a_copy_of_the_tracks_outlives_the_providers_files(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, keep_tracks_days=30) as pipeline:
        pipeline.messenger.ways[0].errors = [RouteClosed("gone")]
        job = await pipeline.finished()
        await pipeline.delivery.step()
        pipeline.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
        pipeline.clock.turn(20 * 86400)

        await pipeline.delivery.step()

        ((posted, files),) = pipeline.messenger.ways[0].posted
        assert posted == job.id
        assert all(file.path is not None for file in files)


async def test_copies_are_removed_when_their_days_are_over(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, keep_tracks_days=3) as pipeline:
        await pipeline.finished()
        await pipeline.delivery.step()
        assert len(list((tmp_path / "tracks").iterdir())) == 1
        pipeline.clock.jump(3650 * 86400)  # the files' own times are of today

        await pipeline.kept.step()

        assert list((tmp_path / "tracks").iterdir()) == []


# What was posted before is looked for


async def test_a_job_older_than_this_process_is_looked_up_before_it_is_posted(tmp_path: Path) -> None:
    """Its database may be a restored copy that knows nothing of the post."""
    clock, provider, channel = TurnedClock(), FakeProvider(), FakeRoute()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.finished()
        channel.posted.append((job.id, []))
    clock.turn(60)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        pipeline.messenger.ways = [channel]
        await pipeline.delivery.step()

        after = await pipeline.job(job)
        assert (after.state, after.final_message_id, len(channel.posted)) == (JobState.DELIVERED, 1, 1)
        assert channel.searched_since == [job.submitted_at]


async def test_without_the_right_to_search_an_unclear_post_is_not_repeated(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.after_effect = [RouteUnavailable("lost")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    for _ in range(4):
        pipeline.clock.turn(400)
        way.search_errors = [HistoryClosed("no")]
        await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED
    pipeline.clock.turn(400)
    await pipeline.delivery.step()

    assert len(way.posted) == 1
    assert (await pipeline.job(job)).state is JobState.DELIVERED


# Tracks that are late, broken or too large


async def test_with_one_usable_track_and_no_answer_of_the_provider_what_there_is_gets_posted(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = {TRACKS[1].audio_url: SourceUnreachable("404", text("gone"))}
    pipeline.provider.reports["task-1"] = UNREACHABLE

    for _ in range(6):
        await pipeline.delivery.step()
        pipeline.clock.turn(300)

    ((posted, files),) = pipeline.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [True, False])


async def test_a_track_that_no_encoding_makes_small_enough_does_not_hold_the_other_back(pipeline: Pipeline) -> None:
    class Picky(type(pipeline.audio)):  # type: ignore[misc]  # the fake's own class
        async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
            if path.name.startswith("0"):
                raise SourceTooCostly("out of memory")
            return bool(await super().fit(path, to, limit_bytes=limit_bytes))

    pipeline.posting._files._audio = Picky()
    pipeline.fetcher.body = b"a" * 2000
    pipeline.messenger.ways[0].limit_bytes = 1000
    job = await pipeline.finished()

    await pipeline.delivery.step()

    ((posted, files),) = pipeline.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [False, True])


async def test_success_with_one_ready_track_waits_for_the_second(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    one = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=(TRACKS[0], Track(id="two")))
    pipeline.provider.reports["task-1"] = one
    pipeline.clock.turn(31)
    await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING
    pipeline.provider.reports["task-1"] = replace(one, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.tracks) == (JobState.FINISHED, TRACKS)
