"""Trouble with the machine: a backup restored midway, a clock that jumps forward, unreadable rows."""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from bot.domain.jobs import JobState
from storage.backup import back_up
from storage.restore import restore
from tests.end_to_end.town import Town, eventually
from tests.faults.killing import Balance, a_bot, all_jobs, connected, count, settled

COMMANDS = 6
JUMP_DAYS = 3
RESTORED = "a backup is restored midway"
JUMPED = "the clock jumps forward by three days midway"
POISONED = "unreadable rows among good ones"


async def restored_midway(town: Town, folder: Path) -> Balance:
    """The backup is made while jobs run; everything later is lost with the database it replaces."""
    database = town.settings.database_path
    async with a_bot(town, folder):
        await connected(town, 1)
        for number in range(COMMANDS):
            await (await town.extend(style="folk", title=f"Boats {number}", prompt="la")).acknowledged()

        async def submitted() -> bool:
            jobs = await all_jobs(town)
            return len(jobs) == COMMANDS and all(job.task_id for job in jobs)

        await eventually(submitted, seconds=60)
        await back_up(database, folder / "copy.db")
        await settled(town, jobs=COMMANDS)
    await restore(folder / "copy.db", database)
    async with a_bot(town, folder):
        await connected(town, 2)
        await settled(town, jobs=COMMANDS)
    return await count(town)


async def jumped_forward(town: Town, folder: Path) -> Balance:
    """Move every time in the database three days into the past, which looks the same to a bot that starts then."""
    town.suno.script("no-callbacks")
    async with a_bot(town, folder):
        await connected(town, 1)
        for number in range(COMMANDS):
            await (await town.extend(style="folk", title=f"Boats {number}", prompt="la")).acknowledged()

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
    connection = sqlite3.connect(database)
    try:
        with connection:
            connection.execute(f"UPDATE job SET {changes}")  # noqa: S608  # constants
            connection.execute("UPDATE quota_unit SET day = date(day, ?)", (f"-{JUMP_DAYS} days",))
    finally:
        connection.close()


async def poisoned(town: Town, folder: Path) -> Balance:
    """Half of the jobs are corrupted while the bot is down. The others are posted, and these too once repaired."""
    database = town.settings.database_path
    town.suno.script("no-callbacks")
    async with a_bot(town, folder):
        await connected(town, 1)
        for number in range(COMMANDS):
            await (await town.extend(style="folk", title=f"Boats {number}", prompt="la")).acknowledged()

        async def running() -> bool:
            jobs = await all_jobs(town)
            return len(jobs) == COMMANDS and all(job.task_id for job in jobs)

        await eventually(running, seconds=60)
    spoilt = [job.id for job in await all_jobs(town) if job.state in {JobState.RUNNING, JobState.FINISHED}][::2]
    execute(database, "UPDATE job SET stage = 'of a later release ' || stage WHERE id = ?", spoilt)
    async with a_bot(town, folder):
        await connected(town, 2)
        await eventually(partial(others_are_delivered, town, COMMANDS - len(spoilt)), seconds=60)
    execute(database, "UPDATE job SET stage = replace(stage, 'of a later release ', '') WHERE id = ?", spoilt)
    async with a_bot(town, folder):
        await connected(town, 3)
        await settled(town, jobs=COMMANDS)
    return await count(town)


async def others_are_delivered(town: Town, number: int) -> bool:
    """The readable ones; the messages of the others wait too."""
    return [job.state for job in await all_jobs(town)] == [JobState.DELIVERED] * number


def execute(database: Path, sql: str, ids: list[str]) -> None:
    connection = sqlite3.connect(database)
    try:
        with connection:
            connection.executemany(sql, [(job_id,) for job_id in ids])
    finally:
        connection.close()


DATABASE_TROUBLES: Mapping[str, Callable[[Town, Path], Awaitable[Balance]]] = {
    RESTORED: restored_midway,
    JUMPED: jumped_forward,
    POISONED: poisoned,
}
