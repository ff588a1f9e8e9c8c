"""A bell wakes a worker in every process. Those that find no work only read, while somebody else may be writing.

Most workers ask for the next due time first (`asks_first`); the steps of the others look for work themselves.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.database import held
from tests.support.pipeline import Pipeline, a_pipeline
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
