"""Connections that fail, break or stay silent: which requests may be repeated, and which not."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat
from bot.errors import ProviderBusy, ProviderError, ProviderSilent
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.suno.client import SunoClient, open_session

KEY = "key-0123456789abcdef"
CALLBACK = "https://bot.example.com/callbacks/t0ken"
CREDITS = b'{"code": 200, "msg": "success", "data": 100}'
Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Reads whole requests and lets `on_get` and `on_post` do anything with the connection."""

    on_get: Handler
    on_post: Handler
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
                if length:
                    await reader.readexactly(int(length[0].split(":")[1]))
                method = head.split(" ", 1)[0]
                self.requests.append(method)
                await (self.on_get if method == "GET" else self.on_post)(writer)
        writer.close()


@asynccontextmanager
async def serving(on_post: Handler, on_get: Handler | None = None) -> AsyncIterator[RawServer]:
    raw = RawServer(on_get or say(CREDITS), on_post)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        for writer in raw.writers:
            writer.close()
        await server.wait_closed()


def say(body: bytes, *, status: str = "200 OK", length: int | None = None) -> Handler:
    async def answer(writer: asyncio.StreamWriter) -> None:
        promised = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {promised}\r\n\r\n".encode() + body)
        await writer.drain()
        if promised != len(body):
            writer.close()

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_nothing(writer: asyncio.StreamWriter) -> None:
    await writer.drain()


async def say_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    writer.close()


def a_client(
    session: aiohttp.ClientSession,
    port: int,
    *,
    scheme: str = "http",
    seconds: float = 5,
) -> SunoClient:
    address = f"{scheme}://127.0.0.1:{port}"
    return SunoClient(
        session,
        api_url=address,
        upload_url=address,
        api_key=KEY,
        connect_seconds=seconds / 2,
        submit_seconds=seconds,
        ask_seconds=seconds,
        upload_seconds=seconds,
        upload_wait_seconds=0,
    )


async def fault(client: SunoClient) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await client.extend(
            ExtensionRequest(),
            source_url="https://files.example.com/a.mp3",
            sent_continue_at=9.0,
            callback_url=CALLBACK,
        )
    assert KEY not in f"{caught.value!s}{caught.value!r}"
    assert "t0ken" not in f"{caught.value!s}{caught.value!r}"
    return caught.value


@pytest.mark.parametrize("way_out", [hang_up, reset])
async def test_a_post_on_a_kept_connection_that_breaks_is_sent_exactly_once(way_out: Handler) -> None:
    async with serving(way_out) as server, aiohttp.ClientSession() as keeping:
        client = a_client(keeping, server.port)
        await client.credits()

        found = await fault(client)

        assert server.requests == ["GET", "POST"]
        assert server.connections == 1  # so it was the kept connection, where a GET would be repeated
        assert type(found) is ProviderSilent
        assert found.may_have_started


async def test_the_library_repeats_a_get_on_a_kept_connection_that_breaks() -> None:
    async def once(writer: asyncio.StreamWriter) -> None:
        await (say(CREDITS) if server.requests.count("GET") != 2 else hang_up)(writer)

    async with serving(hang_up, once) as server, aiohttp.ClientSession() as keeping:
        client = a_client(keeping, server.port)
        await client.credits()

        assert await client.credits() == 100
        assert server.requests == ["GET", "GET", "GET"]


async def test_our_own_session_keeps_no_connection_that_could_break_unnoticed() -> None:
    async with serving(hang_up) as server, open_session() as session:
        client = a_client(session, server.port)
        await client.credits()
        await client.credits()
        await fault(client)

        assert server.requests == ["GET", "GET", "POST"]
        assert server.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        reset,
        say_nonsense,
        say(b'{"code": 200, "data": {"taskId"', length=500),
        say(b"<html>", status="502 Bad Gateway", length=500),
    ],
    ids=["hang up", "reset", "nonsense", "cut", "cut error page"],
)
async def test_a_connection_lost_after_sending_may_have_started_a_task(answer: Handler) -> None:
    async with serving(answer) as server, open_session() as session:
        found = await fault(a_client(session, server.port))

        assert type(found) is ProviderSilent
        assert server.requests == ["POST"]


async def test_no_answer_in_time_may_have_started_a_task() -> None:
    async with serving(say_nothing) as server, open_session() as session:
        found = await fault(a_client(session, server.port, seconds=0.3))

        assert type(found) is ProviderSilent
        assert str(found).endswith("no answer within 0.3 s")
        assert server.requests == ["POST"]


async def test_an_answer_that_stops_halfway_runs_into_the_time_limit() -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"code": 200')
        await writer.drain()

    async with serving(half) as server, open_session() as session:
        assert type(await fault(a_client(session, server.port, seconds=0.3))) is ProviderSilent


async def test_a_refused_connection_means_that_nothing_was_started() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        async with open_session() as session:
            found = await fault(a_client(session, reserved.getsockname()[1]))

    assert type(found) is ProviderBusy
    assert not found.may_have_started


async def test_a_name_that_is_not_found_means_that_nothing_was_started() -> None:
    class Nameless(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise OSError(f"{host}:{port} unknown in {family}")

        async def close(self) -> None: ...

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Nameless())) as session:
        client = SunoClient(session, api_url="http://api.invalid", upload_url="http://up.invalid", api_key=KEY)

        assert type(await fault(client)) is ProviderBusy


@pytest.mark.parametrize("answer", [say_nothing, say_nonsense], ids=["silence", "no TLS"])
async def test_a_handshake_that_fails_means_that_nothing_was_started(answer: Handler) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await answer(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with open_session() as session:
        port = server.sockets[0].getsockname()[1]
        found = await fault(a_client(session, port, scheme="https", seconds=0.6))
    server.close()
    for writer in writers:
        writer.close()

    assert type(found) is ProviderBusy


async def test_an_invalid_address_means_that_nothing_was_started() -> None:
    async with open_session() as session:
        client = SunoClient(session, api_url="http://", upload_url="http://", api_key=KEY)

        assert type(await fault(client)) is ProviderBusy


async def test_a_lost_upload_is_sent_again(tmp_path: Path) -> None:
    url = b'{"code": 200, "data": {"downloadUrl": "https://files.example.com/x.mp3"}}'

    async def second_time(writer: asyncio.StreamWriter) -> None:
        await (hang_up if len(server.requests) == 1 else say(url))(writer)

    path = tmp_path / "song"
    path.write_bytes(b"sound" * 1000)
    async with serving(second_time) as server, open_session() as session:
        assert (
            await a_client(session, server.port).upload(path, name="song.mp3", audio_format=AudioFormat.MP3)
            == "https://files.example.com/x.mp3"
        )

        assert server.requests == ["POST", "POST"]


async def test_a_stopped_submission_is_not_turned_into_an_error() -> None:
    heard = asyncio.Event()

    async def hear(writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        heard.set()

    async with serving(hear) as server, open_session() as session:
        submission = asyncio.create_task(fault(a_client(session, server.port)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await heard.wait()
        submission.cancel()

        with pytest.raises(asyncio.CancelledError):
            await submission
        assert server.requests == ["POST"]
