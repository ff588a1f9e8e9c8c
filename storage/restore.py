"""`encore restore`: puts a copy in the place of the database, so that nothing is paid for or posted a second time."""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.jobs import SOURCE_KEPT
from storage import lock
from storage.engines.base import Connection
from storage.engines.sqlite_file import copy_database, open_sqlite
from storage.engines.sqlite_ownership import TABLE_NAMES, TABLES
from storage.errors import BackupError
from storage.migrate import migrate
from storage.values import to_ms

log = logging.getLogger(__name__)

# What waited in the copy may have been submitted after it was made. One that was claimed and not sent waited, too.
HOLD_BACK = """
UPDATE job SET state = 'on_hold', due_ms = $1, submitted_ms = NULL, waits_for = NULL
 WHERE state = 'accepted' OR (state = 'submitting' AND submitted_ms IS NULL)
RETURNING id
"""

# Their progress messages say so, with a way to continue.
SHOW_HOLD = """
UPDATE progress SET version = version + 1, due_ms = $1, not_before_ms = NULL
 WHERE job_id IN (SELECT id FROM job WHERE state = 'on_hold')
"""

# A command that was being read then has become a job or a refusal since.
FORGET_OPEN_COMMANDS = (
    "UPDATE intake SET payload = NULL, due_ms = NULL WHERE due_ms IS NOT NULL RETURNING interaction_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`held_back` jobs wait for their members; `replaced` is where the database from before is now, if any."""

    held_back: int
    replaced: Path | None


async def restore(copy: Path, database: Path) -> Restored:
    """Put `copy` in the place of `database`. The copy stays as it is; the database that was there is kept beside it.

    Raises:
        BackupError: `copy` is no backup of Encore's, or `database` cannot be written.
        DatabaseInUse: a bot is running on `database`.
        DatabaseTooNew: a later release made the copy.
        StorageUnavailable: something could not be read or written.
    """
    if not copy.is_file():  # noqa: ASYNC240  # nothing else runs meanwhile
        raise BackupError(f"there is no file {copy}")
    if database.is_dir():  # noqa: ASYNC240  # as above
        raise BackupError(f"DATABASE_URL names {database}, which is a folder: name a file in it")
    if database.exists() and copy.samefile(database):  # noqa: ASYNC240  # as above
        raise BackupError(f"{copy} is the database itself, not a copy of it: name a backup")
    with lock.exclusive(database):
        fresh = database.with_name(f".{database.name}.{secrets.token_hex(4)}.restored")
        try:
            await copy_database(copy, fresh)
            held_back = await _prepared(fresh, copy)
            replaced = await asyncio.to_thread(_swap, fresh, database)
        finally:
            for leftover in (fresh, *_companions(fresh)):
                leftover.unlink(missing_ok=True)  # as above
    return Restored(held_back=held_back, replaced=replaced)


async def _prepared(fresh: Path, copy: Path) -> int:
    now = datetime.now(UTC)
    async with open_sqlite(fresh) as opened:
        if not {str(row["name"]) for row in await opened.reading.fetch_all(TABLE_NAMES)} >= TABLES:
            raise BackupError(f"{copy} is a database, but not one of Encore's")
        await migrate(opened)
        async with opened.transaction() as connection:
            return await _hold_back(connection, now)


async def _hold_back(connection: Connection, now: datetime) -> int:
    held = await connection.fetch_all(HOLD_BACK, to_ms(now + SOURCE_KEPT))
    await connection.execute(SHOW_HOLD, to_ms(now))
    await connection.execute(FORGET_OPEN_COMMANDS)
    return len(held)


def _swap(fresh: Path, database: Path) -> Path | None:
    """Nothing is deleted: after restoring the wrong copy, the operator wants the old database back."""
    replaced = None
    if database.exists():
        replaced = database.with_name(f"{database.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        for old, kept in zip((database, *_companions(database)), (replaced, *_companions(replaced)), strict=True):
            if old.exists():
                old.rename(kept)
    fresh.rename(database)
    return replaced


def _companions(database: Path) -> tuple[Path, Path]:
    """SQLite's log and index of a database: of no use beside another one."""
    return database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")
