"""The database does not grow for ever, and secrets are erased once they are no longer needed."""

from datetime import timedelta
from pathlib import Path

from bot.domain.jobs import JobState
from bot.domain.whole_songs import WholeSongOrder
from bot.errors import NotAudio
from bot.services.operator.housekeeping import Housekeeping, HousekeepingTimes
from tests.support.database import rows
from tests.support.pipeline import LIMIT, Pipeline, a_pipeline
from tests.support.storage_samples import a_place

TIMES = HousekeepingTimes(answer_seconds=870, keep_jobs_days=365, keep_tracks_days=0)


async def delivered(pipeline: Pipeline, *, number: int = 1) -> None:
    for _ in range(number):
        await pipeline.finished()
        await pipeline.delivery.step()


async def swept(pipeline: Pipeline, *, steps: int = 1) -> Housekeeping:
    housekeeping = Housekeeping(pipeline.storage, times=TIMES, clock=pipeline.clock)
    for _ in range(steps):
        await housekeeping.step()
    return housekeeping


async def test_a_token_is_erased_once_its_command_can_no_longer_be_answered(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.accepted()
        await swept(pipeline)
        assert await rows(tmp_path / "encore.db", "SELECT interaction_token FROM job") != [("",)]
        pipeline.clock.turn(871)
        await swept(pipeline)

        assert await rows(tmp_path / "encore.db", "SELECT interaction_token FROM job") == [("",)]


async def test_a_sources_link_is_erased_once_it_is_submitted(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        assert job.source_url
        await pipeline.submission.step()

        assert not (await pipeline.job(job)).source_url


async def test_track_links_are_erased_when_the_providers_files_are_gone(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await delivered(pipeline)
        pipeline.clock.turn(13 * 86400)
        await swept(pipeline)
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM track WHERE audio_url <> ''") == [(2,)]
        pipeline.clock.turn(2 * 86400)
        await swept(pipeline)

        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM track WHERE audio_url <> ''") == [(0,)]


async def test_what_was_filled_in_is_forgotten_after_a_day(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        pipeline.audio.error = NotAudio()
        assert await pipeline.extend() is None
        pipeline.clock.turn(86399)
        await swept(pipeline)
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM draft") == [(1,)]
        pipeline.clock.turn(2)
        await swept(pipeline)

        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM draft") == [(0,)]


async def test_finished_jobs_are_removed_after_their_days_and_the_ledgers_sums_stay(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await delivered(pipeline, number=2)
        running = await pipeline.running()
        pipeline.clock.turn(366 * 86400)
        await swept(pipeline)

        left = [job.id for job in await pipeline.storage.reading.jobs.of_member(1001, limit=10)]
        assert left == [running.id]
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM track") == [(0,)]
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM callback") == [(0,)]
        assert await rows(tmp_path / "encore.db", "SELECT month, outcome, units FROM quota_sum") == [
            ("2026-11", "spent", 2)
        ]
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM quota_unit") == [(1,)]


async def test_a_job_whose_end_has_not_been_posted_stays(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        await pipeline.submission.step()
        await pipeline.call_back(await pipeline.job(job), "error", code=413)
        pipeline.clock.turn(366 * 86400)
        await swept(pipeline)

        assert (await pipeline.job(job)).state is JobState.FAILED


async def test_a_job_whose_whole_song_is_being_joined_stays_until_that_is_over(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await delivered(pipeline)
        job = await pipeline.latest_job()
        assert job is not None
        order = WholeSongOrder(place=a_place(), job_id=job.id, message_id=700)
        await pipeline.storage.write(lambda work: work.whole_songs.add(order, at=pipeline.clock()))
        pipeline.clock.turn(366 * 86400)
        await swept(pipeline)
        assert await pipeline.latest_job() is not None

        async with pipeline.storage.transaction() as work:
            await work.whole_songs.claim_due(now=pipeline.clock(), until=pipeline.clock(), owner="joiner")
            await work.whole_songs.end(order.place.interaction_id, owner="joiner")
        await swept(pipeline)

        assert await pipeline.latest_job() is None


async def test_a_large_backlog_is_worked_off_in_small_steps_with_pauses(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        for member_id in range(30):
            for _ in range(LIMIT):
                await pipeline.accepted(member_id=member_id + 1)
        for job in await pipeline.storage.reading.jobs.live():
            await pipeline.members.cancel(job.place.member_id, job.id)
        pipeline.clock.turn(366 * 86400)
        housekeeping = await swept(pipeline)
        assert await housekeeping.next_due() == pipeline.clock() + timedelta(seconds=0.5)
        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM job") == [(150 - 64,)]
        await housekeeping.step()
        await housekeeping.step()

        assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM job") == [(0,)]
        assert await housekeeping.next_due() == pipeline.clock() + timedelta(seconds=600)
