"""The sandbox's load balancer: several servers behind one address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bot.sandbox.balancer import Balancer
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.stand_ins import free_port

HOST = "127.0.0.1"


@asynccontextmanager
async def a_server(port: int) -> AsyncIterator[asyncio.Server]:
    """Echoes what it receives, after its own port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{port}: ".encode() + await reader.read())
        writer.close()

    async with await asyncio.start_server(answer, HOST, port) as server:
        yield server


@asynccontextmanager
async def servers(number: int) -> AsyncIterator[tuple[dict[int, asyncio.Server], int]]:
    """The servers by port, and the port in front of them."""
    async with AsyncExitStack() as stack:
        running = {}
        for port in [free_port() for _ in range(number)]:
            running[port] = await stack.enter_async_context(a_server(port))
        front = free_port()
        await stack.enter_async_context(Balancer(running).listening(front))
        yield running, front


async def ask(port: int, words: str = "hello") -> str:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(words.encode())
    writer.write_eof()
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_each_server_gets_its_turn() -> None:
    async with servers(3) as (running, front):
        answers = [await ask(front) for _ in range(6)]

    assert answers == [f"{port}: hello" for port in running] * 2


async def test_a_large_request_arrives_whole() -> None:
    async with servers(1) as (_, front):
        answer = await ask(front, "x" * 1_000_000)

    assert answer.endswith(": " + "x" * 1_000_000)


async def test_a_server_that_is_down_is_passed_over_until_it_is_back() -> None:
    async with servers(2) as (running, front):
        down, up = running
        running[down].close()
        assert [await ask(front) for _ in range(3)] == [f"{up}: hello"] * 3

        async with a_server(down):
            assert {await ask(front) for _ in range(2)} == {f"{down}: hello", f"{up}: hello"}


async def test_a_connection_is_closed_when_all_servers_are_down() -> None:
    async with servers(2) as (running, front):
        for server in running.values():
            server.close()

        assert await ask(front) == ""
