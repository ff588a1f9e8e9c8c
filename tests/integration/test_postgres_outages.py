"""PostgreSQL goes away in every way it can: what an operator reads, and that nothing is lost or half done."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import asyncpg
import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.postgres import Lent, PostgresEngine, open_postgres
from storage.errors import Conflict, StorageUnavailable
from storage.storage import open_shared_storage
from tests.support.notes import ADD, names
from tests.support.postgres_server import PostgresServer, running_server

pytestmark = pytest.mark.postgres

NUMBERS = count(1)
CONNECTED = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'encore'
"""

T = TypeVar("T")


@dataclass
class Database:
    """A database of a test's own, on a server that may be stopped and started."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        return self.server.url_of(self.name)

    async def make(self, properties: str = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'") -> None:
        admin = await asyncpg.connect(self.server.url_of("postgres"))
        await admin.execute(f"CREATE DATABASE {self.name} TEMPLATE template0 {properties}")
        await admin.close()


@pytest.fixture(scope="module")
def a_server() -> Iterator[PostgresServer]:
    with running_server(durable=True) as server:
        yield server


@pytest.fixture
def database(a_server: PostgresServer) -> Database:
    if a_server.process is None:
        a_server.start()
    return Database(a_server, f"notes{next(NUMBERS)}")


@asynccontextmanager
async def notes_on(
    database: Database, *, connections: int = 4, busy_seconds: float = 5
) -> AsyncIterator[PostgresEngine]:
    await database.make()
    opened = open_postgres(database.url, connections=connections, busy_seconds=busy_seconds)
    async with asyncio.timeout(PATIENCE_SECONDS), opened as engine:
        async with engine.transaction() as connection:
            await connection.execute("CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY)")
        yield engine


async def add(engine: PostgresEngine, name: str) -> None:
    async with engine.transaction() as connection:
        await connection.execute(ADD, name)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_server_that_stops_is_reported_once_and_used_again_when_it_is_back(
    database: Database, caplog: pytest.LogCaptureFixture, *, at_once: bool
) -> None:
    async with notes_on(database) as engine:
        await add(engine, "before")
        database.server.stop(at_once=at_once)
        for _ in range(3):
            with pytest.raises(StorageUnavailable, match="check that the server of DATABASE_URL runs"):
                await add(engine, "lost")
        assert not engine.is_writable
        database.server.start()
        await add(engine, "after")

        assert engine.is_writable
        assert await names(engine) == ["after", "before"]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 2
    assert told[0].endswith("Work waits until writing works again")
    assert told[1] == "the database can be written again"


async def test_a_connection_that_is_lost_in_the_middle_undoes_its_transaction(database: Database) -> None:
    async with notes_on(database) as engine:

        async def half() -> None:
            async with engine.transaction() as connection:
                await connection.execute(ADD, "half")
                database.server.stop(at_once=True)
                await connection.execute(ADD, "done")

        with pytest.raises(StorageUnavailable):
            await half()
        database.server.start()

        await add(engine, "later")
        assert await names(engine) == ["later"]


async def test_a_lost_answer_to_a_commit_is_asked_for(database: Database) -> None:
    """The commit is durable, and the connection ends before its answer arrives."""
    async with notes_on(database) as engine:
        async with engine.transaction() as lent:
            assert isinstance(lent, Lent)
            await lent.execute(ADD, "kept")
            deaf = lent._pg = Deaf(lent._pg)

        assert deaf.was_cut_off
        assert await names(engine) == ["kept"]


class Deaf:
    """A connection that sends, and is cut off before it hears what came of it."""

    def __init__(self, pg: Any) -> None:  # noqa: ANN401  # asyncpg has no types
        self._pg = pg
        self.was_cut_off = False
        self.server_run = pg.server_run

    async def execute(self, sql: str, *, timeout: float | None = None) -> None:
        await self._pg.execute(sql, timeout=timeout)
        self._pg.terminate()
        self.was_cut_off = True
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class Crashing:
    """A connection whose server crashes before it hears of the commit, and comes back; then `meanwhile` happens."""

    def __init__(self, pg: Any, server: PostgresServer, meanwhile: Callable[[], Awaitable[None]]) -> None:  # noqa: ANN401
        self._pg = pg
        self._server = server
        self._meanwhile = meanwhile
        self.server_run = pg.server_run

    async def execute(self, sql: str, *, timeout: float | None = None) -> str:
        await asyncio.to_thread(self._server.stop, at_once=True)
        await asyncio.to_thread(self._server.start)
        await self._meanwhile()
        return str(await self._pg.execute(sql, timeout=timeout))


@pytest.mark.parametrize("others", [0, 3])
async def test_a_commit_that_a_crash_swallowed_never_counts_as_kept(database: Database, others: int) -> None:
    """The server has lost the transaction's id too, and may have given it to another one."""
    async with notes_on(database) as engine:

        async def write() -> None:
            for number in range(others):
                await repeated(add, engine, f"other-{number}")

        async def swallowed() -> None:
            async with engine.transaction() as lent:
                assert isinstance(lent, Lent)
                await lent.execute(ADD, "lost")
                lent._pg = Crashing(lent._pg, database.server, write)

        with pytest.raises(StorageUnavailable):
            await swallowed()

        assert "lost" not in await repeated(names, engine)


async def repeated(work: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """`work` on the first connection that is not one of those that the server has ended."""
    for _ in range(10):
        with suppress(StorageUnavailable):
            return await work(*arguments)
    raise AssertionError("the server stays away")


async def test_an_error_that_its_block_swallows_keeps_nothing(database: Database) -> None:
    async with notes_on(database) as engine:
        await add(engine, "one")

        async def swallow() -> None:
            async with engine.transaction() as connection:
                await connection.execute(ADD, "two")
                with suppress(Conflict):
                    await connection.execute(ADD, "one")

        with pytest.raises(StorageUnavailable, match="rolled back"):
            await swallow()
        assert await names(engine) == ["one"]


async def test_nobody_waits_long_behind_a_write_that_hangs(database: Database) -> None:
    async with notes_on(database, connections=2, busy_seconds=0.3) as engine:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            async with engine.transaction():
                begun.set()
                await go_on.wait()

        hanging = asyncio.create_task(hang())
        await begun.wait()
        with pytest.raises(StorageUnavailable, match="earlier writes take too long"):
            await add(engine, "never")
        go_on.set()
        await hanging

        await add(engine, "later")


async def test_a_transaction_whose_process_hangs_is_ended_by_the_server(database: Database) -> None:
    await database.make()
    async with open_postgres(database.url, busy_seconds=5, hanging_seconds=0.2) as engine:

        async def hang() -> None:
            async with engine.transaction() as connection:
                await connection.execute("CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY)")
                async with open_postgres(database.url, busy_seconds=5) as other, other.transaction():
                    pass  # which waited until the server let go of the hanging one
                await connection.execute(ADD, "too late")

        with pytest.raises(StorageUnavailable):
            await hang()


async def test_a_deadlock_with_another_program_undoes_the_transaction_and_is_reported_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with notes_on(database) as engine:
        for name in ("one", "two"):
            await add(engine, name)
        other = await asyncpg.connect(database.url)
        await other.execute("SET deadlock_timeout = '20s'")  # so that it is ours that PostgreSQL ends
        await other.execute("BEGIN")
        await other.execute("DELETE FROM note WHERE name = 'two'")

        async def delete_both() -> None:
            async with engine.transaction() as connection:
                await connection.execute("DELETE FROM note WHERE name = 'one'")
                waiting = asyncio.create_task(other.execute("DELETE FROM note WHERE name = 'one'"))
                try:
                    await connection.execute("DELETE FROM note WHERE name = 'two'")
                finally:
                    finished.append(waiting)

        finished: list[asyncio.Task[str]] = []
        with pytest.raises(StorageUnavailable, match=r"deadlock detected.*another transaction was in the way"):
            await delete_both()
        await asyncio.gather(*finished)
        await other.execute("ROLLBACK")
        await other.close()

        await add(engine, "later")
        assert await names(engine) == ["later", "one", "two"]
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 2
    assert "DETAIL" not in "".join(told)  # which may quote a row


async def test_readers_and_writers_share_no_more_connections_than_there_may_be(database: Database) -> None:
    async with notes_on(database, connections=3) as engine:
        slowly = "SELECT count(*) AS number FROM note, pg_sleep(0.01)"
        reading = (engine.reading.fetch_one(slowly) for _ in range(30))
        await asyncio.gather(*reading, *(add(engine, f"{number:02}") for number in range(30)))
        admin = await asyncpg.connect(database.url)
        connected = await admin.fetchval(CONNECTED)
        await admin.close()

    assert connected == 3


async def test_more_tasks_than_connections_wait_for_each_other(database: Database) -> None:
    async with notes_on(database, connections=2) as engine:
        await asyncio.gather(*(add(engine, f"{number:02}") for number in range(30)))

        assert await names(engine) == [f"{number:02}" for number in range(30)]


async def test_a_cancelled_task_leaves_nothing_and_holds_up_nobody(database: Database) -> None:
    async with notes_on(database) as engine:
        for ticks in range(30):
            task = asyncio.create_task(add(engine, f"cancelled-{ticks}"))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await add(engine, "later")

        assert "later" in await names(engine)


async def test_a_broken_constraint_is_a_conflict_and_undoes_its_transaction(database: Database) -> None:
    async with notes_on(database) as engine:
        await add(engine, "one")

        async def add_both() -> None:
            async with engine.transaction() as connection:
                await connection.execute(ADD, "two")
                await connection.execute(ADD, "one")

        with pytest.raises(Conflict):
            await add_both()

        assert await names(engine) == ["one"]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://encore@/nowhere?host={folder}", 'database "nowhere" does not exist; create the database'),
        ("postgresql://nobody@/postgres?host={folder}", 'role "nobody" does not exist; check the user and password'),
        ("postgresql://encore@127.0.0.1:9/encore", "check that the server of DATABASE_URL runs"),
        ("postgresql://encore:x@no-such-host.invalid/encore", "unavailable: no-such-host.invalid: "),
        ("postgresql://encore@no-such-host.invalid/encore", "check that the server of DATABASE_URL runs"),
        ("postgresql://encore@/encore?host=/no/such/folder", "unavailable: /no/such/folder: No such file or directory"),
        ("postgresql://encore@/postgres?host={folder}&sslmode=perhaps", "DATABASE_URL: "),
        ("postgresql://encore@db/x?sslmode=verify-full&sslrootcert=/no/such/file", "check sslmode and sslrootcert in"),
        ("postgresql://encore@/postgres?host={folder}&conect_timeout=3", "correct what follows ? in DATABASE_URL"),
        ("postgresql://encore@/postgres?host={folder}&work_mem=lots", "correct what follows ? in DATABASE_URL"),
        ("postgresql://encore@/postgres?host={folder}&sslmode", "DATABASE_URL has a part that cannot be read"),
    ],
)
async def test_an_address_that_leads_nowhere_is_reported_with_a_remedy(
    database: Database, address: str, told: str
) -> None:
    with pytest.raises(StorageUnavailable, match=re.escape(told)):
        async with open_postgres(address.format(folder=database.server.folder)):
            pass


async def test_a_database_that_takes_no_connections_is_reported_with_a_remedy(database: Database) -> None:
    await database.make()
    admin = await asyncpg.connect(database.server.url_of("postgres"))
    await admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    await admin.close()

    with pytest.raises(StorageUnavailable, match="let the server accept connections to that database"):
        async with open_postgres(database.url):
            pass


async def test_a_user_who_may_not_make_tables_is_told_to_become_the_owner(database: Database) -> None:
    await database.make()
    admin = await asyncpg.connect(database.server.url_of(database.name))
    await admin.execute("CREATE ROLE lodger LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    async with open_postgres(database.url.replace("encore@", "lodger@")) as engine:
        with pytest.raises(StorageUnavailable, match="make that user the database's owner: ALTER DATABASE"):
            async with engine.transaction() as connection:
                await connection.execute("CREATE TABLE note (name TEXT)")
    await admin.execute("DROP ROLE lodger")
    await admin.close()


async def test_a_user_whom_the_server_does_not_list_is_told_where_it_would(database: Database) -> None:
    await database.make()
    listed = database.server.folder / "data" / "pg_hba.conf"
    before = listed.read_text()
    listed.write_text("local all encore trust\n")
    database.server.stop()  # it reads the list when it starts
    database.server.start()
    try:
        with pytest.raises(StorageUnavailable, match=r"or allow it in the server's pg_hba\.conf"):
            async with open_postgres(database.url.replace("encore@", "stranger@")):
                pass
    finally:
        listed.write_text(before)
        database.server.stop()
        database.server.start()


async def test_a_server_without_tls_is_told_from_one_that_is_away() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # the question for TLS
        writer.write(b"N")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(StorageUnavailable, match="let the server offer TLS") as refused:
            async with open_postgres(f"postgresql://encore@127.0.0.1:{port}/encore?sslmode=require"):
                pass
    assert "check that the server" not in str(refused.value)


@pytest.mark.parametrize(
    "properties",
    [
        "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
        "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'",
    ],
)
async def test_a_database_with_other_properties_is_refused_with_the_command_that_makes_it(
    database: Database, properties: str
) -> None:
    await database.make(properties)

    with pytest.raises(
        StorageUnavailable,
        match=f"CREATE DATABASE {database.name}_utf8 OWNER encore TEMPLATE template0 ENCODING 'UTF8'",
    ):
        async with open_postgres(database.url):
            pass


async def test_a_server_without_free_connections_is_reported_with_a_remedy(database: Database) -> None:
    async with notes_on(database) as engine:
        admin = await asyncpg.connect(database.server.url_of("postgres"))
        await admin.execute("CREATE ROLE crowd LOGIN CONNECTION LIMIT 1")
        address = database.url.replace("encore@", "crowd@")
        crowd = await asyncpg.connect(address)
        with pytest.raises(StorageUnavailable, match=r"lower DATABASE_CONNECTIONS.*or the role's CONNECTION LIMIT"):
            async with open_postgres(address):
                pass
        await crowd.close()
        await admin.execute("DROP ROLE crowd")
        await admin.close()

        await add(engine, "still here")


async def test_a_process_works_with_the_connections_it_has_if_the_server_refuses_more(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.make()
    admin = await asyncpg.connect(database.server.url_of("postgres"))
    await admin.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 2")
    await admin.execute(f"ALTER DATABASE {database.name} OWNER TO few")
    few = database.url.replace("encore@", "few@")
    async with open_postgres(few, connections=8, busy_seconds=PATIENCE_SECONDS) as engine:
        async with engine.transaction() as connection:
            await connection.execute("CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY)")
        await asyncio.gather(
            *(add(engine, f"{number:02}") for number in range(50)), *(names(engine) for _ in range(50))
        )

        assert len(await names(engine)) == 50
        assert engine.is_writable
    await admin.execute(f"DROP DATABASE {database.name}")
    await admin.execute("DROP ROLE few")
    await admin.close()
    [told] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.startswith("the database refuses more connections (too many connections for role")
    assert "Lower DATABASE_CONNECTIONS" in told


async def test_a_standby_is_refused_as_one(database: Database) -> None:
    async with notes_on(database) as engine, engine.lent() as lent:
        await lent.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")

    with pytest.raises(StorageUnavailable, match="name the primary"):
        async with open_postgres(database.url) as engine:
            await add(engine, "never")


async def test_a_failed_start_does_not_promise_to_go_on(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    await database.make()
    admin = await asyncpg.connect(database.server.url_of("postgres"))
    await admin.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    await admin.close()

    with pytest.raises(StorageUnavailable, match="name the primary"):
        async with open_shared_storage(database.url, connections=2):
            pass

    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
