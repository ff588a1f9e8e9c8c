"""Servers that stop while somebody connects. Real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web

from bot.sandbox.discord import FakeDiscord
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno import FakeSuno
from bot.web.server import serve

TURNS = 6  # of the event loop; asyncio needs three to take a connection


@asynccontextmanager
async def web_server() -> AsyncIterator[int]:
    async with serve(web.Application(), "127.0.0.1", 0) as port:
        yield port


@asynccontextmanager
async def discord() -> AsyncIterator[int]:
    async with FakeDiscord() as stand_in:
        yield int(stand_in.host_port.rpartition(":")[2])


@asynccontextmanager
async def suno() -> AsyncIterator[int]:
    async with FakeSuno() as stand_in:
        yield int(stand_in.host_port.rpartition(":")[2])


@pytest.mark.parametrize("listening", [web_server, discord, suno])
@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_connection_made_while_the_server_stops_is_closed(
    listening: Callable[[], AbstractAsyncContextManager[int]], turns: int
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        async with listening() as port:
            client.connect_ex(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)

        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):  # reset: never accepted
                assert await loop.sock_recv(client, 1) == b""
