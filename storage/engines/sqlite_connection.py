"""What runs SQL on SQLite: statement by statement from the event loop, or in one piece on the connection's thread."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import aiosqlite

from storage.engines.base import Connection, Many, Row, Script, Step, Value, storable
from storage.engines.sqlite_outages import outages_typed

T = TypeVar("T")


class SqliteConnection(Connection):
    """See `storage.engines.base.Connection`."""

    def __init__(self, sqlite: aiosqlite.Connection) -> None:
        self._sqlite = sqlite

    async def fetch_all(self, sql: str, *parameters: Value) -> list[Row]:
        self._check_usable()
        with outages_typed():
            return list(await self._sqlite.execute_fetchall(sql, _numbered(parameters)))

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._check_usable()
        with outages_typed():
            async with self._sqlite.executemany(sql, [_numbered(row) for row in rows]):
                pass

    def _check_usable(self) -> None:
        """A hook for connections that are only lent."""


class Direct:
    """Runs SQL directly, on the connection's own thread."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite

    def execute(self, *statements: str) -> None:
        for sql in statements:
            self._sqlite.execute(sql)

    def run_script(self, script: Script[T]) -> T:
        rows: Sequence[Row] = ()
        try:
            step = next(script)
            while True:
                rows = self._run_step(step)
                step = script.send(rows)
        except StopIteration as stop:
            done: T = stop.value
            return done

    def _run_step(self, step: Step) -> Sequence[Row]:
        if isinstance(step, Many):
            self._sqlite.executemany(step.sql, [_numbered(row) for row in step.rows])
            return ()
        return self._sqlite.execute(step.sql, _numbered(step.parameters)).fetchall()

    def roll_back(self) -> None:
        """Undo whatever is not committed."""
        if self._sqlite.in_transaction:
            self._sqlite.execute("ROLLBACK")


class Sqlite(aiosqlite.Connection):
    """A connection with its thread, which also runs whole pieces of work."""

    async def run(self, work: Callable[[Direct], T]) -> T:
        done: T = await self._execute(lambda: work(Direct(self._conn)))  # type: ignore[no-untyped-call]
        return done


_NUMBERS = tuple(map(str, range(1, 1000)))


def _numbered(parameters: Sequence[Value]) -> dict[str, Value]:
    """As Python's sqlite3 needs them: it takes `$1` for a name."""
    return dict(zip(_NUMBERS, map(storable, parameters), strict=False))
