"""A bell wakes a worker in every process. Those that find no work only read, while somebody else may be writing.

Most workers ask for the next due time first (`asks_first`); the steps of the others look for work themselves.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.reports import ReportKind, TaskReport
from bot.fault_points import hold
from tests.support.database import held
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline
from tests.support.storage_samples import an_intake


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    """It waits a moment for the writers' lock, and then reports an outage."""
    async with a_pipeline(tmp_path, busy_seconds=0.2) as pipeline:
        yield pipeline


async def test_a_look_for_commands_only_reads_where_none_is_due(pipeline: Pipeline, tmp_path: Path) -> None:
    async with pipeline.storage.transaction() as work:
        await work.intakes.claim(an_intake(interaction_id=1, due_at=pipeline.clock() + timedelta(hours=1)))

    async with held(tmp_path / "encore.db"):
        assert not await pipeline.acceptance.step()


async def test_a_look_for_jobs_to_submit_only_reads_where_none_is_due(pipeline: Pipeline, tmp_path: Path) -> None:
    await pipeline.accepted()
    assert await pipeline.submission.step()

    async with held(tmp_path / "encore.db"):
        assert await pipeline.submission.next_due() is None


async def test_a_look_for_callbacks_only_reads_where_none_is_pending(pipeline: Pipeline, tmp_path: Path) -> None:
    assert not await pipeline.callbacks.step()

    async with held(tmp_path / "encore.db"):
        assert not await pipeline.callbacks.step()


@pytest.mark.parametrize("kind", [ReportKind.WAITING, ReportKind.TEXT, ReportKind.FIRST])
async def test_a_poll_that_brings_nothing_new_writes_nothing_but_its_claim(
    pipeline: Pipeline, tmp_path: Path, kind: ReportKind
) -> None:
    job = await pipeline.running()
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=kind, tracks=TRACKS[:1])
    pipeline.clock.turn(31)
    await pipeline.watch.step()
    pipeline.clock.turn(31)

    async with hold("while the provider is asked") as point:
        watching = asyncio.create_task(pipeline.watch.step())
        await point.reached()
        async with held(tmp_path / "encore.db"):
            point.release()
            assert await watching
