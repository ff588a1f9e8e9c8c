"""One address in front of several servers: connections go to each in turn, past those that are down."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 2.0
CHUNK_BYTES = 65_536


class Balancer:
    """Passes each connection on to the next of `ports` that accepts it; closes it if none does."""

    def __init__(self, ports: Iterable[int]) -> None:
        self._ports = deque(ports)
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, LOOPBACK, port)
        try:
            yield
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer), name="balancer")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closed(writer):
            connected = await self._connect()
            if connected is None:
                return
            behind, to_behind = connected
            async with _closed(to_behind):
                await asyncio.gather(_copy(reader, to_behind), _copy(behind, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self._ports)):
            port = self._ports[0]
            self._ports.rotate(-1)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(LOOPBACK, port)
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the sender has finished or either end is gone."""
    with contextlib.suppress(OSError):  # ENOTCONN, where the other side is gone already, is no ConnectionError
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
