"""A look at a database that changes nothing: no table, no row, and no database is made."""

import asyncio
import contextlib
import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from storage import lock
from storage.engines import sqlite_ownership
from storage.engines.base import Engine
from storage.engines.opening import open_server
from storage.engines.postgres_ownership import check_new_or_ours, name_and_size, table_names
from storage.engines.sqlite_file import open_sqlite
from storage.errors import StorageUnavailable
from storage.migrate import APPLIED, HALF_MOVED, compatible_from

PROBE = "CREATE TABLE encore_doctor (number INTEGER)"
"""Rolled back. It takes all the rights that migrations need."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """`newest`: the latest migration, 0 without tables; `compatible_from`: the oldest that a release must know.

    `clock`: the database's own time, None on SQLite.
    """

    place: str
    is_new: bool
    size_bytes: int = 0
    newest: int = 0
    compatible_from: int = 0
    is_half_moved: bool = False
    is_open_to_others: bool = False
    clock: datetime | None = None
    looked_at: datetime


class _Enough(Exception):
    """Ends a transaction that must not be kept."""


async def look_at_file(file: Path) -> Seen:
    """The SQLite file `file`.

    Raises:
        StorageUnavailable: it cannot be read or written, or is none of Encore's; the text says why.
    """
    path = Path(os.path.abspath(file))  # noqa: ASYNC240, PTH100  # quick
    if await asyncio.to_thread(sqlite_ownership.is_new, path):
        await asyncio.to_thread(_check_folder, path)
        return Seen(place=str(path), is_new=True, looked_at=datetime.now(UTC))
    with lock.shared(path):
        async with open_sqlite(path) as engine:
            newest, oldest, needed = await _migrations(engine)
            await _write_nothing(engine)
            size_bytes = await asyncio.to_thread(_size_of, path)
    facts = await asyncio.to_thread(path.stat)
    return Seen(
        place=str(path),
        is_new=False,
        size_bytes=size_bytes,
        newest=newest,
        compatible_from=needed,
        is_half_moved=oldest == HALF_MOVED,
        is_open_to_others=bool(facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO)),
        looked_at=datetime.now(UTC),
    )


async def look_at_server(url: str) -> Seen:
    """The PostgreSQL database at `url`. Raises as `look_at_file`."""
    async with open_server(url, connections=2, name="encore doctor") as engine:
        tables = await table_names(engine.reading)
        check_new_or_ours(tables)
        newest, oldest, needed = await _migrations(engine) if tables else (0, None, 0)
        await _write_nothing(engine)
        name, size_bytes = await name_and_size(engine.reading)
        clock = engine.clock() if engine.clock else None
        return Seen(
            place=f"the PostgreSQL database {name}",
            is_new=not tables,
            size_bytes=size_bytes,
            newest=newest,
            compatible_from=needed,
            is_half_moved=oldest == HALF_MOVED,
            clock=clock,
            looked_at=datetime.now(UTC),
        )


async def _migrations(engine: Engine) -> tuple[int, int | None, int]:
    """The newest and the oldest one, and the oldest that a release must know."""
    row = await engine.reading.fetch_one(APPLIED)
    if row is None:
        return 0, None, 0
    newest = int(row["newest"])
    return newest, row["oldest"], await compatible_from(engine.reading, newest)


async def _write_nothing(engine: Engine) -> None:
    with contextlib.suppress(_Enough):
        async with engine.transaction() as connection:
            await connection.execute(PROBE)
            raise _Enough


def _size_of(path: Path) -> int:
    """With the log beside it, which moves into the file only now and then."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _check_folder(path: Path) -> None:
    """Raise `StorageUnavailable` if the file could not be made."""
    folder = nearest_folder(path)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageUnavailable(
            f"nothing can be written in {folder}: {error.strerror}",
            remedy="give this user the right to write there, or name another file in DATABASE_URL",
        ) from error


def nearest_folder(path: Path) -> Path:
    """The folder of `path`, or the first one above it that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())
