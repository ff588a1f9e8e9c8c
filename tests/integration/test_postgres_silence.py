"""Connections to PostgreSQL fall silent, as when its machine loses power: nobody waits longer than a member would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.base import BUSY_SECONDS
from storage.engines.postgres import MARGIN_SECONDS, Lent, PostgresEngine, open_postgres
from storage.errors import StorageUnavailable
from tests.support.database import make_database, postgres_url_for
from tests.support.notes import ADD, names

pytestmark = pytest.mark.postgres

BUSY, HANGING = 0.3, 1.0
CONNECTIONS = 4


class Relay:
    """An address of the server that can stop passing on what is said on the connections that it has by then."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Relay"]:
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            self.url = f"postgresql://encore@127.0.0.1:{port}{self._address.path}?sslmode=disable"
            try:
                yield self
            finally:
                self.fall_silent()
                for writer in self._writers:
                    writer.close()
                await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    def fall_silent(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        where = parse_qs(self._address.query)
        socket = f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}"
        from_server, to_server = await asyncio.open_unix_connection(socket)
        self._writers += [writer, to_server]
        for pump in (_pump(reader, to_server), _pump(from_server, writer)):
            self._pumps.add(asyncio.create_task(pump))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while said := await reader.read(65536):
            writer.write(said)
    writer.close()


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    await make_database(tmp_path / "notes", like_new=True)
    async with Relay(await postgres_url_for(tmp_path / "notes")).listening() as relay:
        yield relay


@asynccontextmanager
async def notes_on(relay: Relay) -> AsyncIterator[PostgresEngine]:
    opened = open_postgres(relay.url, connections=CONNECTIONS, busy_seconds=BUSY, hanging_seconds=HANGING)
    async with asyncio.timeout(PATIENCE_SECONDS), opened as engine:
        async with engine.transaction() as connection:
            await connection.execute("CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY)")
        await asyncio.gather(*(names(engine) for _ in range(CONNECTIONS)))  # so that all are open
        yield engine


async def add(engine: PostgresEngine, name: str) -> None:
    async with engine.transaction() as connection:
        await connection.execute(ADD, name)


async def test_a_silent_connection_costs_one_short_wait_and_is_replaced(relay: Relay) -> None:
    async with notes_on(relay) as engine:
        relay.fall_silent()
        failures = 0
        async with asyncio.timeout(CONNECTIONS * (BUSY + MARGIN_SECONDS) + HANGING):
            while True:
                try:
                    await add(engine, "after")
                except StorageUnavailable as error:
                    assert "did not answer in time" in str(error)  # noqa: PT017  # the other tries may succeed
                    failures += 1
                else:
                    break

        assert 1 <= failures <= CONNECTIONS
        assert await names(engine) == ["after"]


async def test_reading_waits_no_longer_than_a_write_may_hang(relay: Relay) -> None:
    async with notes_on(relay) as engine:
        relay.fall_silent()

        async with asyncio.timeout(2 * HANGING + BUSY):
            with pytest.raises(StorageUnavailable, match="did not answer in time"):
                await names(engine)


async def test_a_commit_into_silence_is_looked_up_over_another_connection(relay: Relay) -> None:
    async with notes_on(relay) as engine:
        async with asyncio.timeout(3 * HANGING), engine.transaction() as lent:
            assert isinstance(lent, Lent)
            await lent.execute(ADD, "kept")
            lent._pg = Unheard(lent._pg)

        assert await names(engine) == ["kept"]


class Unheard:
    """A connection whose answers stop: it sends, and waits for ever."""

    def __init__(self, pg: object) -> None:
        self._pg = pg

    def __getattr__(self, name: str) -> object:
        return getattr(self._pg, name)

    async def execute(self, sql: str, *, timeout: float | None = None) -> str:
        await self._pg.execute(sql)  # type: ignore[attr-defined]
        async with asyncio.timeout(timeout):
            await asyncio.Event().wait()
        return ""


def test_a_member_hears_in_time_that_nothing_can_be_written_down() -> None:
    assert BUSY_SECONDS + MARGIN_SECONDS < 3
