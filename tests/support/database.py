"""The database that a test runs on: SQLite files, or as many databases of a PostgreSQL server (`--database`).

A test names its database by a path in either case; the same path leads to the same database, as after a restart.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from storage.engines.base import BUSY_SECONDS, WRITER_LOCK, Value
from storage.storage import SqlStorage, open_shared_storage
from storage.storage import open_storage as open_file

SERVER = "ENCORE_TEST_POSTGRES"
"""The address of the server's own database, in the environment of every worker; not set: tests run on SQLite."""
CONNECTIONS = 4
LEAST_BUSY_SECONDS = 1.0
"""On PostgreSQL this patience is also for opening a connection, which a loaded machine does not do in a moment."""

TABLES = """
SELECT relname AS name, pg_relation_size(oid) > 800 * 1024 AS is_large FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'migration'
"""
FIRST_ROWS = """
INSERT INTO queue (id, turn, seats) VALUES (1, 0, 0);
INSERT INTO inbox (id, newest_id) VALUES (1, 0)
"""
"""What the migrations put into the tables."""

_used: dict[Path, str] = {}
_clean: list[str] = []
_for_one_test: set[Path] = set()
_numbers = count()


def on_postgres() -> bool:
    return SERVER in os.environ


async def postgres_url_for(path: Path) -> str:
    """The setting for a bot on the database that `path` stands for: empty on SQLite."""
    if not on_postgres():
        return ""
    await make_database(path)
    return _url_of(path)


def _url_of(path: Path) -> str:
    return os.environ[SERVER].replace("/postgres?", f"/{_used[path]}?")


@asynccontextmanager
async def open_storage(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[SqlStorage]:
    """The storage in the database that `path` stands for, made if missing."""
    if not on_postgres():
        async with open_file(path, busy_seconds=busy_seconds) as storage:
            yield storage
        return
    await make_database(path)
    patience = max(busy_seconds, LEAST_BUSY_SECONDS)
    async with open_shared_storage(_url_of(path), connections=CONNECTIONS, busy_seconds=patience) as storage:
        yield storage


async def make_database(path: Path, *, like_new: bool = False) -> None:
    """Give `path` a database on PostgreSQL, unless it has one in this test; it is empty, but may have the tables.

    `like_new`: without tables, and no other test gets it afterwards.
    """
    if not on_postgres() or path in _used:
        return
    if _clean and not like_new:
        _used[path] = _clean.pop()
        return
    name = f"t{os.getpid()}_{next(_numbers)}"
    async with _connected(os.environ[SERVER]) as server:
        await server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    _used[path] = name
    if like_new:
        _for_one_test.add(path)


def keep_from_others(path: Path) -> None:
    """The database that `path` stands for gets another schema in this test, so no other test gets it afterwards."""
    if path in _used:
        _for_one_test.add(path)


async def clean_databases() -> None:
    """Empty what this test used, for the next one: making databases would take most of the tests' time."""
    while _used:
        path, name = next(iter(_used.items()))
        if path in _for_one_test:
            async with _connected(os.environ[SERVER]) as server:
                await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
            _for_one_test.remove(path)
            del _used[path]
            continue
        async with _connected(_url_of(path)) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if tables := await connection.fetch(TABLES):
                await connection.execute(f"{_emptying(tables)}; {FIRST_ROWS}")
        del _used[path]
        _clean.append(name)


def _emptying(tables: Sequence[Mapping[str, Any]]) -> str:
    """New files for a database of this many tables cost more than most tests, so only large tables are truncated."""
    names = ", ".join(table["name"] for table in tables)
    if any(table["is_large"] for table in tables):
        return f"TRUNCATE {names}"
    deletions = "; ".join(f"DELETE FROM {table['name']}" for table in tables)  # noqa: S608  # names from the catalogue
    # What a connection that is being ended still writes comes first; without triggers, the order is all one.
    return f"LOCK TABLE {names}; SET session_replication_role = replica; {deletions}"


class AnotherProgram:
    """A program that writes on the same database. It can be held from anywhere, also where nothing can be awaited."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        self._held: Callable[[], object] | None = None

    def hold(self) -> None:
        """Be in the middle of a writing transaction, until `let_go`."""
        if self._held is None:
            begin = self._hold_postgres if on_postgres() else self._hold_file
            self._held = self._thread.submit(begin).result()

    def let_go(self) -> None:
        if self._held is not None:
            self._thread.submit(self._held).result()
            self._held = None

    def _hold_file(self) -> Callable[[], object]:
        file = sqlite3.connect(self._path, isolation_level=None, timeout=20)
        file.execute("BEGIN IMMEDIATE")
        return file.close

    def _hold_postgres(self) -> Callable[[], object]:
        stack, runner = AsyncExitStack(), asyncio.Runner()

        async def hold() -> None:
            other = await stack.enter_async_context(_connected(_url_of(self._path)))
            await stack.enter_async_context(other.transaction())
            await other.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")

        def let_go() -> None:
            runner.run(stack.aclose())
            runner.close()

        runner.run(hold())
        return let_go

    def close(self) -> None:
        self.let_go()
        self._thread.shutdown()


@contextmanager
def another_program(path: Path) -> Iterator[AnotherProgram]:
    program = AnotherProgram(path)
    try:
        yield program
    finally:
        program.close()


@asynccontextmanager
async def held(path: Path) -> AsyncIterator[None]:
    """Another program is in the middle of a writing transaction; waits until it has its turn."""
    with another_program(path) as program:
        await asyncio.to_thread(program.hold)
        yield
        await asyncio.to_thread(program.let_go)


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Any]:
    """A connection of the driver's own to the PostgreSQL database that stands for `path`."""
    async with _connected(_url_of(path)) as connection:
        yield connection


async def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What another program reads on a connection of its own: everything committed."""
    if on_postgres():
        async with _connected(_url_of(path)) as other:
            return [tuple(row) for row in await other.fetch(sql)]
    with closing(sqlite3.connect(path)) as file:
        return list(file.execute(sql))


async def tamper(storage: SqlStorage, sql: str, *parameters: Value) -> None:
    """Change rows as no part of the program would."""
    async with storage._engine.transaction() as connection:
        await connection.execute(sql, *parameters)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    import asyncpg  # noqa: PLC0415  # not where tests run on SQLite

    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
