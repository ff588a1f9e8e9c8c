"""A backup restored midway, a clock that jumps, unreadable rows: nothing is lost and nothing doubled."""

from pathlib import Path

import pytest

from tests.faults.backups import BACKUP_TROUBLES
from tests.faults.clocks import BACK, CLOCK_TROUBLES
from tests.faults.killing import a_town_to_kill_in
from tests.faults.unreadable_rows import UNREADABLE_ROWS

TROUBLES = {**BACKUP_TROUBLES, **CLOCK_TROUBLES, **UNREADABLE_ROWS}


# It takes half a minute until a clock that was set back is noticed; `make faults` waits for that.
@pytest.mark.parametrize("trouble", sorted(TROUBLES.keys() - {BACK}))
async def test_nothing_is_lost_or_doubled(trouble: str, tmp_path: Path, source: Path) -> None:
    async with a_town_to_kill_in(tmp_path, source) as town:
        balance = await TROUBLES[trouble](town, tmp_path)

    assert balance.is_whole, balance
    assert balance.jobs >= 6
