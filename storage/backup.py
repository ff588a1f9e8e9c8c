"""Copies of an SQLite database: `encore backup`, and what restoring or moving one begins with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from storage.engines.sqlite import SqliteEngine
from storage.engines.sqlite_file import copy_database, open_sqlite
from storage.engines.sqlite_ownership import TABLE_NAMES, TABLES
from storage.errors import BackupError
from storage.migrate import migrate


async def back_up(database: Path, to: Path) -> None:
    """Copy `database` consistently to the new file `to`, while it is in use.

    Raises:
        BackupError: there is nothing to copy, `to` exists already, or it cannot be written.
    """
    if not database.is_file():  # noqa: ASYNC240  # nothing else runs meanwhile
        raise BackupError(f"DATABASE_URL names {database}, where there is no database to copy")
    try:
        await copy_database(database, to)
    except FileExistsError as error:
        raise BackupError(f"{to} exists already: name another file") from error


@asynccontextmanager
async def migrated_copy(original: Path, to: Path) -> AsyncIterator[SqliteEngine]:
    """Copy `original` to the new file `to` and bring that up to date; the original stays as it is.

    Raises:
        BackupError: `original` is no database of Encore's, or `to` cannot be written.
        DatabaseTooNew: a later release has changed it.
    """
    await copy_database(original, to)
    async with open_sqlite(to) as opened:
        if not {str(row["name"]) for row in await opened.reading.fetch_all(TABLE_NAMES)} >= TABLES:
            raise BackupError(f"{original} is a database, but not one of Encore's")
        await migrate(opened)
        yield opened
