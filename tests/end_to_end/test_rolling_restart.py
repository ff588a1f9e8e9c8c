"""Processes are restarted one by one while members give commands, as after a change of settings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.roles import Role
from bot.sandbox.cluster import Size
from bot.sandbox.discord import Callback, Invocation, TroubleKind
from tests.end_to_end.town import Town, ends, eventually
from tests.faults.clusters import a_cluster
from tests.faults.killing import a_town_to_kill_in, all_jobs, command, count, settled
from tests.support.process import BotProcess, bot_process, environ_of, said

LEASE_SECONDS = 600
"""Longer than a test may take: a successor is done in time only if the stopped process gave its work back."""
DONE_SECONDS = 200
"""On a busy machine, where a few claims may have to run out because the database was locked."""
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
async def test_a_rolling_restart_loses_no_command(tmp_path: Path, source: Path) -> None:
    polls = {"POLL_AFTER_SECONDS": "5", "POLL_EVERY_SECONDS": "5"}
    async with a_town_to_kill_in(tmp_path, source) as town:
        async with a_cluster(town, tmp_path, Size(gateways=2, web=1, workers=2), **polls) as cluster:
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


async def asked_for(town: Town, path: str) -> None:
    """Wait until the music service got a request for `path`, which it leaves unanswered."""

    async def look() -> bool:
        return any(path in request.path for request in town.suno.requests)

    await eventually(look)


async def reading_a_command(town: Town) -> None:
    town.suno.next_call("file-stream-upload", "hold")
    await town.extend()
    await asked_for(town, "file-stream-upload")


async def applying_a_callback(town: Town) -> None:
    town.suno.next_call("record-info", "hold")
    await town.extend()
    await asked_for(town, "record-info")


async def delivering(town: Town) -> None:
    town.suno.script(f"file-slow {LEASE_SECONDS} 1")
    await town.extend()
    await asked_for(town, "/r/")


async def editing_a_progress_message(town: Town) -> None:
    held = town.discord.troubles.add("PATCH", "/channels/*/messages/*", TroubleKind.HOLD_BEFORE)
    await town.extend()
    await held.reached()


WORK: Mapping[str, Callable[[Town], Awaitable[None]]] = {
    work.__name__: work for work in (reading_a_command, applying_a_callback, delivering, editing_a_progress_message)
}
"""Each keeps the workers in the middle of one thing."""


@asynccontextmanager
async def workers(town: Town, folder: Path) -> AsyncIterator[BotProcess]:
    environ = environ_of(town.settings, LEASE_SECONDS=str(LEASE_SECONDS))
    async with bot_process(environ, "run", "--only", Role.WORKERS, folder=folder) as bot:
        await said(bot, "credits left")
        yield bot


@pytest.mark.postgres
@pytest.mark.parametrize("work", sorted(WORK))
async def test_a_successor_takes_over_at_once_from_a_process_that_was_stopped_while(
    work: str, town: Town, tmp_path: Path
) -> None:
    await town.start(only=frozenset({Role.GATEWAY, Role.WEB}), lease_seconds=LEASE_SECONDS)
    async with workers(town, tmp_path) as stopped:
        await WORK[work](town)
        assert await stopped.end() == 0
    async with workers(town, tmp_path):
        result = await town.result()
        await town.job_in(JobState.DELIVERED)

        async def shown() -> bool:
            return "here it is" in town.progress().content

        await eventually(shown)

    assert len(result.attachments) == 2
    assert town.suno.submits == len(ends(town.songs)) == 1
