"""SQLite's connections, each with its thread."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import aiosqlite

from storage.engines.base import Connection, Row, Value, storable
from storage.engines.sqlite_outages import outages_typed
from storage.errors import StorageUnavailable

T = TypeVar("T")


class SqliteConnection(Connection):
    """See `storage.engines.base.Connection`. Each statement goes to the connection's thread and back."""

    def __init__(self, sqlite: aiosqlite.Connection) -> None:
        self._sqlite = sqlite

    async def fetch_all(self, sql: str, *parameters: Value) -> list[Row]:
        self._check_usable()
        with outages_typed():
            return list(await self._sqlite.execute_fetchall(sql, numbered(parameters)))

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._check_usable()
        with outages_typed():
            async with self._sqlite.executemany(sql, [numbered(row) for row in rows]):
                pass

    def _check_usable(self) -> None:
        """A hook for connections that are only lent."""


class LentConnection(SqliteConnection):
    """The writing connection, lent to one transaction until it ends."""

    def __init__(self, sqlite: aiosqlite.Connection) -> None:
        super().__init__(sqlite)
        self._is_open = True

    def close(self) -> None:
        self._is_open = False

    def _check_usable(self) -> None:
        if not self._is_open:
            raise RuntimeError("the transaction was left before this statement")
        if not self._sqlite.in_transaction:
            # SQLite gave up the transaction after an earlier error; a statement would now commit on its own.
            raise StorageUnavailable("the transaction was rolled back")


class Sqlite(aiosqlite.Connection):
    """A connection with its thread, which also runs whole pieces of work."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done: T = await self._execute(lambda: work(self._conn))  # type: ignore[no-untyped-call]
        return done


_NUMBERS = tuple(map(str, range(1, 1000)))


def numbered(parameters: Sequence[Value]) -> dict[str, Value]:
    """As Python's sqlite3 needs them: it takes `$1` for a name."""
    return dict(zip(_NUMBERS, map(storable, parameters), strict=False))
