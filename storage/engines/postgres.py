"""PostgreSQL: a bounded pool of connections, and one writing transaction at a time.

READ COMMITTED alone would let two processes claim the same work, so each writing transaction first takes one advisory
lock, which lasts until it ends (decision 21).
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

import asyncpg

from bot.cancellation import to_its_end
from storage.engines.base import (
    BUSY_SECONDS,
    HANGING_SECONDS,
    WRITER_LOCK,
    Availability,
    Connection,
    Piece,
    Row,
    Value,
    bound,
)
from storage.engines.postgres_clock import running_clock
from storage.engines.postgres_outages import CONNECTIONS as CONNECTIONS_REMEDY
from storage.engines.postgres_outages import connecting_to, outages_typed
from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECTIONS = 8
"""Half of them at most are used for writing, so that reading never waits for a turn."""
OLDEST_VERSION = 14
COMMAND_SECONDS = 60.0
"""How long a statement in a transaction may take. Migrations may take a while."""
MARGIN_SECONDS = 0.3
"""How long the server's own time limit takes to arrive; a connection that is silent for longer leads nowhere."""

BEGIN = """
BEGIN; SET LOCAL lock_timeout = '{busy_ms}ms'; SET LOCAL idle_in_transaction_session_timeout = '{hanging_ms}ms'
"""
TAKE_TURN = "SELECT pg_advisory_xact_lock($1), pg_current_xact_id()::text AS transaction_id"
SERVER_RUN = "SELECT stats_reset::text AS run FROM pg_stat_bgwriter"
"""Another one after each crash, in which the server may also forget the id of a transaction, and give it out again.

Every role may read it.
"""
WAS_COMMITTED = "SELECT pg_xact_status($1::text::xid8) AS status"
PROPERTIES = """
SELECT current_setting('server_version_num')::int / 10000 AS version, pg_encoding_to_char(encoding) AS encoding,
       datcollate AS collation, datctype AS characters, datname AS name,
       quote_ident(current_user) AS role, coalesce(to_jsonb(pg_database) ->> 'datlocprovider', 'c') AS provider
  FROM pg_database WHERE datname = current_database()
"""
BYTE_ORDER = {"C", "POSIX", "C.UTF-8", "C.utf8"}
"""Collations that sort texts as SQLite does, unless ICU sorts them (provider i)."""


class Lent(Connection):
    """See `storage.engines.base.Connection`. A connection of the pool, lent until `close`."""

    def __init__(self, pg: Any) -> None:  # noqa: ANN401  # asyncpg has no types
        self._pg = pg
        self._is_open = True
        self._seconds: float | None = None  # None: `COMMAND_SECONDS`

    def close(self) -> None:
        self._is_open = False

    async def fetch_all(self, sql: str, *parameters: Value) -> Sequence[Row]:
        self._check_usable()
        with self._answered():
            rows: Sequence[Row] = await self._pg.fetch(sql, *bound(parameters), timeout=self._seconds)
            return rows

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._check_usable()
        with self._answered():
            await self._pg.executemany(sql, [bound(row) for row in rows], timeout=self._seconds)

    async def control(self, sql: str) -> str:
        """Begin or end a transaction; several statements may be separated by semicolons. Returns the last one's tag."""
        with self._answered():
            return str(await self._pg.execute(sql, timeout=self._seconds))

    @contextmanager
    def answered_within(self, seconds: float) -> Iterator[None]:
        """Meanwhile, a statement that takes longer is an outage, and the connection is given up.

        Its other end may have vanished without a word.
        """
        self._seconds = seconds
        try:
            yield
        finally:
            self._seconds = None

    @contextmanager
    def _answered(self) -> Iterator[None]:
        with outages_typed():
            try:
                yield
            except TimeoutError:
                self._pg.terminate()
                raise

    async def commit(self) -> None:
        """Raises `StorageUnavailable` unless the server says that it is kept."""
        if await self.control("COMMIT") != "COMMIT":  # PostgreSQL's answer after an error in the transaction
            raise StorageUnavailable("the transaction was rolled back")

    async def roll_back(self, *, seconds: float) -> None:
        """Undo whatever is not committed; a connection that takes longer is closed, and the server undoes it."""
        try:
            if self._pg.is_in_transaction():
                with self.answered_within(seconds):
                    await self.control("ROLLBACK")
        except (StorageUnavailable, asyncpg.InterfaceError):
            with suppress(asyncpg.InterfaceError):  # it was lost before
                self._pg.terminate()

    @property
    def server_run(self) -> str:
        """Of which run of the server this connection is; see `SERVER_RUN`."""
        return str(self._pg.server_run)

    def _check_usable(self) -> None:
        if not self._is_open:
            raise RuntimeError("the transaction was left before this statement")


class _Reading(Connection):
    """See `storage.engines.base.Connection`. Borrows a connection for each statement."""

    def __init__(self, engine: "PostgresEngine") -> None:
        self._engine = engine

    async def fetch_all(self, sql: str, *parameters: Value) -> Sequence[Row]:
        async with self._engine.lent_for_reading() as lent:
            return await lent.fetch_all(sql, *parameters)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        async with self._engine.lent_for_reading() as lent:
            await lent.execute_many(sql, rows)


class PostgresEngine:
    """Made by `open_postgres`. See `storage.engines.base.Engine`."""

    is_shared = True

    def __init__(
        self,
        pool: Any,  # noqa: ANN401  # asyncpg has no types
        *,
        url: str,
        busy_seconds: float,
        hanging_seconds: float,
        writers: int,
    ) -> None:
        self._pool = pool
        self._url = url
        self._busy_seconds = busy_seconds
        self._hanging_seconds = hanging_seconds
        self._writers = asyncio.Semaphore(writers)  # first come, first served
        self._availability = Availability(hanging_seconds=hanging_seconds)
        self.reading: Connection = _Reading(self)
        self.clock: Callable[[], datetime] | None = None
        self._given_back = asyncio.Event()  # another one each time
        self._has_reported_few = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Lent]:
        """A connection of the pool, outside a transaction."""
        with connecting_to(self._url):
            pg = await self._acquired()
        lent = Lent(pg)
        try:
            yield lent
        finally:
            lent.close()
            with suppress(Exception):  # a connection that cannot be given back has been closed
                await to_its_end(self._pool.release(pg, timeout=self._busy_seconds))
            self._given_back.set()
            self._given_back = asyncio.Event()

    async def _acquired(self) -> Any:  # noqa: ANN401
        """If the server refuses another connection, wait for one that this process already has."""
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        while True:
            given_back = self._given_back
            try:
                return await self._pool.acquire(timeout=self._busy_seconds)
            except asyncpg.TooManyConnectionsError as error:
                if not self._pool.get_size():
                    raise
                self._report_few(error)
            async with asyncio.timeout_at(deadline):
                await given_back.wait()

    def _report_few(self, error: Exception) -> None:
        if not self._has_reported_few:
            log.warning(
                "the database refuses more connections (%s); working with those there are. %s%s",
                error,
                CONNECTIONS_REMEDY[0].upper(),
                CONNECTIONS_REMEDY[1:],
            )
        self._has_reported_few = True

    @asynccontextmanager
    async def lent_for_reading(self) -> AsyncIterator[Lent]:
        async with self.lent() as lent:
            with lent.answered_within(self._hanging_seconds):
                yield lent

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """See `Engine.transaction`."""
        async with self._transaction() as lent:
            yield lent

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Lent]:
        deadline = asyncio.get_running_loop().time() + self._busy_seconds
        with self._availability.reported_once():
            async with self._place(deadline), self.lent() as lent:
                with self._availability.timed():
                    try:
                        transaction_id = await to_its_end(self._begin(lent, deadline))
                        yield lent
                        server_run = lent.server_run
                    except BaseException:
                        await to_its_end(lent.roll_back(seconds=self._busy_seconds))
                        raise
                    await to_its_end(self._commit(lent, transaction_id, server_run))

    @asynccontextmanager
    async def _place(self, deadline: float) -> AsyncIterator[None]:
        """One of the places for writing in this process."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._writers.acquire()
        except TimeoutError as error:
            raise StorageUnavailable(
                "earlier writes take too long", remedy="check the server and the network"
            ) from error
        try:
            yield
        finally:
            self._writers.release()

    async def write(self, piece: Piece[T]) -> T:
        """See `Engine.write`; first come, first served, in this process and among all."""
        async with self._transaction() as lent:
            return await piece(lent)

    async def read(self, piece: Piece[T]) -> T:
        """See `Engine.read`."""
        async with self.lent_for_reading() as lent:
            return await piece(lent)

    def dialect(self, migration: str) -> str:
        """SQLite's one integer type has eight bytes; PostgreSQL's INTEGER has four."""
        return re.sub(r"\bINTEGER\b", "BIGINT", migration)

    @property
    def is_writable(self) -> bool:
        return self._availability.is_writable

    async def _begin(self, lent: Lent, deadline: float) -> str:
        """Begin a transaction that nobody else writes in; returns its id."""
        left_seconds = deadline - asyncio.get_running_loop().time()
        busy_ms = max(1, int(left_seconds * 1000))  # 0 would mean no limit
        with lent.answered_within(max(0.0, left_seconds) + MARGIN_SECONDS):
            await lent.control(BEGIN.format(busy_ms=busy_ms, hanging_ms=int(self._hanging_seconds * 1000)))
            row = await lent.fetch_one(TAKE_TURN, WRITER_LOCK)
        return str(row["transaction_id"]) if row else ""

    async def _commit(self, lent: Lent, transaction_id: str, server_run: str) -> None:
        try:
            with lent.answered_within(self._hanging_seconds):
                await lent.commit()
        except StorageUnavailable:
            if not await self._was_committed(transaction_id, server_run):
                raise

    async def _was_committed(self, transaction_id: str, server_run: str) -> bool:
        """Whether a commit whose answer was lost is known to have succeeded."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._hanging_seconds):
                while True:
                    with suppress(StorageUnavailable):
                        async with self.lent() as lent:
                            if lent.server_run != server_run:
                                return False
                            with lent.answered_within(self._busy_seconds):
                                row = await lent.fetch_one(WAS_COMMITTED, transaction_id)
                        if row and row["status"] != "in progress":
                            return bool(row["status"] == "committed")
                    await asyncio.sleep(0.1)
        return False


class _Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that knows the run of its server."""

    __slots__ = ("server_run",)


async def _note_server_run(pg: Any) -> None:  # noqa: ANN401
    pg.server_run = await pg.fetchval(SERVER_RUN)


@asynccontextmanager
async def open_postgres(
    url: str,
    *,
    connections: int = CONNECTIONS,
    busy_seconds: float = BUSY_SECONDS,
    hanging_seconds: float = HANGING_SECONDS,
    name: str = "encore",
) -> AsyncIterator[PostgresEngine]:
    """The database at `url`, with at most `connections` at once (two at least); the server lists them under `name`.

    Raises:
        StorageUnavailable: it cannot be reached, or was not created as Encore needs it.
    """
    with connecting_to(url):
        pool = await asyncpg.create_pool(
            url,
            min_size=0,  # more would be kept up behind our back, with tracebacks in the log while the server is away
            max_size=connections,
            timeout=busy_seconds,
            command_timeout=COMMAND_SECONDS,
            server_settings={"application_name": name},
            reset=_roll_back,
            connection_class=_Session,
            init=_note_server_run,
        )
    try:
        engine = PostgresEngine(
            pool,
            url=url,
            busy_seconds=busy_seconds,
            hanging_seconds=hanging_seconds,
            writers=max(1, connections // 2),
        )
        await _check_properties(engine)
        async with running_clock(engine.reading) as engine.clock:
            yield engine
    finally:
        await _close(pool, seconds=busy_seconds)


async def _check_properties(engine: PostgresEngine) -> None:
    row = await engine.reading.fetch_one(PROPERTIES)
    if row is None:
        return
    if row["version"] < OLDEST_VERSION:
        raise StorageUnavailable(
            f"PostgreSQL {row['version']} is too old", remedy=f"use PostgreSQL {OLDEST_VERSION} or newer"
        )
    sorts_by_byte = row["provider"] != "i" and {row["collation"], row["characters"]} <= BYTE_ORDER
    if row["encoding"] != "UTF8" or not sorts_by_byte:
        raise StorageUnavailable(
            f"the database {row['name']} does not use UTF8 with the collation C, which Encore needs",
            remedy=(
                f"create another one with: CREATE DATABASE {row['name']}_utf8 OWNER {row['role']} TEMPLATE template0"
                f" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                f"{' LOCALE_PROVIDER libc' if row['provider'] == 'i' else ''}"
            ),
        )
    log.info("database: %s on PostgreSQL %s", row["name"], row["version"])


async def _close(pool: Any, *, seconds: float) -> None:  # noqa: ANN401
    try:
        async with asyncio.timeout(seconds):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pool.terminate()


async def _roll_back(pg: Any) -> None:  # noqa: ANN401
    """All that a connection may bring back to the pool; asyncpg's own reset would take a round trip each time."""
    if pg.is_in_transaction():
        await pg.execute("ROLLBACK")
