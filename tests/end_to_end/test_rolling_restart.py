"""Processes are restarted one by one while members give commands, as after a change of settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.cluster import Size
from bot.sandbox.discord import Callback, Invocation
from tests.end_to_end.town import Town, ends, eventually
from tests.faults.clusters import a_cluster
from tests.faults.killing import a_town_to_kill_in, all_jobs, command, count, settled

LEASE_SECONDS = 600
DONE_SECONDS = 200
"""On a busy machine, too. A successor that had to wait for a lease would not be done by then."""
PACE_SECONDS = 1.0
UNFINISHED = 12
"""The most commands under way, so that they do not pile up while processes start slowly."""


@asynccontextmanager
async def steady_commands(town: Town) -> AsyncIterator[list[Invocation]]:
    """Members take turns giving commands, `PACE_SECONDS` apart, for as long as the block lasts."""
    given: list[Invocation] = []
    members = [town.mia, *(town.discord.member(name, guild=town.guild) for name in ("Ben", "Cem", "Dora"))]

    async def give() -> None:
        for member in cycle(members):
            given.append(await command(town, member))
            await asyncio.sleep(PACE_SECONDS)  # the load, not a wait for anything
            await town.songs.wait_until(lambda here: len(ends(here)) > len(given) - UNFINISHED, timeout=DONE_SECONDS)

    giving = asyncio.create_task(give())
    try:
        yield given
    finally:
        giving.cancel()
        with suppress(asyncio.CancelledError):
            await giving


async def all_are_delivered(town: Town, number: int) -> bool:
    return [job.state for job in await all_jobs(town)] == [JobState.DELIVERED] * number


@pytest.mark.postgres
async def test_a_rolling_restart_loses_no_command_and_needs_no_lease_to_run_out(tmp_path: Path, source: Path) -> None:
    polls = {"POLL_AFTER_SECONDS": "5", "POLL_EVERY_SECONDS": "5"}
    async with a_town_to_kill_in(tmp_path, source) as town:
        async with a_cluster(
            town, tmp_path, Size(gateways=2, web=1, workers=2), LEASE_SECONDS=str(LEASE_SECONDS), **polls
        ) as cluster:
            async with steady_commands(town) as given:
                for seat in cluster.seats:
                    assert await cluster.stop(seat) == 0
                    await cluster.start(seat)
            await eventually(partial(all_are_delivered, town, len(given)), seconds=DONE_SECONDS)
            await settled(town, jobs=len(given))
        answers = [await invocation.acknowledged() for invocation in given]
        balance = await count(town)

    assert answers == [Callback.DEFERRED_MESSAGE] * len(given)
    assert balance.jobs == len(given) >= len(cluster.seats)
    assert balance.is_whole, balance
