"""The machine fails with work under way: the work is kept, reported and resumed."""

import errno
import logging
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.services.common.sentences import NO_ROOM, without_cost
from storage.errors import StorageUnavailable
from tests.support.database import AnotherProgram
from tests.support.pipeline import LIMIT, TRACKS, a_pipeline

FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


async def test_a_command_that_cannot_become_a_job_yet_is_kept_and_resumed(
    tmp_path: Path, other: AnotherProgram
) -> None:
    async with a_pipeline(tmp_path, busy_seconds=0.1) as pipeline:
        pipeline.fetcher.on_fetch = other.hold

        with pytest.raises(StorageUnavailable):
            await pipeline.extend()

        assert "I've kept your command" in pipeline.messenger.answers[-1][0].message
        assert await pipeline.storage.reading.jobs.live() == []
        other.let_go()
        pipeline.fetcher.on_fetch = lambda: None
        pipeline.clock.turn(181)
        assert await pipeline.acceptance.step()
        (job,) = await pipeline.storage.reading.jobs.live()
        assert job.state is JobState.ACCEPTED
        assert (await pipeline.balance()).left == LIMIT - 1


async def test_without_room_for_the_source_the_member_hears_why_and_nothing_is_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        pipeline.fetcher.errors["https://files.example/loop.mp3"] = FULL_DISK

        with caplog.at_level(logging.WARNING):
            assert await pipeline.extend() is None

        assert pipeline.messenger.answers[-1] == without_cost([NO_ROOM])
        assert (await pipeline.balance()).left == LIMIT
        assert not await pipeline.acceptance.step()
        (line,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
        assert "No space left on device): make room there, or set TMPDIR" in line.getMessage()
        assert str(tmp_path) in line.getMessage()
        assert line.exc_info is None


async def test_without_room_for_the_tracks_the_delivery_is_tried_again(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.finished()
        pipeline.fetcher.errors[TRACKS[1].audio_url] = FULL_DISK
        assert await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.FINISHED

        pipeline.fetcher.errors.clear()
        pipeline.clock.turn(10)
        assert await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_progress_message_that_could_not_be_written_down_is_used_later(
    tmp_path: Path, other: AnotherProgram
) -> None:
    async with a_pipeline(tmp_path, busy_seconds=0.1) as pipeline:
        pipeline.messenger.on_begin = other.hold
        with pytest.raises(StorageUnavailable):
            await pipeline.extend()
        (message_id,) = pipeline.messenger.placeholders.values()
        assert pipeline.provider.uploaded == []

        other.let_go()
        pipeline.messenger.on_begin = lambda: None
        pipeline.clock.turn(181)
        assert await pipeline.acceptance.step()

        (job,) = await pipeline.storage.reading.jobs.live()
        assert job.progress_message_id == message_id
        assert pipeline.messenger.begun == [False, True]
