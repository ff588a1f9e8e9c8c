"""SQLite: one file, a writing and a reading connection, and commits that many tasks share."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TypeVar

import aiosqlite

from storage.engines.base import Availability, Connection, Script
from storage.engines.sqlite_connection import Direct, Sqlite, SqliteConnection
from storage.engines.sqlite_outages import is_code, outages_typed, unavailable
from storage.engines.tasks import to_its_end
from storage.errors import StorageUnavailable

T = TypeVar("T")


class _Participant(SqliteConnection):
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
        self._coming = 0  # tasks waiting for their turn
        self._group: _Group | None = None  # begun but not committed; changed only by the holder of the turn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All or nothing; durable once left without an error.

        Tasks take turns inside one SQLite transaction, each in its own savepoint, and one commit serves all that were
        waiting. An error or a cancellation undoes only this task's part. After a cancellation past the end of the
        block, the part may have been kept.

        Raises:
            StorageUnavailable: nothing of it was kept.
        """
        with self._availability.reported_once():
            async with self._shared_transaction() as participant:
                yield participant

    @asynccontextmanager
    async def _shared_transaction(self) -> AsyncIterator[Connection]:
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        async with self._next_turn():
            participant = _Participant(self._writer)
            keep = False
            try:
                await to_its_end(self._join(deadline))
                yield participant
                keep = True
            finally:
                participant.close()
                group = self._group
                if group is not None:
                    await to_its_end(self._leave(group, keep=keep))
        if group is None:
            raise AssertionError("a transaction was left that had not begun")
        failure = await asyncio.shield(group.outcome)
        if failure is not None:
            raise unavailable(failure) from failure

    async def write_at_once(self, script: Callable[[], Script[T]]) -> T:
        """Run it from BEGIN to COMMIT in one piece on the writing thread.

        In a busy event loop, each awaited statement also waits for the loop: this waits for it only once.
        """
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        with self._availability.reported_once(), outages_typed():
            async with self._next_turn():
                if self._group is not None:
                    await to_its_end(self._end(self._group))
                return await to_its_end(self._when_free(partial(_whole, script), deadline))

    async def read_at_once(self, script: Callable[[], Script[T]]) -> T:
        """Run it in one piece on the reading thread."""
        with outages_typed():
            return await self._reader.run(lambda direct: direct.run_script(script()))

    def dialect(self, migration: str) -> str:
        return migration

    @property
    def is_writable(self) -> bool:
        return self._availability.is_writable

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
        """What is done in a turn that was just acquired."""
        try:
            with self._availability.timed():
                yield
        finally:
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
        if not keep and not group.is_shared:
            await self._abandon(group, None)
            return
        last_part = _last_part(keep=keep) if group.is_shared else ()
        group.is_shared = True
        if not self._coming:
            await self._end(group, last_part)
            return
        try:
            await self._run(*last_part)
        except sqlite3.Error as error:
            await self._abandon(group, error)
            return
        if group.commit is None:
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

    async def _end(self, group: _Group, last_part: Sequence[str] = ()) -> None:
        """Commit, together with the statements that end the last participant's part."""
        self._group = None
        try:
            await self._run(*last_part, "COMMIT")
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

    async def _run(self, *statements: str) -> None:
        if statements:
            await self._writer.run(lambda direct: direct.execute(*statements))


def _last_part(*, keep: bool) -> tuple[str, ...]:
    return ("RELEASE participant",) if keep else ("ROLLBACK TO participant", "RELEASE participant")


def _begin(direct: Direct) -> None:
    direct.roll_back()  # anything that could not be rolled back earlier, on a broken disk
    direct.execute("BEGIN IMMEDIATE")


def _whole(script: Callable[[], Script[T]], direct: Direct) -> T:
    _begin(direct)
    try:
        done = direct.run_script(script())
        direct.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the next transaction tries again
            direct.roll_back()
        raise
    return done
