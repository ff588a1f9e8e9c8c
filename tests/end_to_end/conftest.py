from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import UNDESCRIBED
from tests.end_to_end.town import QUICK, Town, a_town, undescribed_keys


@pytest.fixture
async def town(tmp_path: Path, source: Path, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    async with a_town(tmp_path, source) as town:
        yield town
    request.config.stash[UNDESCRIBED].update(undescribed_keys(town))


@pytest.fixture
async def slow_town(tmp_path: Path, source: Path) -> AsyncIterator[Town]:
    """A town whose music service only advances with `suno.finish`."""
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        yield town
