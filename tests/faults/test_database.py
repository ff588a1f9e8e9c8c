"""A backup restored midway, a clock that jumps, unreadable rows: nothing is lost and nothing doubled."""

from pathlib import Path

import pytest

from tests.faults.database import DATABASE_TROUBLES
from tests.faults.killing import a_town_to_kill_in


@pytest.mark.parametrize("trouble", DATABASE_TROUBLES)
async def test_nothing_is_lost_or_doubled(trouble: str, tmp_path: Path, source: Path) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        balance = await DATABASE_TROUBLES[trouble](town, tmp_path)

    assert balance.is_whole, balance
    assert balance.jobs == 6
