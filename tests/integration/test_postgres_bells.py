"""Bells that ring in other processes, by way of a real PostgreSQL server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from bot.services.common.bells import Bell, Bells
from storage.engines.postgres_bells import CHANNEL, BellsElsewhere
from tests.support.postgres_server import PostgresServer, running_server

pytestmark = pytest.mark.postgres

PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@asynccontextmanager
async def bells_on(server: PostgresServer) -> AsyncIterator[Bells]:
    """The bells of one process, connected."""
    elsewhere = BellsElsewhere(server.url_of("postgres"))
    bells = Bells(elsewhere.ring)
    async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
        await rung(bells.intake)  # the last one that a new connection rings
        yield bells


@pytest.fixture
async def two(server: PostgresServer) -> AsyncIterator[tuple[Bells, Bells]]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(bells_on(server)), await stack.enter_async_context(bells_on(server))


async def rung(bell: Bell, *, seen: int = 0) -> None:
    """Wait until it has rung more than `seen` times."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while bell.rung == seen:
            await bell.wait(seen=seen, timeout_seconds=PATIENCE_SECONDS)


async def test_a_ring_wakes_a_worker_of_the_other_process(two: tuple[Bells, Bells]) -> None:
    here, there = two
    seen = there.deliver.rung
    woken = asyncio.create_task(there.deliver.wait(seen=seen, timeout_seconds=PATIENCE_SECONDS))

    here.deliver.ring()
    await woken

    assert there.deliver.rung == seen + 1


async def test_every_bell_is_heard_in_the_other_process(two: tuple[Bells, Bells]) -> None:
    here, there = two
    seen = {name: bell.rung for name, bell in there._by_name.items()}

    for bell in here._by_name.values():
        bell.ring()

    for name, bell in there._by_name.items():
        await rung(bell, seen=seen[name])


async def test_bells_rung_while_a_process_ends_are_still_heard(server: PostgresServer) -> None:
    async with bells_on(server) as there:
        seen = there.deliver.rung
        async with bells_on(server) as here:
            here.submit.ring()
            here.deliver.ring()

        await rung(there.deliver, seen=seen)


async def test_a_process_does_not_hear_its_own_rings(two: tuple[Bells, Bells]) -> None:
    here, there = two
    heard, answers = here.submit.rung, here.watch.rung
    here.submit.ring()
    await rung(there.submit, seen=1)

    there.watch.ring()  # the server keeps their order, so an echo would have come before this
    await rung(here.watch, seen=answers)

    assert here.submit.rung == heard + 1


async def test_a_thousand_rings_are_sent_as_few(two: tuple[Bells, Bells], server: PostgresServer) -> None:
    here, there = two
    sent: list[str] = []
    listener = await asyncpg.connect(server.url_of("postgres"))
    await listener.add_listener(CHANNEL, lambda _pg, _pid, _channel, payload: sent.append(payload))

    for _ in range(1000):
        here.progress.ring()
        await asyncio.sleep(0)
    seen = there.callbacks.rung
    here.callbacks.ring()
    await rung(there.callbacks, seen=seen)
    await listener.fetchval("SELECT 1")  # what was sent before has arrived by now
    await listener.close()

    assert here.progress.rung >= 1000
    assert 1 <= sum(payload.startswith("progress ") for payload in sent) <= 100


async def test_a_bell_of_a_newer_version_wakes_nobody(two: tuple[Bells, Bells], server: PostgresServer) -> None:
    here, there = two
    before = here.watch.rung
    newer = await asyncpg.connect(server.url_of("postgres"))
    await newer.execute("SELECT pg_notify($1, $2)", CHANNEL, "encores someone-else")
    await newer.execute("SELECT pg_notify($1, $2)", CHANNEL, "")
    await newer.close()

    there.watch.ring()
    await rung(here.watch, seen=before)

    assert here.submit.rung == 1


async def test_every_bell_rings_once_a_lost_connection_is_back_and_then_they_work_again(
    two: tuple[Bells, Bells], server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = two
    every = (there.submit, there.callbacks, there.watch, there.deliver, there.progress, there.intake)
    seen = [bell.rung for bell in every]

    server.stop(at_once=True)
    server.start()
    for bell, times in zip(every, seen, strict=True):
        await rung(bell, seen=times)
    await rung(here.intake, seen=1)

    before = there.deliver.rung
    here.deliver.ring()
    await rung(there.deliver, seen=before)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_what_rings_before_there_is_a_connection_is_sent_with_it(server: PostgresServer) -> None:
    sent: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(server.url_of("postgres"))
    await listener.add_listener(CHANNEL, lambda _pg, _pid, _channel, payload: sent.put_nowait(payload))
    elsewhere = BellsElsewhere(server.url_of("postgres"))
    bells = Bells(elsewhere.ring)

    bells.submit.ring()
    bells.submit.ring()
    async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
        async with asyncio.timeout(PATIENCE_SECONDS):
            payload = await sent.get()
    await listener.close()

    assert payload.startswith("submit ")
    assert sent.empty()


async def test_a_connection_that_an_administrator_ends_is_replaced(
    two: tuple[Bells, Bells], server: PostgresServer
) -> None:
    here, there = two
    seen = here.intake.rung, there.intake.rung
    admin = await asyncpg.connect(server.url_of("postgres"))
    ended = await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'encore bells'"
    )
    await admin.close()

    await rung(here.intake, seen=seen[0])
    await rung(there.intake, seen=seen[1])

    assert ended == 2


async def test_without_a_server_they_still_ring_here() -> None:
    elsewhere = BellsElsewhere("postgresql://encore@127.0.0.1:9/encore")
    bells = Bells(elsewhere.ring)
    async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
        bells.submit.ring()
        await rung(bells.submit)
