"""What the aggregates need from a database, whichever engine it is."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Value: TypeAlias = str | bytes | int | float | None

BUSY_SECONDS = 2.0
"""How long a transaction waits, including for its turn, while other processes write.

A command is written down before it is acknowledged, which Discord wants within three seconds.
"""

HANGING_SECONDS = 10.0
"""A write that takes longer counts as failed: the database is gone, or too slow to rely on."""


WRITER_LOCK = 0x656E636F7265
"""PostgreSQL's advisory lock of each writing transaction, within its database: "encore" as a number."""


class Row(Protocol):
    """One row of a result, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401


class Connection(Protocol):
    """Runs the aggregates' SQL; `$1` stands for the first of `parameters`.

    Each method raises `StorageUnavailable` for an outage, and `Conflict` if a row breaks a constraint.
    """

    async def fetch_all(self, sql: str, *parameters: Value) -> Sequence[Row]: ...

    async def fetch_one(self, sql: str, *parameters: Value) -> Row | None:
        """The first row, if any. A statement that writes still runs to its end."""
        rows = await self.fetch_all(sql, *parameters)
        return rows[0] if rows else None

    async def execute(self, sql: str, *parameters: Value) -> None:
        await self.fetch_all(sql, *parameters)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run `sql` once for each of `rows`; cheaper than separate calls."""


Piece: TypeAlias = Callable[[Connection], Coroutine[Any, Any, T]]
"""Statements that belong together. A piece awaits nothing but its connection, and may run in another thread."""


class Engine(Protocol):
    """One database. `reading` sees committed data; writing goes through `write`."""

    is_shared: bool
    """Whether several processes may work on it for long, on several machines."""

    @property
    def reading(self) -> Connection: ...

    @property
    def clock(self) -> Callable[[], datetime] | None:
        """The time that all processes on this database share; None: they share this machine's."""

    async def write(self, piece: Piece[T]) -> T:
        """Run `piece` as one transaction: all or nothing, one at a time across all processes; durable once it returns.

        If the caller is cancelled, it may have been kept.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """

    async def read(self, piece: Piece[T]) -> T:
        """Run a piece that only reads; each of its queries sees committed data.

        Raises:
            StorageUnavailable: the database cannot be read.
        """

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """The same as a block, for long work and for steps that await something else; `write` is cheaper.

        After a cancellation past the end of the block, it may have been kept.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """

    def dialect(self, migration: str) -> str:
        """One statement of a migration, in this engine's words."""

    @property
    def is_writable(self) -> bool:
        """Whether the latest write succeeded and no current write hangs."""


class Availability:
    """Whether writing works. The operator hears once when it fails, and once when it works again.

    Before anything has been written, a failure ends the start, whose last line says it.
    """

    def __init__(self, *, hanging_seconds: float) -> None:
        self._hanging_seconds = hanging_seconds
        self._is_away = False
        self._has_worked = False
        self._writing_since: dict[int, float] = {}  # by the loop's clock
        self._writes = 0

    @contextmanager
    def reported_once(self) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            if not self._has_worked:
                log.debug("%s", error)
            elif not self._is_away:
                log.error("%s. Work waits until writing works again", error)  # noqa: TRY400  # one line
            self._is_away = True
            raise
        if self._has_worked and self._is_away:
            log.warning("the database can be written again")
        self._is_away = False
        self._has_worked = True

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Around a write that has its turn: `is_writable` sees how long it takes."""
        self._writes += 1
        number = self._writes
        self._writing_since[number] = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            del self._writing_since[number]

    @property
    def is_writable(self) -> bool:
        if self._is_away:
            return False
        oldest = min(self._writing_since.values(), default=None)
        return oldest is None or asyncio.get_running_loop().time() - oldest < self._hanging_seconds


def bound(parameters: Iterable[Value]) -> list[Value]:
    """The values, without what not every engine can store in a text: NUL characters and lone surrogates."""
    return [storable_text(value) if isinstance(value, str) else value for value in parameters]


def storable_text(value: str) -> str:
    if "\0" in value or not (value.isascii() or _is_unicode(value)):
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
