"""The machine fails under work that was taken in before: it is kept, told, and gone on with."""

import errno
import logging
import sqlite3
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from storage.errors import StorageUnavailable
from tests.support.pipeline import LIMIT, TRACKS, a_world

FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


async def test_a_command_that_cannot_be_written_down_as_a_job_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    async with a_world(tmp_path, busy_seconds=0.1) as world:
        another_program = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
        world.fetcher.on_fetch = lambda: another_program.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageUnavailable):
            await world.extend()

        assert "I've kept your command" in world.messenger.answers[-1][0].message
        assert await world.storage.reading.jobs.live() == []
        another_program.close()
        world.fetcher.on_fetch = lambda: None
        world.clock.turn(181)
        assert await world.acceptance.step()
        (job,) = await world.storage.reading.jobs.live()
        assert job.state is JobState.ACCEPTED
        assert (await world.balance()).left == LIMIT - 1


async def test_without_room_for_the_source_the_member_is_told_and_nothing_is_held(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_world(tmp_path) as world:
        world.fetcher.errors["https://files.example/loop.mp3"] = FULL_DISK

        with caplog.at_level(logging.WARNING):
            assert await world.extend() is None

        assert "out of disk space" in world.messenger.answers[-1][0].message
        assert (await world.balance()).left == LIMIT
        assert not await world.acceptance.step()
        (line,) = (record for record in caplog.records if record.levelno >= logging.WARNING)
        assert "No space left" in line.getMessage()
        assert line.exc_info is None


async def test_without_room_for_the_tracks_the_delivery_is_tried_again(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        job = await world.finished()
        world.fetcher.errors[TRACKS[1].audio_url] = FULL_DISK
        assert await world.delivery.step()
        assert (await world.job(job)).state is JobState.FINISHED

        world.fetcher.errors.clear()
        world.clock.turn(10)
        assert await world.delivery.step()
        assert (await world.job(job)).state is JobState.DELIVERED


async def test_a_progress_message_that_could_not_be_written_down_is_the_one_that_is_used_later(tmp_path: Path) -> None:
    async with a_world(tmp_path, busy_seconds=0.1) as world:
        another_program = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
        world.messenger.on_begin = lambda: another_program.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable):
            await world.extend()
        (message_id,) = world.messenger.placeholders.values()
        assert world.provider.uploaded == []

        another_program.close()
        world.messenger.on_begin = lambda: None
        world.clock.turn(181)
        assert await world.acceptance.step()

        (job,) = await world.storage.reading.jobs.live()
        assert job.progress_message_id == message_id
        assert world.messenger.begun == [False, True]
