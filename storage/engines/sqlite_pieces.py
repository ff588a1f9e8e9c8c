"""Pieces on SQLite: each runs whole on the connection's thread, and several transactions share a commit.

In a busy event loop, each awaited statement also waits for the loop: a piece waits for it only once.
"""

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, Generic, TypeVar

from storage.engines.base import Connection, Piece, Row, Value, bound
from storage.engines.sqlite_connection import check_in_transaction, positional
from storage.engines.sqlite_outages import is_code, outages_typed
from storage.errors import StorageUnavailable

T = TypeVar("T")


class _Direct(Connection):
    """See `storage.engines.base.Connection`. Runs SQL at once, so it is awaited without a pause."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite

    async def fetch_all(self, sql: str, *parameters: Value) -> list[Row]:
        self._check_usable()
        with outages_typed():
            return self._sqlite.execute(positional(sql), bound(parameters)).fetchall()

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._check_usable()
        with outages_typed():
            self._sqlite.executemany(positional(sql), [bound(row) for row in rows])

    def _check_usable(self) -> None:
        """A hook for transactions."""


class _Writing(_Direct):
    def _check_usable(self) -> None:
        check_in_transaction(self._sqlite)


class Part(Generic[T]):
    """One transaction, from its call to its answer. `deadline`, by the loop's clock, is for its beginning."""

    def __init__(self, piece: Piece[T], *, deadline: float, queue: "Queue") -> None:
        self._piece = piece
        self._values: list[T] = []
        self._error: Exception | None = None
        self.deadline = deadline
        self.answer: Answer[T] = Answer(queue)

    def run(self, sqlite: sqlite3.Connection) -> bool:
        """On the connection's thread; False if it failed, and what it wrote is to be undone."""
        self._values, self._error = [], None
        try:
            self._values.append(_driven(self._piece(_Writing(sqlite))))
        except Exception as error:  # noqa: BLE001  # raised where the answer is awaited
            self._error = error
        return self._error is None

    @property
    def outage(self) -> StorageUnavailable | None:
        """What the database could not do for it."""
        return self._error if isinstance(self._error, StorageUnavailable) else None

    def settle(self, failure: Exception | None = None) -> None:
        """On the event loop, once it is durable, or with the reason why it is not."""
        error = failure or self._error
        if self.answer.done():
            return
        if error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(self._values[0])


class Answer(asyncio.Future[T]):
    """What comes of a transaction.

    A task that is cancelled asks the future it awaits to be cancelled, too. While its transaction is at work, this one
    declines, so the task raises its cancellation when the transaction has ended.
    """

    def __init__(self, queue: "Queue") -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._queue = queue

    def cancel(self, msg: object = None) -> bool:
        return self._queue.withdraw(self) and super().cancel(msg)


class Queue:
    """Transactions that have not begun. The event loop adds them; the connection's thread takes them."""

    def __init__(self) -> None:
        self._parts: list[Part[Any]] = []
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, part: Part[Any]) -> None:
        with self._lock:
            self._parts.append(part)

    def put_back(self, parts: Sequence[Part[Any]]) -> None:
        """They go first next time."""
        with self._lock:
            self._parts[:0] = parts

    def take(self, most: int) -> Sequence[Part[Any]]:
        """The first ones, up to `most`."""
        with self._lock:
            taken = self._parts[:most]
            del self._parts[:most]
        return taken

    def withdraw(self, answer: Answer[Any]) -> bool:
        """Take out the transaction with this answer; False if it was taken already."""
        with self._lock:
            before = len(self._parts)
            self._parts[:] = [part for part in self._parts if part.answer is not answer]
            return len(self._parts) < before


class Busy(Exception):
    """Another process is writing: nothing was begun. Its cause is SQLite's own error."""


def write_together(parts: Sequence[Part[Any]], sqlite: sqlite3.Connection) -> None:
    """Run all in one transaction; one that fails undoes only its own work.

    Raises:
        Busy, StorageUnavailable, sqlite3.Error: nothing of any of them was kept.
    """
    begin(sqlite)
    try:
        for part in parts:
            _run_apart(part, sqlite)
        sqlite.execute("COMMIT")
    except BaseException:
        roll_back(sqlite)
        raise


def _run_apart(part: Part[Any], sqlite: sqlite3.Connection) -> None:
    sqlite.execute("SAVEPOINT part")
    is_whole = part.run(sqlite)
    if part.outage is not None and not sqlite.in_transaction:
        raise part.outage
    check_in_transaction(sqlite)
    if not is_whole:
        sqlite.execute("ROLLBACK TO part")
    sqlite.execute("RELEASE part")


def read_piece(piece: Piece[T], sqlite: sqlite3.Connection) -> T:
    return _driven(piece(_Direct(sqlite)))


def begin(sqlite: sqlite3.Connection) -> None:
    """Begin a transaction that writes. Raises `Busy`."""
    if sqlite.in_transaction:
        sqlite.execute("ROLLBACK")  # what could not be rolled back earlier, on a broken disk
    try:
        sqlite.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_code(error, sqlite3.SQLITE_BUSY):
            raise Busy from error
        raise


def roll_back(sqlite: sqlite3.Connection) -> None:
    """Undo whatever is not committed. If that fails, `begin` tries again."""
    if sqlite.in_transaction:
        with suppress(sqlite3.Error):
            sqlite.execute("ROLLBACK")


def _driven(piece: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never pauses."""
    try:
        piece.send(None)
    except StopIteration as stop:
        done: T = stop.value
        return done
    piece.close()
    raise RuntimeError("a piece may await nothing but its connection")
