"""What a server may send besides the file, and how many reads it may cause. Real sockets on the loopback address."""

import asyncio
import os
import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bot.errors import SourceUnreachable
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.limits import FetchLimits
from bot.fetch.refusals import BROKEN_OFF, TOO_MUCH_AROUND
from bot.fetch.wire import BODY_READ_BYTES, HEAD_READ_BYTES, TooMuchAround, Wire, WireClosed
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.raw_server import (
    CHUNKED_HEAD,
    Answer,
    Server,
    anonymous_tls,
    chunk,
    head,
    ok,
    repeating,
    saying,
    serving,
)

LIMIT_BYTES = 100_000_000
SCHEMES = ("http", "https")


async def fetched(server: Server, to: Path, *, scheme: str = "http", limits: FetchLimits | None = None) -> int:
    fetcher = SafeFetcher(
        private_hosts=(f"127.0.0.1:{server.port}",), limits=limits, tls=anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    )
    async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
        return await fetcher.fetch(f"{scheme}://127.0.0.1:{server.port}/song.mp3", to, limit_bytes=LIMIT_BYTES)


def server_tls(scheme: str) -> ssl.SSLContext | None:
    return anonymous_tls(ssl.PROTOCOL_TLS_SERVER) if scheme == "https" else None


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "source"


FLOODS = {
    "interim responses": repeating(head(100) * 1000),
    "early hints": repeating(head(103, *["Link: </a>"] * 100) * 10),
    "one-byte chunks": repeating(chunk(b"x") * 1000, after=CHUNKED_HEAD),
    "chunk extensions": repeating((b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 10, after=CHUNKED_HEAD),
    "one chunk extension": repeating(b"a" * 65_536, after=CHUNKED_HEAD + b"1;"),
    "zeros before a chunk's size": repeating(b"0" * 65_536, after=CHUNKED_HEAD),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_server_that_floods_us_with_anything_but_the_file_is_dropped(
    flood: Answer, scheme: str, to: Path
) -> None:
    async with serving(flood, tls=server_tls(scheme)) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, scheme=scheme)

        assert caught.value.sentence == TOO_MUCH_AROUND
        await asyncio.wait_for(server.left.wait(), PATIENCE_SECONDS)
    assert not to.exists()


async def test_a_head_that_comes_byte_by_byte_costs_us_few_reads(to: Path) -> None:
    """Each byte is a separate packet here: the server and the bot take turns in one event loop."""
    async with serving(repeating(b"a", after=head(200).removesuffix(b"\r\n") + b"X: ")) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert caught.value.sentence == TOO_MUCH_AROUND


async def test_a_file_that_comes_byte_by_byte_is_read_in_larger_pieces(to: Path) -> None:
    """Read one by one, these packets would count as 20,000 * 256 bytes, which is too much."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, "Content-Length: 20000"))
        for _ in range(20_000):
            writer.write(b"x")
            await asyncio.sleep(0)

    async with serving(answer) as server:
        assert await fetched(server, to) == 20_000

    assert to.read_bytes() == b"x" * 20_000


async def test_tls_records_of_one_byte_are_too_much_around_the_file(to: Path) -> None:
    flood = repeating(b"x", after=head(200, "Content-Length: 1000000"))
    async with serving(flood, tls=server_tls("https")) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, scheme="https", limits=FetchLimits(overhead_bytes=100_000))

    assert caught.value.sentence == TOO_MUCH_AROUND


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [64, 500, 16_384])
async def test_a_file_in_small_chunks_arrives(size: int, scheme: str, to: Path) -> None:
    count = 4_000_000 // size
    body = chunk(b"x" * size) * count + chunk(b"")
    async with serving(saying(head(103, "Link: </a>"), CHUNKED_HEAD, body), tls=server_tls(scheme)) as server:
        assert await fetched(server, to, scheme=scheme) == size * count


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_large_file_arrives_within_the_budget_of_a_small_one(scheme: str, to: Path) -> None:
    async with serving(saying(ok(b"x" * 30_000_000)), tls=server_tls(scheme)) as server:
        assert await fetched(server, to, scheme=scheme) == 30_000_000


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_body_of_a_redirect_is_not_read(scheme: str, to: Path) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        if len(server.heads) > 1:
            writer.write(ok(b"here"))
            return
        await repeating(chunk(b"x" * 10_000), after=head(302, "Location: /b", "Transfer-Encoding: chunked"))(writer)

    async with serving(answer, tls=server_tls(scheme)) as server:
        assert await fetched(server, to, scheme=scheme) == 4


def rude_server(listener: socket.socket, left: threading.Event) -> None:
    """Answers one request over TLS, then reads only the raw connection: it never closes TLS."""
    connection, _ = listener.accept()
    bare = connection.dup()
    tls = anonymous_tls(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True)
    with tls, bare:
        tls.recv(10_000)
        tls.sendall(ok(b"here"))
        bare.settimeout(60)
        with suppress(ConnectionError):
            while bare.recv(10_000):
                pass
    left.set()


async def test_a_server_that_never_says_goodbye_does_not_keep_its_connection(to: Path) -> None:
    """TLS has its own closing message, for which asyncio would wait 30 s."""
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=rude_server, args=(listener, left), daemon=True)
        thread.start()
        server = Server(saying())
        server.port = listener.getsockname()[1]
        assert await fetched(server, to, scheme="https") == 4

        assert await asyncio.to_thread(left.wait, 10)
        thread.join()


async def test_a_fetch_cancelled_with_much_unread_gives_up_its_connection(tmp_path: Path) -> None:
    """The file is a pipe here, not writable until somebody reads it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sent = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200))
        sent.set()
        await repeating(b"x" * 65_536)(writer)

    async with serving(answer, tls=server_tls("https")) as server:
        fetch = asyncio.create_task(fetched(server, pipe, scheme="https"))
        await sent.wait()
        await asyncio.sleep(0.5)  # until nothing more is read from the server
        fetch.cancel()
        await asyncio.sleep(0)
        await asyncio.to_thread(pipe.read_bytes)
        with pytest.raises(asyncio.CancelledError):
            await fetch

        await asyncio.wait_for(server.left.wait(), PATIENCE_SECONDS)
    assert not pipe.exists()


async def test_a_server_that_accepts_and_never_shakes_hands_is_dropped(to: Path) -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        server = Server(saying())
        server.port = listener.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnreachable, match="ConnectionTimeoutError"):
            await fetched(server, to, scheme="https", limits=FetchLimits(connect_seconds=0.3))

        await asyncio.wait_for(left.wait(), PATIENCE_SECONDS)


@pytest.mark.parametrize("garbage", [b"zz\r\n", b"0\r\n: :\x00\r\n\r\n", b"-1\r\n"])
async def test_a_body_that_turns_into_garbage_ends_the_fetch_at_once(garbage: bytes, to: Path) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED_HEAD + chunk(b"good"))
        while not to.exists() or not server.heads:  # noqa: ASYNC110  # a file has no event to wait for
            await asyncio.sleep(0.01)
        writer.write(garbage)
        await asyncio.Event().wait()

    async with serving(answer) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert caught.value.sentence == BROKEN_OFF
    assert not to.exists()


async def test_a_broken_connection_is_not_the_end_of_a_file_of_unknown_length(to: Path) -> None:
    async def tear(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200) + b"x" * 1000)
        await writer.drain()
        while not to.exists():  # noqa: ASYNC110  # a file has no event to wait for
            await asyncio.sleep(0.01)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets

    async with serving(tear) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert caught.value.sentence == BROKEN_OFF
    assert not to.exists()


@pytest.fixture
def wire() -> Wire:
    return Wire(FetchLimits(head_bytes=10_000, overhead_bytes=50_000))


def connected(wire: Wire) -> tuple[socket.socket, socket.socket]:
    """A server's socket and ours, which counts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = wire.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)))
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
    return theirs, ours


def received_until_refused(ours: socket.socket, read_bytes: int) -> int:
    received = 0
    with suppress(TooMuchAround):
        while count := ours.recv_into(bytearray(read_bytes)):
            received += count
    return received


def test_no_read_brings_more_than_can_be_parsed_in_a_moment(wire: Wire) -> None:
    theirs, ours = connected(wire)
    with theirs, ours:
        theirs.sendall(b"x" * 100_000)

        assert len(ours.recv(1 << 20)) <= HEAD_READ_BYTES
        wire.head_arrived()
        assert ours.recv_into(bytearray(1 << 20)) <= BODY_READ_BYTES


def test_the_budget_ends_and_grows_with_the_file(wire: Wire) -> None:
    theirs, ours = connected(wire)
    with theirs, ours:
        theirs.sendall(b"x" * 200_000)
        received_until_refused(ours, HEAD_READ_BYTES)
        wire.head_arrived()
        wire.file_bytes_arrived(20_000)
        received = received_until_refused(ours, 1000)

    assert received == 50_000 + 20_000 * 1.25
    assert isinstance(wire.failure, TooMuchAround)


def test_reading_byte_by_byte_uses_up_the_budget_sooner(wire: Wire) -> None:
    theirs, ours = connected(wire)
    with theirs, ours:
        theirs.sendall(b"x" * 1000)
        received = received_until_refused(ours, 1)

    assert received == 40  # times 256 bytes


def test_nothing_is_read_from_a_wire_that_was_closed(wire: Wire) -> None:
    theirs, ours = connected(wire)
    with theirs, ours:
        theirs.sendall(b"x")
        wire.close()
        with pytest.raises(WireClosed):
            ours.recv(1)


def test_an_event_loop_that_reads_past_the_count_is_noticed(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        wire.head_arrived()
