"""SQLite's connections, each with its thread."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

import aiosqlite

from storage.engines.base import Connection, Row, Value, bound
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
            return list(await self._sqlite.execute_fetchall(positional(sql), bound(parameters)))

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._check_usable()
        with outages_typed():
            async with self._sqlite.executemany(positional(sql), [bound(row) for row in rows]):
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
        check_in_transaction(self._sqlite)


def check_in_transaction(sqlite: aiosqlite.Connection | sqlite3.Connection) -> None:
    """SQLite may have given up the transaction after an earlier error; a statement would then commit on its own."""
    if not sqlite.in_transaction:
        raise StorageUnavailable("the transaction was rolled back")


class Sqlite(aiosqlite.Connection):
    """A connection with its thread, which also runs whole pieces of work."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done: T = await self._execute(lambda: work(self._conn))  # type: ignore[no-untyped-call]
        return done


@cache
def positional(sql: str) -> str:
    """As Python's sqlite3 needs it: it takes `$1` for a name, and `?1` for a position."""
    return re.sub(r"\$(\d+)", r"?\1", sql)
