"""How soon a callback stored in one process is taken up by another, on PostgreSQL, beside a single process.

Both ways are asked in turns. CLOCK_MONOTONIC is the same in all processes of a machine.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from statistics import median

import asyncpg
from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.services.common.bells import Bells
from bot.services.common.clock import utc_now
from bot.services.common.worker import Worker
from storage.engines.postgres_bells import BellsElsewhere
from storage.storage import SqlStorage, open_shared_storage
from tests.benchmarks.rows import Row, percentile, table
from tests.support.postgres_server import NoServer, running_server
from tests.support.storage_samples import a_job

ROOT = Path(__file__).parents[2]
CALLBACKS = 300
"""In each way; one at a time, so that every one finds the worker asleep."""
ANSWER_SECONDS = 10.0
CONNECTIONS = 4
HERE, THERE = "here", "there"


class TakeUp:
    """Takes recorded callbacks up, and tells when it saw each."""

    def __init__(self, storage: SqlStorage, seen: Callable[[str, float], None]) -> None:
        self._storage = storage
        self._seen = seen

    async def step(self) -> bool:
        entries = await self._storage.reading.inbox.pending(limit=1)
        at = time.monotonic()
        for entry in entries:
            async with self._storage.transaction() as work:
                await work.inbox.mark_applied(entry.id)
            self._seen(entry.job_id, at)
        return bool(entries)

    async def next_due(self) -> datetime | None:
        return None


async def measure() -> list[Row]:
    """About ten seconds; nothing where no PostgreSQL is found."""
    try:
        with running_server(durable=True) as server:
            url = server.url_of("encore")
            admin = await asyncpg.connect(server.url_of("postgres"))
            await admin.execute("CREATE DATABASE encore TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
            await admin.close()
            waits = await _measured(url)
    except NoServer as error:
        print(f"bells: {error}", file=sys.stderr)
        return []
    return [
        Row(
            what=f"a stored callback is taken up by another process, {name} of {CALLBACKS}",
            measured=of(waits[THERE]) * 1000,
            reference=of(waits[HERE]) * 1000,
            unit="ms",
            beside="by the process that stored it",
        )
        for name, of in (("median", median), ("99 of 100", lambda seconds: percentile(seconds, 99)))
    ]


async def _measured(url: str) -> dict[str, list[float]]:
    """Seconds from each callback's record to its being seen, by who took it up."""
    waits: dict[str, list[float]] = {HERE: [], THERE: []}
    async with open_shared_storage(url, connections=CONNECTIONS) as storage:
        jobs = [replace(a_job(member_id=number), callback_token=f"token-{number}") for number in range(2 * CALLBACKS)]
        async with storage.transaction() as work:
            for job in jobs:
                await work.jobs.insert(job)
        for at in range(0, len(jobs), 100):
            for where in (HERE, THERE):
                async with _takers(url, storage, where) as (bells, seen):
                    for job in jobs[at : at + 50] if where == HERE else jobs[at + 50 : at + 100]:
                        recorded = await storage.record_callback(
                            token=job.callback_token, body=job.id.encode(), at=utc_now()
                        )
                        if recorded is not Recorded.NEW:
                            raise AssertionError(f"a callback was not written: {recorded}")
                        stored_at = time.monotonic()
                        bells.callbacks.ring()
                        async with asyncio.timeout(ANSWER_SECONDS):
                            job_id, seen_at = await seen.get()
                        if job_id != job.id:
                            raise AssertionError("another callback was taken up")
                        waits[where].append(seen_at - stored_at)
    return waits


@asynccontextmanager
async def _takers(
    url: str, storage: SqlStorage, where: str
) -> AsyncIterator[tuple[Bells, asyncio.Queue[tuple[str, float]]]]:
    """A worker here, or in a process of its own; the queue gets each callback that it takes up."""
    seen: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    if where == HERE:
        bells = Bells()
        task = TakeUp(storage, lambda job_id, at: seen.put_nowait((job_id, at)))
        working = asyncio.create_task(Worker("callbacks", task, bells.callbacks, utc_now).run())
        await asyncio.sleep(0.1)  # it has looked once and sleeps
        yield bells, seen
    else:
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.bells", "--take-up", url),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        elsewhere = BellsElsewhere(url)
        bells = Bells(elsewhere.ring)
        async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
            assert other.stdout is not None
            await other.stdout.readline()  # it is ready
            await bells.callbacks.wait(seen=0, timeout_seconds=ANSWER_SECONDS)  # so is this connection
            await asyncio.sleep(0.1)  # as above
            working = asyncio.create_task(_pass_on(other.stdout, seen))
            yield bells, seen
        other.kill()
        await other.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def _pass_on(lines: asyncio.StreamReader, seen: asyncio.Queue[tuple[str, float]]) -> None:
    async for line in lines:
        job_id, at = line.decode().split()
        seen.put_nowait((job_id, float(at)))


async def take_up(url: str) -> None:
    """The other process: prints a line once it is ready, and one for each callback."""
    elsewhere = BellsElsewhere(url)
    bells = Bells(elsewhere.ring)
    async with open_shared_storage(url, connections=CONNECTIONS) as storage:
        task = TakeUp(storage, lambda job_id, at: print(job_id, at, flush=True))
        async with elsewhere.heard(ring=bells.ring_here, ring_all=bells.ring_all_here):
            await bells.callbacks.wait(seen=0, timeout_seconds=ANSWER_SECONDS)
            print("ready", flush=True)
            await Worker("callbacks", task, bells.callbacks, utc_now).run()


if __name__ == "__main__":
    if "--take-up" in sys.argv:
        asyncio.run(take_up(sys.argv[-1]))
    else:
        print(table(asyncio.run(measure())))
