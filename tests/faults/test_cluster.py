"""The processes of a cluster are killed and restarted at random: nothing is lost or doubled."""

from pathlib import Path

import pytest

from bot.sandbox.cluster import Size
from tests.faults.clusters import struck_at_random
from tests.faults.killing import a_town_to_kill_in


@pytest.mark.postgres
async def test_everything_adds_up_whichever_process_is_hit(tmp_path: Path, source: Path) -> None:
    """PostgreSQL is spared: other tests use it. `make faults-cluster` strikes that too."""
    async with a_town_to_kill_in(tmp_path, source) as town:
        balance = await struck_at_random(town, tmp_path, rounds=4, seed=3, size=Size(), server=None)

    assert balance.is_whole, balance
    assert balance.jobs >= 1
