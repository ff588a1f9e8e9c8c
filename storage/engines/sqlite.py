"""SQLite: one file, a writing and a reading connection, and commits that many tasks share."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from bot.cancellation import to_its_end
from storage.engines.base import Availability, Connection, Piece
from storage.engines.sqlite_connection import LentConnection, Sqlite, SqliteConnection
from storage.engines.sqlite_outages import outages_typed, unavailable
from storage.engines.sqlite_pieces import Busy, Part, Queue, begin, read_piece, roll_back, write_together
from storage.errors import StorageUnavailable

T = TypeVar("T")

TOGETHER_MAX = 100
"""How many transactions share a commit at most."""
ROUND_SECONDS = 0.1
"""How long the thread moves on to the next commit on its own; after that, others have their turn."""
BUSY_PAUSE_SECONDS = 0.01
"""SQLite answers some kinds of "busy" at once."""


class SqliteEngine:
    """Made by `open_sqlite`. See `storage.engines.base.Engine`."""

    is_shared = False

    def __init__(self, writer: Sqlite, reader: Sqlite, *, busy_seconds: float, hanging_seconds: float) -> None:
        self._writer = writer
        self._reader = reader
        self.reading: Connection = SqliteConnection(reader)
        self.clock: None = None
        self._busy_seconds = busy_seconds
        self._availability = Availability(hanging_seconds=hanging_seconds)
        self._turn = asyncio.Lock()  # first come, first served
        self._waiting = Queue()
        self._writing: asyncio.Task[None] | None = None

    async def write(self, piece: Piece[T]) -> T:
        """See `Engine.write`. Those that wait at the same time run one after another and share a commit."""
        part = Part(
            piece,
            deadline=asyncio.get_running_loop().time() + self._busy_seconds,
            queue=self._waiting,
        )
        self._waiting.add(part)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting(), name="write")
        with self._availability.reported_once():
            answer: T = await part.answer
            return answer

    async def read(self, piece: Piece[T]) -> T:
        """See `Engine.read`. It runs whole on the reading thread."""
        return await self._reader.run(partial(read_piece, piece))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """See `Engine.transaction`. Each statement waits for the event loop; nobody else writes meanwhile."""
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        with self._availability.reported_once():
            async with self._turn:
                with self._availability.timed():
                    connection = LentConnection(self._writer)
                    try:
                        await to_its_end(self._begin(deadline))
                        yield connection
                        connection.close()
                        await to_its_end(self._commit())
                    except BaseException:
                        connection.close()
                        await to_its_end(self._writer.run(roll_back))
                        raise

    def dialect(self, migration: str) -> str:
        return migration

    @property
    def is_writable(self) -> bool:
        return self._availability.is_writable

    async def close(self) -> None:
        """Return after everything that waits is written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                async with self._turn:
                    with self._availability.timed():
                        await self._write_some()
        finally:
            self._writing = None
            while parts := self._waiting.take(TOGETHER_MAX):  # only if it was interrupted
                _settle(parts, RuntimeError("not written"))

    async def _write_some(self) -> None:
        writing: list[Part[Any]] = []
        try:
            await self._writer.run(partial(self._write_in_rounds, asyncio.get_running_loop(), writing))
        except Busy as busy:
            await self._put_back(writing, busy)
        except (StorageUnavailable, sqlite3.Error) as error:
            _settle(writing, error if isinstance(error, StorageUnavailable) else unavailable(error))
        except BaseException as error:
            _settle(writing, RuntimeError(f"not written ({error!r})"))  # nobody may wait for ever
            raise
        else:
            _settle(writing)

    def _write_in_rounds(
        self, loop: asyncio.AbstractEventLoop, writing: list[Part[Any]], sqlite: sqlite3.Connection
    ) -> None:
        """On the connection's thread, which need not wait for the event loop between two commits.

        `writing` holds those that are not settled yet, and are not in the queue.
        """
        until = time.monotonic() + ROUND_SECONDS
        while True:
            writing[:] = self._waiting.take(TOGETHER_MAX)
            write_together(writing, sqlite)
            if not self._waiting or time.monotonic() >= until:
                return
            loop.call_soon_threadsafe(_settle, tuple(writing))

    async def _put_back(self, parts: Sequence[Part[Any]], busy: Busy) -> None:
        """They go first next time, except for those that have waited long enough."""
        now = asyncio.get_running_loop().time()
        _settle([part for part in parts if now >= part.deadline], unavailable(busy.__cause__))
        self._waiting.put_back([part for part in parts if not part.answer.done()])
        await asyncio.sleep(BUSY_PAUSE_SECONDS)

    async def _begin(self, deadline: float) -> None:
        with outages_typed():
            while True:
                try:
                    return await self._writer.run(begin)
                except Busy as busy:
                    if asyncio.get_running_loop().time() >= deadline:
                        raise unavailable(busy.__cause__) from busy
                await asyncio.sleep(BUSY_PAUSE_SECONDS)

    async def _commit(self) -> None:
        try:
            await self._writer.run(lambda sqlite: sqlite.execute("COMMIT"))
        except sqlite3.Error as error:
            raise unavailable(error) from error


def _settle(parts: Sequence[Part[Any]], failure: Exception | None = None) -> None:
    for part in parts:
        part.settle(failure)
