"""Rows that this version cannot read, as after a downgrade: the others keep going, and the operator is told once."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bot.domain.jobs import JobState
from bot.sandbox.discord import Channel
from storage.storage import open_storage
from tests.end_to_end.town import Town, eventually
from tests.faults.killing import (
    KILLED,
    Balance,
    a_bot,
    all_are_submitted,
    all_jobs,
    connected,
    count,
    extend_times,
    settled,
)
from tests.support.process import BotProcess, said

COMMANDS = 6
FOREIGN = "of a later release "
JOBS = "job rows that cannot be read"
CALLBACKS = "callback rows that cannot be read"
COMMAND = "a command's row that cannot be read"
TOLD_SECONDS = 60.0
STARTS = (2, 3)
"""Starts with unreadable rows: the second of them changes nothing, and tells nobody again."""
LAST_MS = 9_000_000_000_000_000


async def unreadable_jobs(town: Town, folder: Path) -> Balance:
    """Every other job; the rest are posted meanwhile, and these too once their rows are repaired."""
    database = town.settings.database_path
    town.suno.script("no-callbacks")
    async with a_bot(town, folder):
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        await eventually(partial(all_are_submitted, town, COMMANDS), seconds=60)
    spoilt = [job.id for job in await all_jobs(town) if job.state in {JobState.RUNNING, JobState.FINISHED}][::2]
    execute(database, f"UPDATE job SET stage = '{FOREIGN}' || stage WHERE id = ?", spoilt)  # noqa: S608  # constants
    readable = [job.id for job in await all_jobs(town) if job.id not in spoilt]
    for start in STARTS:
        async with a_bot(town, folder) as bot:
            await connected(town, start)
            await has_taken_up(bot, "jobs", start)
            await eventually(partial(others_are_delivered, town, COMMANDS - len(spoilt)), seconds=60)
            await are_set_aside(town, "job", len(spoilt))
            await operator_has_heard_of_all(town, "job", readable[start - 2])
    execute(database, f"UPDATE job SET stage = replace(stage, '{FOREIGN}', '') WHERE id = ?", spoilt)  # noqa: S608
    return await after_the_repair(town, folder, messages=len(spoilt) + len(STARTS))


async def unreadable_callbacks(town: Town, folder: Path) -> Balance:
    """One for each running job, as a later release might have stored it: the jobs are polled to their end."""
    town.suno.script("no-callbacks")
    async with a_bot(town, folder):
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        await eventually(partial(all_are_submitted, town, COMMANDS), seconds=60)
    async with open_storage(town.settings.database_path) as storage:
        for job in await all_jobs(town):
            body = b'["%s%s"]' % (FOREIGN.encode(), job.id.encode())
            await storage.record_callback(token=job.callback_token, body=body, at=datetime.now(UTC))
    for start in STARTS:
        async with a_bot(town, folder):
            await connected(town, start)
            await settled(town, jobs=COMMANDS)
            await are_set_aside(town, "callback_body", COMMANDS)
            await operator_has_messages(town, 1)
    return with_messages(await count(town), town, expected=1)


async def unreadable_command(town: Town, folder: Path) -> Balance:
    """The bot is killed right after it has acknowledged a command, whose row is then spoilt until it is repaired."""
    database = town.settings.database_path
    async with a_bot(town, folder, fault=f"after the defer:{COMMANDS}") as bot:
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        assert await bot.exit_status() == KILLED
    spoilt = select(database, "SELECT max(interaction_id) FROM intake WHERE due_ms IS NOT NULL")
    execute(database, f"UPDATE intake SET payload = '{FOREIGN}' || payload WHERE interaction_id = ?", spoilt)  # noqa: S608
    for start in STARTS:
        async with a_bot(town, folder) as bot:
            await connected(town, start)
            await has_taken_up(bot, "commands", start)
            await settled(town, jobs=COMMANDS - 1)
            await are_set_aside(town, "intake", 1)
            finished = select(
                database, "SELECT interaction_id FROM intake WHERE payload IS NULL ORDER BY interaction_id"
            )
            await operator_has_heard_of_all(town, "intake", finished[start - 2])
    execute(database, f"UPDATE intake SET payload = replace(payload, '{FOREIGN}', '') WHERE interaction_id = ?", spoilt)  # noqa: S608
    return await after_the_repair(town, folder, messages=1 + len(STARTS))


async def after_the_repair(town: Town, folder: Path, *, messages: int) -> Balance:
    async with a_bot(town, folder):
        await connected(town, 4)
        await settled(town, jobs=COMMANDS)
    return with_messages(await count(town), town, expected=messages)


def with_messages(balance: Balance, town: Town, *, expected: int) -> Balance:
    """A message to the operator that is missing counts as lost, one too many as doubled."""
    surplus = len(town.discord.owner.dms) - expected
    return replace(balance, lost=balance.lost + max(0, -surplus), doubled=balance.doubled + max(0, surplus))


async def others_are_delivered(town: Town, number: int) -> bool:
    """The readable ones; the messages of the others wait too."""
    return [job.state for job in await all_jobs(town)] == [JobState.DELIVERED] * number


async def has_taken_up(bot: BotProcess, what: str, start: int) -> None:
    """A start after the first tries what was set aside again, and would take the witness's mark away as well."""
    if start > STARTS[0]:
        await said(bot, f"trying the {what} that were set aside again")


async def are_set_aside(town: Town, table: str, number: int) -> None:
    sql = f"SELECT count(*) FROM {table} WHERE set_aside_ms IS NOT NULL"  # noqa: S608  # a constant

    async def are() -> bool:
        return select(town.settings.database_path, sql) == [number]

    await eventually(are)


async def operator_has_heard_of_all(town: Town, table: str, witness: object) -> None:
    """Set one more row aside, after all others: once the operator hears of it, the others have had their turn."""
    key, name = ("id", str(witness)[:8]) if table == "job" else ("interaction_id", str(witness))
    setting = f"UPDATE {table} SET set_aside_ms = %s WHERE {key} = ?"  # noqa: S608  # constants
    execute(town.settings.database_path, setting % LAST_MS, [witness])

    def names_it(dm: Channel) -> bool:
        return any(name in message.content for message in dm.messages)

    await town.discord.owner.dm.wait_until(names_it, timeout=TOLD_SECONDS)
    execute(town.settings.database_path, setting % "NULL", [witness])


async def operator_has_messages(town: Town, number: int) -> None:
    await town.discord.owner.dm.wait_until(lambda dm: len(dm.messages) >= number, timeout=TOLD_SECONDS)


def select(database: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute(sql)]


def execute(database: Path, sql: str, ids: Iterable[object]) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(sql, [(each,) for each in ids])


UNREADABLE_ROWS: Mapping[str, Callable[[Town, Path], Awaitable[Balance]]] = {
    JOBS: unreadable_jobs,
    CALLBACKS: unreadable_callbacks,
    COMMAND: unreadable_command,
}
