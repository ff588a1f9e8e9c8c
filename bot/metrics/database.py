"""How long work waits for the database, and how long it takes: around any engine."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from time import perf_counter
from typing import TypeVar

from bot.errors import Outage
from bot.metrics.meters import Meters
from storage.engines.base import Connection, Engine, Piece, Row, Value

T = TypeVar("T")


class MeasuredEngine:
    """See `storage.engines.base.Engine`."""

    def __init__(self, engine: Engine, meters: Meters) -> None:
        self._engine = engine
        self._meters = meters
        self.is_shared = engine.is_shared
        self.reading: Connection = _MeasuredReading(engine.reading, meters)

    @property
    def clock(self) -> Callable[[], datetime] | None:
        return self._engine.clock

    @property
    def is_writable(self) -> bool:
        return self._engine.is_writable

    def dialect(self, migration: str) -> str:
        return self._engine.dialect(migration)

    async def write(self, piece: Piece[T]) -> T:
        with _timed(self._meters, "write") as begins:
            return await self._engine.write(_beginning(piece, begins))

    async def read(self, piece: Piece[T]) -> T:
        with _timed(self._meters, "read") as begins:
            return await self._engine.read(_beginning(piece, begins))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        with _timed(self._meters, "write") as begins:
            async with self._engine.transaction() as connection:
                begins()
                yield connection


class _MeasuredReading(Connection):
    """Single queries. Their wait for a connection is part of how long they take."""

    def __init__(self, connection: Connection, meters: Meters) -> None:
        self._connection = connection
        self._meters = meters

    async def fetch_all(self, sql: str, *parameters: Value) -> Sequence[Row]:
        with _timed(self._meters, "query"):
            return await self._connection.fetch_all(sql, *parameters)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        with _timed(self._meters, "query"):
            await self._connection.execute_many(sql, rows)


def _beginning(piece: Piece[T], begins: Callable[[], None]) -> Piece[T]:
    """`piece`, after calling `begins`; on SQLite, in the thread of the database."""

    async def begun(connection: Connection) -> T:
        begins()
        return await piece(connection)

    return begun


@contextmanager
def _timed(meters: Meters, operation: str) -> Iterator[Callable[[], None]]:
    """Yields what is to be called when the work has its turn; called again: it started over."""
    asked = perf_counter()
    begun: list[float] = []
    try:
        yield lambda: begun.append(perf_counter())
    except Outage:
        meters.count("encore_database_failures_total", operation)
        raise
    finally:
        meters.observe("encore_database_seconds", perf_counter() - asked, operation)
        if begun:
            meters.observe("encore_database_wait_seconds", begun[-1] - asked, operation)
