"""The engine: one SQLite file, a writing and a reading connection, and commits that many tasks share.

Whatever would differ for PostgreSQL is in this file (pragmas, BEGIN IMMEDIATE, the busy time-out), in `connection` and
in `outages`.
"""

import asyncio
import logging
import os
import secrets
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from storage.connection import Connection, Direct, Sqlite
from storage.errors import BackupError, StorageUnavailable
from storage.outages import RIGHTS, is_code, outages_typed, unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_SECONDS = 2.0
"""How long a transaction waits, including for its turn, while another process holds the file.

A command is written down before it is acknowledged, which Discord wants within three seconds.
"""

HANGING_SECONDS = 10.0
"""A write that takes longer counts as failed: the disk is gone, or too slow to rely on."""

_BUSY_SLICE_SECONDS = 0.2  # one wait inside SQLite: short, so that waiting tasks do not add up their waits


class _Participant(Connection):
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


class _Group:
    """Transactions that are committed together. `outcome` is None once they are durable, else why none was kept."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.commit: asyncio.Task[None] | None = None
        self.is_shared = False  # contains an earlier participant's work

    def settle(self, failure: Exception | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(failure)


class Database:
    """Made by `open_database`. `reading` sees committed data; writing goes through `transaction`."""

    def __init__(self, writer: Sqlite, reader: Sqlite, *, busy_seconds: float, hanging_seconds: float) -> None:
        self._writer = writer
        self._reader = reader
        self.reading = Connection(reader)
        self._busy_seconds = busy_seconds
        self._hanging_seconds = hanging_seconds
        self._turn = asyncio.Lock()  # first come, first served
        self._coming = 0  # tasks waiting for their turn
        self._group: _Group | None = None  # begun but not committed; changed only by the holder of the turn
        self._turn_taken_at: float | None = None  # by the loop's clock
        self._is_away = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing; durable once left without an error.

        Tasks take turns inside one SQLite transaction, each in its own savepoint, and one commit serves all that were
        waiting. An error or a cancellation undoes only this task's part. After a cancellation past the end of the
        block, the part may have been kept.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        with self._reported_once():
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
            raise unavailable(failure) from failure

    async def write_at_once(self, work: Callable[[Direct], T]) -> T:
        """A separate transaction, from BEGIN to COMMIT in one piece on the writing thread.

        In a busy event loop, each awaited statement also waits for the loop: this waits for it only once. It is kept
        even if the caller is cancelled.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        with self._reported_once(), outages_typed():
            async with self._next_turn():
                if self._group is not None:
                    await _to_its_end(self._end(self._group))
                return await _to_its_end(self._when_free(partial(_whole, work), deadline))

    async def read_at_once(self, work: Callable[[Direct], T]) -> T:
        """Several queries in one piece on the reading thread; each sees committed data.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        with outages_typed():
            return await self._reader.run(work)

    @contextmanager
    def _reported_once(self) -> Iterator[None]:
        """Tell the operator once when writing fails, and once when it works again."""
        try:
            yield
        except StorageUnavailable as error:
            if not self._is_away:
                log.error("%s. Work waits until writing works again", error)  # noqa: TRY400  # one line
            self._is_away = True
            raise
        if self._is_away:
            log.warning("the database can be written again")
        self._is_away = False

    @property
    def is_writable(self) -> bool:
        """Whether the latest write succeeded and no current write hangs."""
        held = self._turn_taken_at
        return not self._is_away and (held is None or asyncio.get_running_loop().time() - held < self._hanging_seconds)

    async def close(self) -> None:
        """Return after the commit under way."""
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
        with self._timed():
            yield

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """What is done in a turn that was just acquired: `is_writable` sees how long it takes."""
        self._turn_taken_at = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._turn_taken_at = None
            self._turn.release()

    async def _join(self, deadline: float) -> None:
        with outages_typed():
            if self._group is None:
                await self._begin(deadline)
                self._group = _Group()
                return
            try:  # the first of a group needs none: its work is all there is to undo
                await self._run("SAVEPOINT participant")
            except sqlite3.Error as error:
                await self._abandon(self._group, error)
                raise

    async def _begin(self, deadline: float) -> None:
        await self._when_free(_begin, deadline)

    async def _when_free(self, work: Callable[[Direct], T], deadline: float) -> T:
        """Run `work`, which begins a transaction, once no other process is writing."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await self._writer.run(work)
            except sqlite3.OperationalError as error:
                if not is_code(error, sqlite3.SQLITE_BUSY) or loop.time() >= deadline:
                    raise
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
            # It queues behind the tasks now waiting for their turn, so the commit includes all of them.
            group.commit = asyncio.create_task(self._commit(group), name="commit")

    async def _commit(self, group: _Group) -> None:
        try:
            await self._turn.acquire()
            with self._timed():
                if self._group is group:
                    await self._end(group)
        finally:
            # Only if the event loop ends first: nobody may wait for ever.
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
        """Undo the whole group: SQLite could not undo one part or commit it all, or there is only one part."""
        self._group = None
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):  # `_begin` tries again
                await self._run("ROLLBACK")
        group.settle(error)

    async def _run(self, sql: str) -> None:
        await self._writer.execute_fetchall(sql)


@asynccontextmanager
async def open_database(
    path: Path, *, busy_seconds: float = BUSY_SECONDS, hanging_seconds: float = HANGING_SECONDS
) -> AsyncIterator[Database]:
    """The database in the file `path`, made if missing and readable only by its owner.

    Raises:
        StorageUnavailable: the file cannot be opened, or is not a database.
    """
    await asyncio.to_thread(_make_file, path)
    with outages_typed():
        writer = await _connected(path, timeout_seconds=_BUSY_SLICE_SECONDS)
    try:
        with outages_typed():
            await _configure(writer, busy_seconds)
            reader = await _connected(path, timeout_seconds=busy_seconds)
        try:
            reader.row_factory = sqlite3.Row
            await reader.execute_fetchall("PRAGMA query_only = ON")
            database = Database(writer, reader, busy_seconds=busy_seconds, hanging_seconds=hanging_seconds)
            try:
                yield database
            finally:
                await database.close()
        finally:
            await reader.close()
    finally:
        await writer.close()  # last, because it moves the log into the file


async def _connected(path: Path, *, timeout_seconds: float) -> Sqlite:
    connect = partial(sqlite3.connect, path, timeout=timeout_seconds, isolation_level=None)
    sqlite = Sqlite(connect, iter_chunk_size=64)  # what `aiosqlite.connect` does with its own class
    _ = await sqlite
    return sqlite


async def copy_database(source: Path, to: Path) -> None:
    """Copy a database that may be in use, consistently; `to` appears when complete, readable only by its owner.

    Raises:
        FileExistsError: there is a file, a folder or a link at `to`.
        BackupError: `source` is no database, or `to` cannot be written.
    """
    part = to.with_name(f".{to.name}.{secrets.token_hex(8)}.part")
    if os.path.lexists(to):  # noqa: ASYNC240  # quick, and nothing else runs meanwhile
        raise FileExistsError(to)
    try:
        await asyncio.to_thread(_make_new_file, part)
        try:
            async with aiosqlite.connect(source) as original, aiosqlite.connect(part) as copy:
                await original.backup(copy)
            await asyncio.to_thread(os.link, part, to, follow_symlinks=False)  # unlike a rename, it replaces nothing
        finally:
            part.unlink(missing_ok=True)  # quick, and nothing else runs meanwhile
    except FileExistsError:
        raise
    except OSError as error:
        raise BackupError(f"cannot write {to}: {error.strerror}") from error
    except sqlite3.Error as error:
        if is_code(error, sqlite3.SQLITE_NOTADB):
            raise BackupError(f"{source} is not a database") from error
        raise BackupError(f"cannot copy {source} to {to}: {error}") from error


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
            # Another process is opening the file; SQLite does not wait for that on its own.
            if not is_code(error, sqlite3.SQLITE_BUSY) or loop.time() >= deadline:
                raise
        else:
            return
        await asyncio.sleep(0.01)


def _make_file(path: Path) -> None:
    """Make it and its folder; the file holds tokens, so nobody else may read it (its log gets the same rights)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            log.warning("other users of this machine can read or write %s, which holds tokens: chmod 600 it", path)
    except OSError as error:
        raise StorageUnavailable(f"cannot make the file: {error.strerror}", remedy=RIGHTS) from error


def _make_new_file(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


def _begin(direct: Direct) -> None:
    direct.roll_back()  # anything that could not be rolled back earlier, on a broken disk
    direct.fetch_all("BEGIN IMMEDIATE")


def _whole(work: Callable[[Direct], T], direct: Direct) -> T:
    _begin(direct)
    try:
        done = work(direct)
        direct.fetch_all("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the next transaction tries again
            direct.roll_back()
        raise
    return done


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end even if this task is cancelled; then raise the cancellation."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # mark it as seen; the cancellation matters more here
        raise
