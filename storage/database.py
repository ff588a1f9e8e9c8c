"""The engine: one SQLite file, a connection that writes, one that reads, and commits that many tasks share.

What PostgreSQL would do otherwise (pragmas, BEGIN IMMEDIATE, the busy time-out) is in this file alone.
"""

import asyncio
import logging
import os
import secrets
import sqlite3
import stat
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import aiosqlite

from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Row: TypeAlias = sqlite3.Row
Value: TypeAlias = str | bytes | int | float | None

BUSY_SECONDS = 2.0
"""How long a transaction waits, its turn included, for another process that holds the file.

A command is written down before it is acknowledged, for which Discord gives three seconds.
"""

_BUSY_SLICE_SECONDS = 0.2  # one wait inside SQLite: short, so that a queue of tasks does not wait one after the other

_ANOTHER_PROGRAM = "another program holds the file of DATABASE_URL: end it, or what it does with the file"
_RIGHTS = "this process needs the right to write the file of DATABASE_URL and its folder"
_BROKEN = "the file of DATABASE_URL is damaged or no database: restore a backup, see README.md"

_OUTAGES = {
    sqlite3.SQLITE_BUSY: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_LOCKED: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_FULL: "make room on the disk of DATABASE_URL",
    sqlite3.SQLITE_IOERR: "check the disk of DATABASE_URL and the room on it",
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_NOMEM: "this process needs more memory",
    sqlite3.SQLITE_PROTOCOL: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
}
"""By SQLite's primary code: what an operator can do about it."""


class Connection:
    """What the aggregates run their SQL on; `$1` in it stands for the first of `parameters`."""

    def __init__(self, sqlite: aiosqlite.Connection) -> None:
        self._sqlite = sqlite

    async def fetch_all(self, sql: str, *parameters: Value) -> list[Row]:
        self._check_usable()
        with _outages_typed():
            return list(await self._sqlite.execute_fetchall(sql, _numbered(parameters)))

    async def fetch_one(self, sql: str, *parameters: Value) -> Row | None:
        """The first row, if there is one. A statement that writes runs to its end all the same."""
        rows = await self.fetch_all(sql, *parameters)
        return rows[0] if rows else None

    async def execute(self, sql: str, *parameters: Value) -> None:
        await self.fetch_all(sql, *parameters)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run `sql` once for each of `rows`; cheaper than one call each."""
        self._check_usable()
        with _outages_typed():
            async with self._sqlite.executemany(sql, [_numbered(row) for row in rows]):
                pass

    def _check_usable(self) -> None:
        pass


class _Participant(Connection):
    """The writing connection, lent to one transaction until that one is left."""

    def __init__(self, sqlite: aiosqlite.Connection) -> None:
        super().__init__(sqlite)
        self._is_open = True

    def close(self) -> None:
        self._is_open = False

    def _check_usable(self) -> None:
        if not self._is_open:
            raise RuntimeError("the transaction was left before this statement")
        if not self._sqlite.in_transaction:
            # SQLite gave the transaction up after an earlier error; a statement now would stand for itself.
            raise StorageUnavailable("the transaction was rolled back")


class _Group:
    """Transactions that are committed together. `outcome` is None once they are durable, else why none was kept."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.commit: asyncio.Task[None] | None = None
        self.is_shared = False  # something of an earlier participant is in it

    def settle(self, failure: Exception | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(failure)


class Database:
    """Made by `open_database`. `reading` sees what is committed; writing goes through `transaction`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, *, busy_seconds: float) -> None:
        self._writer = writer
        self.reading = Connection(reader)
        self._busy_seconds = busy_seconds
        self._turn = asyncio.Lock()  # first come, first served
        self._coming = 0  # tasks that wait for their turn
        self._group: _Group | None = None  # begun and not yet committed; changed only by the holder of the turn
        self._is_away = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing, and durable when left without an error.

        Tasks take turns inside one transaction of SQLite's, each in its own savepoint, and one commit serves all who
        were waiting. An error or a cancellation undoes this task's part alone. Cancelled after the block has ended,
        the part may have been kept.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        with self._told_once():
            async with self._shared_transaction() as participant:
                yield participant

    @asynccontextmanager
    async def _shared_transaction(self) -> AsyncIterator[Connection]:
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        async with self._next_turn():
            participant = _Participant(self._writer)
            keep = False
            try:
                await _to_its_end(self._join(deadline))
                yield participant
                keep = True
            finally:
                participant.close()
                group = self._group
                if group is not None:
                    await _to_its_end(self._leave(group, keep=keep))
        if group is None:
            raise AssertionError("a transaction was left that had not begun")
        failure = await asyncio.shield(group.outcome)
        if failure is not None:
            raise _unavailable(failure) from failure

    @contextmanager
    def _told_once(self) -> Iterator[None]:
        """Tell the operator when nothing can be written any more, and when it is possible again."""
        try:
            yield
        except StorageUnavailable as error:
            if not self._is_away:
                log.error("%s. Work waits until then and goes on by itself", error)  # noqa: TRY400  # one line
            self._is_away = True
            raise
        if self._is_away:
            log.warning("the database can be written again")
        self._is_away = False

    async def close(self) -> None:
        """After the last commit that is under way."""
        async with self._turn:
            group = self._group
        if group is not None and group.commit is not None:
            await asyncio.wait([group.commit])

    @asynccontextmanager
    async def _next_turn(self) -> AsyncIterator[None]:
        self._coming += 1
        try:
            await self._turn.acquire()
        finally:
            self._coming -= 1
        try:
            yield
        finally:
            self._turn.release()

    async def _join(self, deadline: float) -> None:
        with _outages_typed():
            if self._group is None:
                await self._begin(deadline)
                self._group = _Group()
                return
            try:  # the first of a group needs none: what it did is all there is to undo
                await self._run("SAVEPOINT participant")
            except sqlite3.Error as error:
                await self._abandon(self._group, error)
                raise

    async def _begin(self, deadline: float) -> None:
        if self._writer.in_transaction:  # what could not be rolled back earlier, on a broken disk
            await self._run("ROLLBACK")
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._run("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is(error, sqlite3.SQLITE_BUSY) or loop.time() >= deadline:
                    raise
            else:
                return
            await asyncio.sleep(0.01)  # SQLite answers some kinds of "busy" at once

    async def _leave(self, group: _Group, *, keep: bool) -> None:
        if not self._writer.in_transaction:
            await self._abandon(group, sqlite3.OperationalError("the transaction was rolled back"))
            return
        if group.is_shared:
            try:
                if not keep:
                    await self._run("ROLLBACK TO participant")
                await self._run("RELEASE participant")
            except sqlite3.Error as error:
                await self._abandon(group, error)
                return
        elif not keep:
            await self._abandon(group, None)
            return
        group.is_shared = True
        if not self._coming:
            await self._end(group)
        elif group.commit is None:
            # Queues behind the tasks that wait for their turn now, so all of these are in the commit.
            group.commit = asyncio.create_task(self._commit(group), name="commit")

    async def _commit(self, group: _Group) -> None:
        try:
            async with self._turn:
                if self._group is group:
                    await self._end(group)
        finally:
            # Only when the event loop ends under it: nobody may wait for ever.
            group.settle(RuntimeError("stopped during the commit"))

    async def _end(self, group: _Group) -> None:
        self._group = None
        try:
            await self._run("COMMIT")
        except sqlite3.Error as error:
            await self._abandon(group, error)
        else:
            group.settle(None)

    async def _abandon(self, group: _Group, error: sqlite3.Error | None) -> None:
        """Undo the whole group: SQLite could not undo a part of it, or not commit it, or there is but one part."""
        self._group = None
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):  # `_begin` tries again
                await self._run("ROLLBACK")
        group.settle(error)

    async def _run(self, sql: str) -> None:
        await self._writer.execute_fetchall(sql)


@asynccontextmanager
async def open_database(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[Database]:
    """The database in the file `path`, made if it is missing and readable by its owner alone.

    Raises:
        StorageUnavailable: the file cannot be opened, or is no database.
    """
    await asyncio.to_thread(_make_file, path)
    with _outages_typed():
        writer = await aiosqlite.connect(path, timeout=_BUSY_SLICE_SECONDS, isolation_level=None)
    try:
        with _outages_typed():
            await _configure(writer, busy_seconds)
            reader = await aiosqlite.connect(path, timeout=busy_seconds, isolation_level=None)
        try:
            reader.row_factory = sqlite3.Row
            await reader.execute_fetchall("PRAGMA query_only = ON")
            database = Database(writer, reader, busy_seconds=busy_seconds)
            try:
                yield database
            finally:
                await database.close()
        finally:
            await reader.close()
    finally:
        await writer.close()  # last: it moves the log into the file


async def copy_database(source: Path, to: Path) -> None:
    """Write a consistent copy of a database that may be in use; `to` appears when it is whole, for its owner alone.

    Raises:
        FileExistsError: there is a file, a folder or a link at `to`.
        StorageUnavailable: the copy could not be written.
    """
    part = to.with_name(f".{to.name}.{secrets.token_hex(8)}.part")
    if os.path.lexists(to):  # noqa: ASYNC240  # quick, and nothing else runs meanwhile
        raise FileExistsError(to)
    try:
        await asyncio.to_thread(_make_new_file, part)
        try:
            with _outages_typed():
                async with aiosqlite.connect(source) as original, aiosqlite.connect(part) as copy:
                    await original.backup(copy)
            await asyncio.to_thread(os.link, part, to, follow_symlinks=False)  # unlike a rename, it replaces nothing
        finally:
            part.unlink(missing_ok=True)  # quick, and nothing else runs meanwhile
    except FileExistsError:
        raise
    except OSError as error:
        raise StorageUnavailable(f"cannot write the copy: {error.strerror}") from error


async def _configure(writer: aiosqlite.Connection, busy_seconds: float) -> None:
    writer.row_factory = sqlite3.Row
    await writer.execute_fetchall("PRAGMA foreign_keys = ON")
    await writer.execute_fetchall("PRAGMA synchronous = FULL")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + busy_seconds
    while True:
        try:
            await writer.execute_fetchall("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Another process that opens the file at this moment; SQLite does not wait for that by itself.
            if not _is(error, sqlite3.SQLITE_BUSY) or loop.time() >= deadline:
                raise
        else:
            return
        await asyncio.sleep(0.01)


def _make_file(path: Path) -> None:
    """With its folder; the file holds tokens, so nobody else may read it (its log gets the same rights)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            log.warning("other users of this machine can read or write %s, which holds tokens: chmod 600 it", path)
    except OSError as error:
        raise StorageUnavailable(f"cannot make the file: {error.strerror}", remedy=_RIGHTS) from error


def _make_new_file(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end even if this task is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen; the cancellation is what this task must hear of
        raise


def _numbered(parameters: Sequence[Value]) -> dict[str, Value]:
    """As Python's sqlite3 wants them: `$1` is a name to it."""
    return {str(number): value for number, value in enumerate(parameters, 1)}


def _code(error: Exception) -> int:
    """The primary code, which is the low byte; errors of Python's own layer have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is(error: sqlite3.Error, code: int) -> bool:
    return _code(error) == code


def _unavailable(error: Exception) -> StorageUnavailable:
    return StorageUnavailable(str(error), remedy=_OUTAGES.get(_code(error), ""))


@contextmanager
def _outages_typed() -> Iterator[None]:
    """What the operator can mend is raised as `StorageUnavailable`; wrong SQL and broken constraints as they are."""
    try:
        yield
    except sqlite3.Error as error:
        if _code(error) in _OUTAGES:
            raise _unavailable(error) from error
        raise
