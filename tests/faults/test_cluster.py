"""The processes of a cluster are killed and restarted at random: nothing is lost or doubled.

PostgreSQL is spared: other tests use it. `make faults-cluster` strikes that too.
"""

from pathlib import Path

import pytest

from bot.sandbox.cluster import SHARDS, Size
from tests.faults.clusters import a_town_over_http, a_town_with_shards, struck_at_random


@pytest.mark.postgres
async def test_everything_adds_up_whichever_process_is_hit(tmp_path: Path, source: Path) -> None:
    async with a_town_with_shards(tmp_path, source) as town:
        balance = await struck_at_random(town, tmp_path, rounds=4, seed=3, size=Size(), server=None)

    assert balance.is_whole, balance
    assert balance.jobs >= 1
    assert town.discord.gateway.identified >= SHARDS


@pytest.mark.postgres
async def test_everything_adds_up_where_commands_come_over_http(tmp_path: Path, source: Path) -> None:
    async with a_town_over_http(tmp_path, source) as town:
        balance = await struck_at_random(town, tmp_path, rounds=4, seed=3, size=Size(gateways=0), server=None)

    assert balance.is_whole, balance
    assert balance.jobs >= 1
    assert town.discord.gateway.identified == 0
