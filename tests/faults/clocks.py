"""The clock jumps by days, in a running bot and between two runs."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tests.end_to_end.town import Town, eventually
from tests.faults.killing import Balance, a_bot, all_are_submitted, all_jobs, connected, count, extend_times, settled
from tests.faults.turned_clock import turn

COMMANDS = 6
LATER = 3
"""Commands under way while the clock jumps, and as many after that."""
JUMP_DAYS = 3
JUMP = timedelta(days=JUMP_DAYS)
BETWEEN_RUNS = "the clock jumps forward by three days between two runs"
FORWARD = "the clock of a running bot jumps forward by three days"
BACK = "the clock of a running bot is set back by three days"


async def jumped(jump: timedelta, town: Town, folder: Path) -> Balance:
    """Jump while jobs are under way and commands are being read, and let the provider fail right after that."""
    town.suno.script("no-callbacks")
    clock = folder / "clock"
    turn(clock, 0)
    async with a_bot(town, folder, clock=clock):
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        await eventually(partial(all_are_submitted, town, COMMANDS), seconds=60)
        await extend_times(town, LATER)
        town.suno.next_call("record-info", "http 502", times=COMMANDS)
        turn(clock, jump.total_seconds())
        await extend_times(town, LATER)
        await settled(town, jobs=COMMANDS + LATER)
        balance = await count(town)
    elsewhen = [job for job in await all_jobs(town) if abs(job.accepted_at - datetime.now(UTC)) > JUMP / 2]
    if len(elsewhen) < LATER:
        raise AssertionError("the bot did not see its clock jump")
    return balance


async def jumped_between_runs(town: Town, folder: Path) -> Balance:
    """Move every time in the database three days into the past, which looks the same to a bot that starts then."""
    town.suno.script("no-callbacks")
    async with a_bot(town, folder):
        await connected(town, 1)
        await extend_times(town, COMMANDS)

        async def accepted() -> bool:
            return len(await all_jobs(town)) == COMMANDS

        await eventually(accepted)
    move_to_the_past(town.settings.database_path)
    town.suno.next_call("record-info", "http 502", times=COMMANDS)
    async with a_bot(town, folder):
        await connected(town, 2)
        await settled(town, jobs=COMMANDS)
    return await count(town)


def move_to_the_past(database: Path) -> None:
    """All but the command's own times: a three-day-old command could not be answered."""
    columns = ("accepted_ms", "submitted_ms", "heard_ms", "finished_ms", "due_ms")
    changes = ", ".join(f"{column} = {column} - {JUMP_DAYS * 86_400_000}" for column in columns)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"UPDATE job SET {changes}")  # noqa: S608  # constants
        connection.execute("UPDATE quota_unit SET day = date(day, ?)", (f"-{JUMP_DAYS} days",))


CLOCK_TROUBLES: Mapping[str, Callable[[Town, Path], Awaitable[Balance]]] = {
    FORWARD: partial(jumped, JUMP),
    BACK: partial(jumped, -JUMP),
    BETWEEN_RUNS: jumped_between_runs,
}
