"""Workers that share a task: one that has claimed work wakes another before doing it, so a burst gets them all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.services.common.bells import Bell
from bot.services.common.worker import Task
from tests.support.pipeline import Pipeline, a_pipeline
from tests.support.shared_tasks import wakes_another_worker


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def polled(pipeline: Pipeline) -> None:
    await pipeline.running()
    pipeline.clock.turn(31)


Begin = Callable[[Pipeline], Awaitable[object]]
SHARED: dict[str, tuple[Begin, Callable[[Pipeline], tuple[Task, Bell]], str]] = {
    "commands": (
        Pipeline.waiting_command,
        lambda here: (here.acceptance, here.bells.intake),
        "after the progress message is posted",
    ),
    "submissions": (Pipeline.accepted, lambda here: (here.submission, here.bells.submit), "before the submit"),
    "polls": (polled, lambda here: (here.watch, here.bells.watch), "while the provider is asked"),
    "results": (Pipeline.finished, lambda here: (here.delivery, here.bells.deliver), "while a track is fetched"),
    "progress": (Pipeline.accepted, lambda here: (here.progress, here.bells.progress), "after a progress view is read"),
}


@pytest.mark.parametrize("kind", SHARED)
async def test_a_second_worker_is_woken_once_the_first_has_claimed_work(pipeline: Pipeline, kind: str) -> None:
    begin, of, before = SHARED[kind]
    await begin(pipeline)
    task, bell = of(pipeline)

    await wakes_another_worker(task, bell, before=before)
