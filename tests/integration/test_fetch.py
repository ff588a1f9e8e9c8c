"""What arrives from an allowed server, whatever it does. Real sockets on the loopback address."""

import asyncio
import gzip
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from bot.domain.text import Text
from bot.errors import SourceGone, SourceTooLarge, SourceUnreachable
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.limits import FetchLimits
from bot.fetch.time_limit import NO_ANSWER, TOO_SLOW
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.raw_server import CHUNKED_HEAD, Server, chunk, head, ok, saying, serving

LIMIT_BYTES = 1_000_000


async def fetched(server: Server, to: Path, *, path: str = "/song.mp3", limits: FetchLimits | None = None) -> int:
    fetcher = SafeFetcher(private_hosts=(f"127.0.0.1:{server.port}",), limits=limits)
    async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
        return await fetcher.fetch(f"http://127.0.0.1:{server.port}{path}", to, limit_bytes=LIMIT_BYTES)


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "source"


async def test_a_file_arrives_byte_for_byte(to: Path) -> None:
    body = bytes(range(256)) * 3000
    async with serving(saying(ok(body))) as server:
        size = await fetched(server, to)

    assert size == len(body)
    assert to.read_bytes() == body


async def test_a_file_of_unknown_length_arrives_in_chunks(to: Path) -> None:
    pieces = [bytes([number]) * 90_000 for number in range(10)]
    async with serving(saying(CHUNKED_HEAD, *map(chunk, [*pieces, b""]))) as server:
        assert await fetched(server, to) == 900_000

    assert to.read_bytes() == b"".join(pieces)


async def test_a_file_may_end_with_the_connection(to: Path) -> None:
    async with serving(saying(head(200, "Connection: close"), b"abc")) as server:
        assert await fetched(server, to) == 3

    assert to.read_bytes() == b"abc"


async def test_an_empty_file_is_a_file_of_no_bytes(to: Path) -> None:
    async with serving(saying(ok(b""))) as server:
        assert await fetched(server, to) == 0

    assert to.read_bytes() == b""


async def test_an_existing_file_is_replaced(to: Path) -> None:
    to.write_bytes(b"older and longer")
    async with serving(saying(ok(b"new"))) as server:
        await fetched(server, to)

    assert to.read_bytes() == b"new"


async def test_the_query_of_a_signed_link_is_sent_unchanged(to: Path) -> None:
    async with serving(saying(ok(b"a"))) as server:
        await fetched(server, to, path="/a%20b/c%2Fd.mp3?ex=65&hm=a%2Bb%3D&is=%C3%A4")

    assert server.heads[0].splitlines()[0] == "GET /a%20b/c%2Fd.mp3?ex=65&hm=a%2Bb%3D&is=%C3%A4 HTTP/1.1"


async def test_a_request_reveals_only_who_is_asking(to: Path) -> None:
    async with serving(saying(ok(b"a"))) as server:
        await fetched(server, to)

    names = {line.partition(":")[0].lower() for line in server.heads[0].splitlines()[1:] if line}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert "Accept-Encoding: identity" in server.heads[0]
    assert "Python" not in server.heads[0]


async def test_the_limit_itself_is_not_too_large_and_one_byte_more_is(to: Path) -> None:
    async with serving(saying(head(200), b"x" * LIMIT_BYTES)) as server:
        assert await fetched(server, to) == LIMIT_BYTES
    async with serving(saying(head(200), b"x" * (LIMIT_BYTES + 1))) as server:
        with pytest.raises(SourceTooLarge):
            await fetched(server, to)

    assert not to.exists()


async def test_a_length_above_the_limit_is_refused_before_a_byte_is_read(to: Path) -> None:
    async def announce(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, f"Content-Length: {LIMIT_BYTES + 1}"))
        await asyncio.Event().wait()

    async with serving(announce) as server:
        with pytest.raises(SourceTooLarge) as caught:
            await fetched(server, to)

    assert "size" in caught.value.sentence.facts
    assert not to.exists()


async def test_an_endless_body_ends_at_the_limit(to: Path) -> None:
    async def forever(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED_HEAD)
        while True:
            writer.write(chunk(b"x" * 65_536))
            await writer.drain()

    async with serving(forever) as server:
        with pytest.raises(SourceTooLarge):
            await fetched(server, to)

    assert not to.exists()


async def test_bytes_beyond_the_announced_length_are_not_read(to: Path) -> None:
    async with serving(saying(head(200, "Content-Length: 4"), b"goodbad")) as server:
        # Whether this is an error depends on how the bytes are split into packets.
        with suppress(SourceUnreachable):
            assert await fetched(server, to) == 4

    assert not to.exists() or to.read_bytes() == b"good"


async def test_a_body_shorter_than_announced_is_an_error(to: Path) -> None:
    async with serving(saying(head(200, "Content-Length: 1000"), b"short")) as server:
        with pytest.raises(SourceUnreachable, match="ClientPayloadError"):
            await fetched(server, to)

    assert not to.exists()


async def test_a_connection_broken_in_the_middle_is_an_error(to: Path) -> None:
    async def tear(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, "Content-Length: 500000") + b"x" * 1000)
        await writer.drain()
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close resets

    async with serving(tear) as server:
        with pytest.raises(SourceUnreachable):
            await fetched(server, to)

    assert not to.exists()


async def test_a_compressed_bomb_is_not_unpacked(to: Path) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with serving(saying(ok(bomb, "Content-Encoding: gzip"))) as server:
        assert await fetched(server, to) == len(bomb)

    assert to.read_bytes() == bomb


@pytest.mark.parametrize("status", [201, 204, 206, 300, 302, 304, 401, 403, 404, 410, 416, 429, 500, 503])
async def test_any_status_but_200_is_reported(status: int, to: Path) -> None:
    async with serving(saying(head(status, "Content-Length: 0"))) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert caught.value.sentence.facts == {"status": str(status)}
    assert isinstance(caught.value, SourceGone) == (status in {404, 410})
    assert not to.exists()


async def test_a_web_page_is_not_a_file(to: Path) -> None:
    async with serving(saying(ok(b"<html>", "Content-Type: text/html; charset=utf-8"))) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert "web page" in caught.value.sentence.message
    assert not to.exists()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc Words\r\n\r\n",
        b"HTTP/1.1 200 Words\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 Words\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 Words\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 Words\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        b"HTTP/1.1 200 Words\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nab\r\n",
        b"HTTP/1.1 200 Words\r\nBad Header\r\n\r\n",
        b"HTTP/1.1 200 Words\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 Words\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 302 Words\r\nLocation: http://[::1\r\n\r\n",
        b"HTTP/1.1 302 Words\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 Words\r\nLocation: \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Words\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=range(17),
)
async def test_garbage_is_an_error_like_any_other(garbage: bytes, to: Path) -> None:
    async with serving(saying(garbage)) as server:
        with pytest.raises((SourceUnreachable, SourceTooLarge)):
            await fetched(server, to)

    assert not to.exists()


async def test_redirects_are_followed_including_relative_ones(to: Path) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        first = len(server.heads) == 1
        writer.write(
            head(302, "Location: ../b?c=d", "Set-Cookie: a=b; Path=/", "Content-Length: 0") if first else ok(b"here")
        )

    async with serving(answer) as server:
        assert await fetched(server, to, path="/a/song") == 4

    assert server.heads[1].startswith("GET /b?c=d HTTP/1.1\r\n")
    assert "Cookie" not in server.heads[1]
    assert "Referer" not in server.heads[1]


@pytest.mark.parametrize(("redirects", "arrives"), [(5, True), (6, False)])
async def test_five_redirects_are_followed_and_no_more(redirects: int, *, arrives: bool, to: Path) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        on_the_way = len(server.heads) <= redirects
        writer.write(head(307, "Location: /next", "Content-Length: 0") if on_the_way else ok(b"here"))

    async with serving(answer) as server:
        if arrives:
            assert await fetched(server, to) == 4
        else:
            with pytest.raises(SourceUnreachable, match="too many redirects"):
                await fetched(server, to)

    assert len(server.heads) == 6


async def test_a_redirect_loop_ends(to: Path) -> None:
    async with serving(saying(head(301, "Location: /song.mp3", "Content-Length: 0"))) as server:
        with pytest.raises(SourceUnreachable, match="too many redirects"):
            await fetched(server, to)


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        (b"", NO_ANSWER),
        (b"HTTP/1.1 200 Wo", NO_ANSWER),
        (head(200, "Content-Length: 9"), TOO_SLOW),
        (head(200) + b"four", TOO_SLOW),
    ],
)
async def test_a_server_that_falls_silent_is_dropped(spoken: bytes, sentence: Text, to: Path) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        writer.write(spoken)
        await asyncio.Event().wait()

    async with serving(silent) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, limits=FetchLimits(answer_seconds=0.2, window_seconds=0.2))

    assert caught.value.sentence == sentence
    assert not to.exists()


async def test_a_port_where_nobody_listens_is_unreachable(to: Path) -> None:
    async with serving(saying()) as server:
        pass

    with pytest.raises(SourceUnreachable) as caught:
        await fetched(server, to)

    assert "can't reach" in caught.value.sentence.message


async def test_a_cancelled_fetch_leaves_nothing(to: Path) -> None:
    sent = asyncio.Event()

    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, "Content-Length: 900000") + b"x" * 400_000)
        await writer.drain()
        sent.set()
        await asyncio.Event().wait()

    async with serving(half) as server:
        fetch = asyncio.create_task(fetched(server, to))
        await sent.wait()
        while not to.exists():  # noqa: ASYNC110  # a file has no event to wait for
            await asyncio.sleep(0)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch

    assert not to.exists()


async def test_an_unwritable_place_is_not_blamed_on_the_link(tmp_path: Path) -> None:
    async with serving(saying(ok(b"abc"))) as server:
        with pytest.raises(FileNotFoundError):
            await fetched(server, tmp_path / "missing" / "source")


async def test_many_files_arrive_at_once(tmp_path: Path) -> None:
    async with serving(saying(ok(b"x" * 100_000))) as server:
        fetcher = SafeFetcher(private_hosts=("127.0.0.1",))
        async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
            sizes = await asyncio.gather(
                *(
                    fetcher.fetch(f"http://127.0.0.1:{server.port}/", tmp_path / str(number), limit_bytes=LIMIT_BYTES)
                    for number in range(50)
                )
            )

    assert sizes == [100_000] * 50
