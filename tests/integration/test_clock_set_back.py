"""The system's clock is set back: nothing waits for a time that was meant otherwise."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.services.common.clock_watch import ClockWatch
from tests.support.fakes import TurnedClock
from tests.support.pipeline import TRACKS, World, a_world

HOUR_SECONDS = 3600


class Stopwatch:
    """Goes forward only."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def watching(world: World, stopwatch: Stopwatch) -> ClockWatch:
    return ClockWatch(world.storage, grace_seconds=30, bells=world.bells, clock=world.clock, steady_seconds=stopwatch)


async def test_a_running_job_is_asked_after_soon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_world(tmp_path) as world:
        stopwatch = Stopwatch()
        watch = watching(world, stopwatch)
        await watch.step()
        job = await world.running()
        stopwatch.seconds += 20
        world.clock.turn(20 - HOUR_SECONDS)
        rung = world.bells.watch.rung

        with caplog.at_level(logging.WARNING):
            await watch.step()

        assert "clock went back by 3600 s" in caplog.text
        assert world.bells.watch.rung > rung
        world.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        world.clock.turn(30)
        assert await world.watch.step()
        assert (await world.job(job)).state is JobState.FINISHED
        assert await world.delivery.step()
        assert (await world.job(job)).state is JobState.DELIVERED


async def test_a_start_with_an_earlier_clock_than_the_last_run_is_noticed(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with a_world(tmp_path, clock=clock) as world:
        await watching(world, Stopwatch()).step()
        await world.running()
    clock.turn(-HOUR_SECONDS)

    async with a_world(tmp_path, clock=clock) as world:
        await watching(world, Stopwatch()).step()

        due = await world.storage.reading.jobs.next_due([JobState.RUNNING])
        assert due == clock() + timedelta(seconds=30)


@pytest.mark.parametrize("turned_seconds", [20, 17, 5000])
async def test_small_steps_and_steps_forward_change_nothing(tmp_path: Path, turned_seconds: float) -> None:
    async with a_world(tmp_path) as world:
        stopwatch = Stopwatch()
        watch = watching(world, stopwatch)
        job = await world.running()
        await watch.step()
        stopwatch.seconds += 20
        world.clock.turn(turned_seconds)

        await watch.step()

        assert await world.job(job) == job


async def test_it_looks_again_after_a_while(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        watch = watching(world, Stopwatch())

        assert await watch.next_due() == world.clock()
        assert not await watch.step()
        assert await watch.next_due() == world.clock() + timedelta(seconds=20)


async def test_a_member_whose_times_lie_in_the_future_is_still_served(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        job = await world.running()
        await world.call_back(job, "complete")
        world.clock.turn(-HOUR_SECONDS)
        async with world.storage.transaction() as work:
            await work.jobs.hasten(until=world.clock())

        await world.progress.step()
        assert await world.delivery.step()
        assert (await world.job(job)).state is JobState.DELIVERED
