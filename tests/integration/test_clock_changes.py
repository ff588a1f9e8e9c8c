"""The system's clock is set: nothing waits for a time that was meant otherwise, and the log says so once."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.whole_songs import WholeSongOrder
from bot.services.common.clock_watch import ClockWatch
from tests.support.fakes import TurnedClock
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline
from tests.support.storage_samples import a_delivered, a_job, a_place, a_track, insert

HOUR_SECONDS = 3600


class Stopwatch:
    """Goes forward only."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def watching(pipeline: Pipeline, stopwatch: Stopwatch) -> ClockWatch:
    return ClockWatch(
        pipeline.storage, grace_seconds=30, bells=pipeline.bells, clock=pipeline.clock, steady_seconds=stopwatch
    )


async def test_a_running_job_is_asked_after_soon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        stopwatch = Stopwatch()
        watch = watching(pipeline, stopwatch)
        await watch.step()
        job = await pipeline.running()
        stopwatch.seconds += 20
        pipeline.clock.turn(20 - HOUR_SECONDS)
        rung = pipeline.bells.watch.rung

        with caplog.at_level(logging.WARNING):
            await watch.step()

        assert "clock went back by 3600 s" in caplog.text
        assert pipeline.bells.watch.rung > rung
        pipeline.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        pipeline.clock.turn(30)
        assert await pipeline.watch.step()
        assert (await pipeline.job(job)).state is JobState.FINISHED
        assert await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_start_with_an_earlier_clock_than_the_last_run_is_noticed(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await watching(pipeline, Stopwatch()).step()
        await pipeline.running()
    clock.turn(-HOUR_SECONDS)

    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await watching(pipeline, Stopwatch()).step()

        due = await pipeline.storage.reading.jobs.next_due([JobState.RUNNING])
        assert due == clock() + timedelta(seconds=30)


async def test_a_whole_song_that_somebody_waits_for_is_joined_soon(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        stopwatch = Stopwatch()
        watch = watching(pipeline, stopwatch)
        await watch.step()
        job = a_delivered(a_job(), a_track(1))
        await insert(pipeline.storage, job)
        order = WholeSongOrder(place=a_place(), job_id=job.id, message_id=700)
        await pipeline.storage.write(lambda work: work.whole_songs.add(order, at=pipeline.clock()))
        stopwatch.seconds += 20
        pipeline.clock.turn(20 - HOUR_SECONDS)

        await watch.step()

        assert await pipeline.storage.reading.whole_songs.next_due() == pipeline.clock() + timedelta(seconds=30)


@pytest.mark.parametrize("turned_seconds", [20, 17, 5000])
async def test_small_steps_and_steps_forward_change_nothing(tmp_path: Path, turned_seconds: float) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        stopwatch = Stopwatch()
        watch = watching(pipeline, stopwatch)
        job = await pipeline.running()
        await watch.step()
        stopwatch.seconds += 20
        pipeline.clock.turn(turned_seconds)

        await watch.step()

        assert await pipeline.job(job) == job


async def test_it_looks_again_after_a_while(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        watch = watching(pipeline, Stopwatch())

        assert await watch.next_due() == pipeline.clock()
        assert not await watch.step()
        assert await watch.next_due() == pipeline.clock() + timedelta(seconds=20)


async def test_a_member_whose_times_lie_in_the_future_is_still_served(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.running()
        await pipeline.call_back(job, "complete")
        pipeline.clock.turn(-HOUR_SECONDS)
        async with pipeline.storage.transaction() as work:
            await work.jobs.hasten(until=pipeline.clock())

        await pipeline.progress.step()
        assert await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.DELIVERED


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_step_forward_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        stopwatch = Stopwatch()
        watch = watching(pipeline, stopwatch)
        await watch.step()
        pipeline.clock.turn(HOUR_SECONDS)

        for _ in range(3):
            stopwatch.seconds += 20
            pipeline.clock.turn(20)
            await watch.step()

        assert warnings(caplog) == [
            "the system's clock went forward by 3600 s; deadlines wait for a few more tries",
        ]


async def test_neither_small_steps_nor_time_spent_stopped_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stopwatch = TurnedClock(), Stopwatch()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        watch = watching(pipeline, stopwatch)
        for step_seconds in (0, 4, -4):
            await watch.step()
            stopwatch.seconds += 20
            clock.turn(20 + step_seconds)
        await watch.step()
    clock.turn(HOUR_SECONDS)
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await watching(pipeline, Stopwatch()).step()

    assert warnings(caplog) == []
