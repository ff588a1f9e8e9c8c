"""One address in front of several web processes, like a load balancer: each connection goes to the next process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle


@asynccontextmanager
async def one_address(ports: Sequence[int]) -> AsyncIterator[int]:
    """A port that leads to each of `ports` in turn, skipping those where nothing listens."""
    following = cycle(ports)

    async def open_next() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in ports:
            try:
                return await asyncio.open_connection("127.0.0.1", next(following))
            except ConnectionRefusedError:
                continue
        return None

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await open_next()
        if found is not None:
            there, back = found[1], found[0]
            await asyncio.gather(_copy(reader, there), _copy(back, writer))
        writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    try:
        while some := await source.read(65536):
            to.write(some)
            await to.drain()
    except ConnectionError:
        pass
    finally:
        to.close()
