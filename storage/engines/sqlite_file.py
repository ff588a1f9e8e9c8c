"""The file of an SQLite database: opening it, making it, copying it."""

import asyncio
import logging
import os
import secrets
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiosqlite

from storage.engines.base import BUSY_SECONDS, HANGING_SECONDS
from storage.engines.sqlite import SqliteEngine
from storage.engines.sqlite_connection import Sqlite
from storage.engines.sqlite_outages import is_code, outages_typed, remedy_for
from storage.errors import BackupError, StorageUnavailable

log = logging.getLogger(__name__)

_BUSY_SLICE_SECONDS = 0.2  # one wait inside SQLite: short, so that waiting tasks do not add up their waits


@asynccontextmanager
async def open_sqlite(
    path: Path, *, busy_seconds: float = BUSY_SECONDS, hanging_seconds: float = HANGING_SECONDS
) -> AsyncIterator[SqliteEngine]:
    """The database in the file `path`, made if missing and readable only by its owner.

    Raises:
        StorageUnavailable: the file cannot be opened, or is not a database.
    """
    await asyncio.to_thread(_make_file, path)
    with outages_typed():
        writer = await _connected(path, timeout_seconds=_BUSY_SLICE_SECONDS)
    try:
        with outages_typed():
            await _configure(writer, busy_seconds)
            reader = await _connected(path, timeout_seconds=busy_seconds)
        try:
            reader.row_factory = sqlite3.Row
            await _keep_in_memory(reader)
            await reader.execute_fetchall("PRAGMA query_only = ON")
            database = SqliteEngine(writer, reader, busy_seconds=busy_seconds, hanging_seconds=hanging_seconds)
            try:
                yield database
            finally:
                await database.close()
        finally:
            await reader.close()
    finally:
        await writer.close()  # last, because it moves the log into the file


async def _connected(path: Path, *, timeout_seconds: float) -> Sqlite:
    connect = partial(sqlite3.connect, path, timeout=timeout_seconds, isolation_level=None)
    sqlite = Sqlite(connect, iter_chunk_size=64)  # what `aiosqlite.connect` does with its own class
    _ = await sqlite
    return sqlite


async def copy_database(source: Path, to: Path) -> None:
    """Copy a database that may be in use, consistently; `to` appears when complete, readable only by its owner.

    Raises:
        FileExistsError: there is a file, a folder or a link at `to`.
        BackupError: `source` is no database, or `to` cannot be written.
    """
    part = to.with_name(f".{to.name}.{secrets.token_hex(8)}.part")
    if os.path.lexists(to):  # noqa: ASYNC240  # quick, and nothing else runs meanwhile
        raise FileExistsError(to)
    try:
        await asyncio.to_thread(_make_new_file, part)
        try:
            async with aiosqlite.connect(source) as original, aiosqlite.connect(part) as copy:
                await original.backup(copy)
            await asyncio.to_thread(os.link, part, to, follow_symlinks=False)  # unlike a rename, it replaces nothing
        finally:
            part.unlink(missing_ok=True)  # quick, and nothing else runs meanwhile
    except FileExistsError:
        raise
    except OSError as error:
        raise BackupError(f"cannot write {to}: {error.strerror}") from error
    except sqlite3.Error as error:
        if is_code(error, sqlite3.SQLITE_NOTADB):
            raise BackupError(f"{source} is not a database") from error
        if is_code(error, sqlite3.SQLITE_CORRUPT):
            raise BackupError(f"{source} is damaged or incomplete, so nothing was copied") from error
        raise BackupError(f"cannot copy {source} to {to}: {error}") from error


async def _configure(writer: aiosqlite.Connection, busy_seconds: float) -> None:
    writer.row_factory = sqlite3.Row
    await _keep_in_memory(writer)
    await writer.execute_fetchall("PRAGMA foreign_keys = ON")
    await writer.execute_fetchall("PRAGMA synchronous = FULL")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + busy_seconds
    while True:
        try:
            await writer.execute_fetchall("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Another process is opening the file; SQLite does not wait for that on its own.
            if not is_code(error, sqlite3.SQLITE_BUSY) or loop.time() >= deadline:
                raise
        else:
            return
        await asyncio.sleep(0.01)


async def _keep_in_memory(connection: aiosqlite.Connection) -> None:
    """Temporary files: SQLite takes a full TMPDIR for a full database."""
    await connection.execute_fetchall("PRAGMA temp_store = MEMORY")


def _make_file(path: Path) -> None:
    """Make it and its folder; the file holds tokens, so nobody else may read it (its log gets the same rights)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            log.warning("other users of this machine can read or write %s, which holds tokens: chmod 600 it", path)
    except OSError as error:
        raise StorageUnavailable(f"cannot make the file: {error.strerror}", remedy=remedy_for(error)) from error


def _make_new_file(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
