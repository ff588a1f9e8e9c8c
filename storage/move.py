"""`encore move-database`: everything in an SQLite file goes into a PostgreSQL database, all or nothing.

All rows travel in one transaction; they are read back and compared with the file's before it is committed. Meanwhile,
and after an interruption, the target counts as half moved, which keeps bots away from it.
"""

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from storage import lock
from storage.backup import migrated_copy
from storage.engines.base import Connection, Engine
from storage.engines.opening import open_server
from storage.engines.postgres_ownership import MIGRATIONS, check_new_or_ours, table_names
from storage.engines.sqlite_file import open_sqlite
from storage.engines.sqlite_texts import clean_texts
from storage.engines.tables import Table, pages, tables_in
from storage.errors import BackupError, Conflict, StorageUnavailable, WrongValue
from storage.migrate import APPLIED, HALF_MOVED, MARK_APPLIED, REMEMBER_MIGRATIONS, known_migrations, migrate
from storage.values import to_ms

BUSY_SECONDS = 10.0  # nobody waits for this program
HANGING_SECONDS = 60.0
INTERRUPTED = "interrupted: nothing was moved; run it again"
INTERRUPTED_AT_THE_END = "interrupted at the very end: run it again, and it says whether everything was moved"

MARK_MOVED = "DELETE FROM migration WHERE number = $1"


class MoveError(Exception):
    """The database cannot be moved; the text says why and what to do."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` counts those of each table; `was_done` if an earlier run had already moved them all."""

    rows: Mapping[str, int]
    was_done: bool


async def move(source: Path, target: str) -> Moved:
    """Copy the database in the file `source` to the PostgreSQL address `target`. The file stays as it is.

    After an interruption, another run begins again; after a finished move, it only compares.

    Raises:
        BackupError: `source` is no database of Encore's.
        DatabaseInUse: a bot is running on `source`.
        DatabaseTooNew: a later release has changed one of the two.
        MoveError: one of the two cannot be used as it is, or the move was interrupted.
    """
    try:
        return await _move(source, target)
    except asyncio.CancelledError as error:  # Ctrl-C, which would end the program without a word
        raise MoveError(INTERRUPTED) from error


async def _move(source: Path, target: str) -> Moved:
    if source.is_dir():  # noqa: ASYNC240  # nothing else runs meanwhile
        raise BackupError(f"FROM names {source}, which is a folder: name the file in it")
    if not source.is_file():  # noqa: ASYNC240  # as above
        raise BackupError(f"there is no file {source}")
    async with AsyncExitStack() as stack:
        with _named("FROM"):
            stack.enter_context(lock.exclusive(source))
        folder = stack.enter_context(_folder_beside(source))
        with _named("TO"):
            opened = open_server(
                target,
                connections=2,
                busy_seconds=BUSY_SECONDS,
                hanging_seconds=HANGING_SECONDS,
                name="encore move-database",
            )
            server = await stack.enter_async_context(opened)
        with _named("FROM"):
            tables = await _tables(folder / "empty.db")
            copy = await stack.enter_async_context(migrated_copy(source, folder / "copy.db"))
            await asyncio.to_thread(clean_texts, folder / "copy.db", tables)
        with _named("TO"):
            return await _moved(tables, copy.reading, server)


async def _moved(tables: Sequence[Table], copy: Connection, server: Engine) -> Moved:
    if await _is_half_moved(server):
        return Moved(rows=await _fill(tables, copy, server), was_done=False)
    applied = await server.reading.fetch_one(APPLIED)
    if applied and applied["newest"] == known_migrations()[-1].number:
        rows = [await _rows_alike(table, copy, server.reading) for table in tables]
        if None not in rows:
            return Moved(
                rows={table.name: count or 0 for table, count in zip(tables, rows, strict=True)}, was_done=True
            )
    raise MoveError("TO already holds a bot's data: name an empty database")


async def _is_half_moved(server: Engine) -> bool:
    """Make an empty database count as half moved; False if a bot has used this one.

    Raises:
        StorageUnavailable: it holds another program's tables.
    """
    async with server.transaction() as connection:
        found = await table_names(connection)
        if not found:
            now = to_ms(datetime.now(UTC))
            await connection.execute(server.dialect(REMEMBER_MIGRATIONS))
            await connection.execute(MARK_APPLIED, HALF_MOVED, "encore move-database", now)
            return True
        check_new_or_ours(found)
        applied = await connection.fetch_one(APPLIED)
        return bool(applied and applied["oldest"] == HALF_MOVED)


async def _fill(tables: Sequence[Table], copy: Connection, server: Engine) -> Mapping[str, int]:
    is_complete = False
    try:
        await migrate(server, is_move=True)
        async with server.transaction() as connection:
            rows = await _fill_in(tables, copy, connection)
            is_complete = True
    except (StorageUnavailable, asyncio.CancelledError) as error:
        what = INTERRUPTED_AT_THE_END if is_complete else INTERRUPTED
        why = f" ({error})" if isinstance(error, StorageUnavailable) else ""
        raise MoveError(f"{what}{why}".replace("DATABASE_URL", "TO")) from error
    return rows


async def _fill_in(tables: Sequence[Table], copy: Connection, target: Connection) -> Mapping[str, int]:
    for table in reversed(tables):
        await target.execute(table.delete)  # rows that migrations made
    for table in tables:
        await _copy_rows(table, copy, target)
    rows = {}
    for table in tables:
        count = await _rows_alike(table, copy, target)
        if count is None:
            raise MoveError(f"the rows of {table.name} are not the same in TO as in FROM: nothing was moved")
        rows[table.name] = count
    await target.execute(MARK_MOVED, HALF_MOVED)
    await target.execute("ANALYZE")  # without statistics, queries take up to a hundred times as long
    return rows


async def _copy_rows(table: Table, copy: Connection, target: Connection) -> None:
    async for rows in pages(table, copy):
        try:
            await target.execute_many(table.insert, rows)
        except (Conflict, WrongValue) as error:  # SQLite takes any value in any column; the value may be a secret
            raise MoveError(f"the table {table.name} in FROM holds a row that PostgreSQL does not take") from error


async def _rows_alike(table: Table, copy: Connection, target: Connection) -> int | None:
    """How many rows the table has in both; None if any of them differs."""
    count = 0
    others = pages(table, target)
    async for rows in pages(table, copy):
        if rows != await anext(others):
            return None
        count += len(rows)
    return count


async def _tables(file: Path) -> tuple[Table, ...]:
    """As the migrations make them in an empty database."""
    async with open_sqlite(file) as empty:
        await migrate(empty)
        # Each database has its own table of migrations.
        return tuple(table for table in await tables_in(empty.reading) if table.name != MIGRATIONS)


@contextmanager
def _folder_beside(source: Path) -> Iterator[Path]:
    """For the copy that is brought up to date: where the file is, there is likely room for it."""
    folder = source.with_name(f"{source.name}.moving")
    shutil.rmtree(folder, ignore_errors=True)  # left by a run that was killed
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _named(argument: str) -> Iterator[None]:
    """An outage here is about an argument, not about DATABASE_URL."""
    try:
        yield
    except lock.DatabaseInUse:
        raise
    except StorageUnavailable as error:
        raise MoveError(str(error).replace("DATABASE_URL", argument)) from error
