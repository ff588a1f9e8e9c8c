"""How many callbacks the web application records per second, compared with a handler that stores nothing.

The load comes from a separate process (`python -m tests.benchmarks.callback_rate --load`): connections kept alive, each
with one request at a time.
"""

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import cast

from aiohttp import web
from msgspec.structs import replace

from bot.suno.signature import signature_is_valid
from bot.suno.wire import MalformedCallback, callback_task_id, parse_callback
from bot.web.application import build_web
from bot.web.server import serve
from storage.inbox import CALLBACKS_PER_JOB
from storage.storage import open_storage
from tests.benchmarks.rows import Goal, Row, table
from tests.support.storage_samples import a_job

ROOT = Path(__file__).parent.parent.parent
BODY = (ROOT / "tests" / "fixtures" / "suno" / "callback-complete.json").read_text()
NUMBERED = "Paper Boats (Extended)"  # a title to replace by a number, so that no two callbacks are equal
CONNECTIONS = 100
REQUESTS = 6_000  # of each measurement
ROUNDS = 5
BARE = "an aiohttp handler that parses and stores nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    port: int
    tokens: list[str]
    first: int  # the number of the first callback


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    rate: float  # answers per second
    slow_ms: float  # the 99th percentile


async def measure() -> list[Row]:
    """Measure both rates in turns; a few seconds."""
    bare: list[Measured] = []
    real: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        async with bare_server() as bare_port, real_server(Path(folder) / "encore.db") as (real_port, tokens):
            for number in range(ROUNDS):
                bare.append(await loaded(Load(port=bare_port, tokens=tokens, first=number * REQUESTS)))
                real.append(await loaded(Load(port=real_port, tokens=tokens, first=number * REQUESTS)))
    return [
        Row(
            what=f"callbacks taken durably, {CONNECTIONS} connections",
            measured=median(each.rate for each in real),
            reference=median(each.rate for each in bare),
            unit="/s",
            beside=BARE,
            goal=Goal(at_least_ratio=0.6),
        ),
        Row(
            what="the same: 99 of 100 answered within",
            measured=median(each.slow_ms for each in real),
            reference=median(each.slow_ms for each in bare),
            unit="ms",
            beside=BARE,
        ),
    ]


@asynccontextmanager
async def bare_server(*, backlog: int = 128) -> AsyncIterator[int]:
    """A handler that stores nothing; yields its port. `backlog` connections may wait to be accepted."""

    async def receive(request: web.Request) -> web.Response:
        parse_callback(await request.read())
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/callbacks/{token}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=backlog)
    await site.start()
    try:
        yield site.port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def real_server(path: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """The application on a database with enough jobs; yields its port and the jobs' tokens."""
    async with open_storage(path) as storage:
        jobs = [
            replace(a_job(member_id=number), callback_token=secrets.token_urlsafe(32))
            for number in range(ROUNDS * REQUESTS // CALLBACKS_PER_JOB * 4)
        ]
        async with storage.transaction() as work:
            for job in jobs:
                await work.jobs.insert(job)
        app = build_web(
            is_token=storage.is_callback_token,
            record=storage.record_callback,
            task_id_of=callback_task_id,
            wake=lambda: None,
            readiness=dict,
            verify_signature=signature_is_valid,
            malformed=MalformedCallback,
        )
        async with serve(app, "127.0.0.1", 0) as port:
            yield port, [job.callback_token for job in jobs]
        if len(await storage.reading.inbox.pending(limit=10**9)) != ROUNDS * REQUESTS:
            raise AssertionError("not every callback that was acknowledged is in the database")


async def loaded(load: Load) -> Measured:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.callback_rate", "--load"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    words = {"port": load.port, "tokens": load.tokens, "first": load.first}
    told, _ = await process.communicate(json.dumps(words).encode())
    if process.returncode != 0:
        raise AssertionError("the load failed, see above")
    return Measured(**json.loads(told))


class Caller(asyncio.Protocol):
    """One connection: sends the next request as soon as the last one is answered."""

    def __init__(self, requests: list[bytes], latencies: list[float], finished: asyncio.Future[None]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._finished = finished
        self._heard = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self) -> None:
        if self._requests:
            self._sent_at = time.perf_counter()
            self._transport.write(self._requests.pop())
        elif len(self._latencies) == REQUESTS:
            self._finished.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if not self._heard.startswith(b"HTTP/1.1 200 "):
            if not self._finished.done():
                self._finished.set_exception(AssertionError(self._heard))
        elif self._heard.endswith(b"\r\n\r\nok"):
            self._heard = b""
            self._latencies.append(time.perf_counter() - self._sent_at)
            self.send()


async def put_load(load: Load) -> Measured:
    requests = [request(load, load.first + number) for number in range(REQUESTS)]
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()
    callers = [
        (await loop.create_connection(lambda: Caller(requests, latencies, finished), "127.0.0.1", load.port))[1]
        for _ in range(CONNECTIONS)
    ]
    begun_at = time.perf_counter()
    for caller in callers:
        caller.send()
    async with asyncio.timeout(120):
        await finished
    took_seconds = time.perf_counter() - begun_at
    return Measured(rate=REQUESTS / took_seconds, slow_ms=sorted(latencies)[REQUESTS * 99 // 100] * 1000)


def request(load: Load, number: int) -> bytes:
    body = BODY.replace(NUMBERED, f"{number:022}")
    head = (
        f"POST /callbacks/{load.tokens[number % len(load.tokens)]} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return (head + body).encode()


if __name__ == "__main__":
    if "--load" in sys.argv:
        measured = asyncio.run(put_load(Load(**json.load(sys.stdin))))
        print(json.dumps({"rate": measured.rate, "slow_ms": measured.slow_ms}))
    else:
        print(table(asyncio.run(measure())))
