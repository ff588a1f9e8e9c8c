"""The web application on a socket, with parts that tests can set, and connections that take raw bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from bot.domain.inbox_entry import Recorded
from bot.domain.public_address import SelfCalls
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.web.application import build_web
from bot.web.interactions import InteractionEndpoint
from bot.web.server import serve

CALLBACK = "/callbacks/" + "k" * 43
POST = f"POST {CALLBACK} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode()


class Parts:
    """What the application is built from; a test sets what it cares about."""

    def __init__(self) -> None:
        self.checks: Mapping[str, bool] = {"gateway": True, "database": True}
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.recorded = 0
        self.token_gate = asyncio.Event()
        self.token_gate.set()
        self.interactions: InteractionEndpoint | None = None

    async def is_token(self, token: str) -> bool:
        del token
        await self.token_gate.wait()
        return True

    async def record(self, *, token: str, body: bytes, at: datetime) -> Recorded:
        del token, body, at
        self.begun.set()
        await self.gate.wait()
        self.recorded += 1
        return Recorded.NEW

    def readiness(self) -> Mapping[str, bool]:
        return self.checks

    def application(
        self,
        *,
        body_seconds: float = 20,
        self_calls: SelfCalls | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> web.Application:
        return build_web(
            is_token=self.is_token,
            record=self.record,
            task_id_of=lambda _body: None,
            wake=lambda: None,
            readiness=self.readiness,
            verify_signature=unsigned,
            body_seconds=body_seconds,
            interaction_endpoint=self.interactions,
            self_calls=self_calls,
            clock=clock,
        )


def unsigned(*, key: str, task_id: str, timestamp: str, signature: str, now: float) -> bool:
    raise AssertionError((key, task_id, timestamp, signature, now))


@asynccontextmanager
async def serving(
    parts: Parts,
    *,
    max_connections: int = 100,
    max_unfinished: int = 100,
    idle_seconds: float = 20,
    body_seconds: float = 20,
    linger_seconds: float = 0.1,
    shutdown_seconds: float = 2,
) -> AsyncIterator[int]:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        serve(
            parts.application(body_seconds=body_seconds),
            "127.0.0.1",
            0,
            max_connections=max_connections,
            max_unfinished=max_unfinished,
            idle_seconds=idle_seconds,
            linger_seconds=linger_seconds,
            shutdown_seconds=shutdown_seconds,
        ) as port,
    ):
        yield port


class Talk:
    """One connection, used with raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, words: bytes) -> None:
        self._writer.write(words)

    async def press(self, words: bytes) -> None:
        """Say it, and wait until nearly all of it is on its way."""
        self._writer.write(words)
        await self._writer.drain()

    def thrust(self, words: bytes) -> None:
        """Leave as much of it to the system as it takes at once; this side keeps none of the rest."""
        with self._writer.get_extra_info("socket").dup() as socket, contextlib.suppress(BlockingIOError):
            socket.send(words)

    async def answer(self) -> tuple[int, str, bytes]:
        """Status, head and body of the next answer."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        return int(head.split(" ", 2)[1]), head, await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        return await self._reader.read()


@asynccontextmanager
async def talking(port: int) -> AsyncIterator[Talk]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Talk(reader, writer)
    finally:
        writer.close()


async def cut(talk: Talk) -> bool:
    """Whether the other side closes the connection without another answer."""
    try:
        return await talk.rest() == b""
    except ConnectionResetError:
        return True


async def asked(port: int, path: str, *, method: str = "GET", headers: str = "") -> tuple[int, str, bytes]:
    async with talking(port) as talk:
        talk.say(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode())
        return await talk.answer()
