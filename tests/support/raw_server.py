"""A server on the loopback address that sends exactly what a test wants, honest or not."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Reads and keeps each request's head and lets `answer` reply; an answer may be endless.

    `left` is set once the other side has closed or broken a connection.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._talks: set[asyncio.Task[None] | None] = set()
        self.heads: list[str] = []
        self.left = asyncio.Event()
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            watch = asyncio.create_task(self._watch(reader))
            self._talks.add(watch)
            await self._answer(writer)
            await writer.drain()
        writer.close()

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await reader.read()
        self.left.set()

    def stop(self) -> None:
        for talk in self._talks:
            if talk is not None:
                talk.cancel()


@asynccontextmanager
async def serving(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.stop()


def saying(*pieces: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)

    return answer


def repeating(piece: bytes, *, after: bytes = b"", every_seconds: float = 0) -> Answer:
    """Send `after` once, then `piece` for ever."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_seconds)

    return answer


def ok(body: bytes, *headers: str) -> bytes:
    return head(200, f"Content-Length: {len(body)}", *headers) + body


def head(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Words", *headers, "", ""]).encode()


CHUNKED_HEAD = head(200, "Transfer-Encoding: chunked")


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def anonymous_tls(side: int) -> ssl.SSLContext:
    """TLS without certificates, so that a test needs no key that expires."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context
