"""Two processes on one database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.pipeline import Pipeline, a_pipeline, another_process


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@pytest.fixture
async def other(tmp_path: Path, one: Pipeline) -> AsyncIterator[Pipeline]:
    async with another_process(tmp_path, one) as pipeline:
        yield pipeline
