"""How long the bot waits for a slow server. Real sockets on the loopback address; only the slow servers sleep."""

import asyncio
import os
from pathlib import Path

import pytest

from bot.errors import SourceUnreachable
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.limits import FetchLimits
from bot.fetch.time_limit import NO_ANSWER, TOO_LONG, TOO_SLOW
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.raw_server import CHUNKED_HEAD, Answer, Server, chunk, head, ok, repeating, serving

LIMIT_BYTES = 1_000_000
# 10,000 bytes are due every 0.8 s.
LIMITS = FetchLimits(window_seconds=0.8, least_bytes_per_second=12_500)


async def fetched(server: Server, to: Path, limits: FetchLimits = LIMITS) -> int:
    fetcher = SafeFetcher(private_hosts=(f"127.0.0.1:{server.port}",), limits=limits)
    async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
        return await fetcher.fetch(f"http://127.0.0.1:{server.port}/song.mp3", to, limit_bytes=LIMIT_BYTES)


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "source"


TRICKLES = {
    "the file": repeating(b"x", after=head(200, "Content-Length: 900000"), every_seconds=0.01),
    "tiny chunks": repeating(chunk(b"x"), after=CHUNKED_HEAD, every_seconds=0.01),
    "a chunk extension": repeating(b"a", after=CHUNKED_HEAD + b"1;", every_seconds=0.02),
    "a good start first": repeating(
        b"x", after=head(200, "Content-Length: 900000") + b"x" * 300_000, every_seconds=0.01
    ),
}


@pytest.mark.parametrize("trickle", TRICKLES.values(), ids=TRICKLES)
async def test_a_server_that_trickles_is_dropped_long_before_the_time_is_up(trickle: Answer, to: Path) -> None:
    async with serving(trickle) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to)

    assert caught.value.sentence == TOO_SLOW
    assert not to.exists()


async def test_a_slow_but_steady_server_gets_its_time(to: Path) -> None:
    async def steady(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, "Content-Length: 120000"))
        for _ in range(60):
            writer.write(b"x" * 2000)
            await asyncio.sleep(0.03)

    async with serving(steady) as server:
        assert await fetched(server, to) == 120_000


async def test_a_small_file_may_be_slower_than_the_rate(to: Path) -> None:
    async def few_bytes(writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, "Content-Length: 3"))
        for _ in range(3):
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with serving(few_bytes) as server:
        assert await fetched(server, to) == 3


WAITS = {
    "silence": repeating(b"", every_seconds=1),
    "a head byte by byte": repeating(b"a", after=b"HTTP/1.1 200 Words\r\nX: ", every_seconds=0.05),
    "interim responses": repeating(head(100), every_seconds=0.05),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_a_server_that_never_gets_to_the_file_is_dropped(wait: Answer, to: Path) -> None:
    async with serving(wait) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, FetchLimits(answer_seconds=0.4))

    assert caught.value.sentence == NO_ANSWER
    assert not to.exists()


async def test_slow_redirects_count_together(to: Path) -> None:
    async def slow_redirect(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(head(302, "Location: /next", "Content-Length: 0"))

    async with serving(slow_redirect) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, FetchLimits(answer_seconds=0.4))

    assert caught.value.sentence == NO_ANSWER
    assert len(server.heads) < 5


async def test_a_file_that_arrives_well_but_takes_too_long_is_given_up(to: Path) -> None:
    endless = repeating(b"x" * 1000, after=head(200), every_seconds=0.02)
    async with serving(endless) as server:
        with pytest.raises(SourceUnreachable) as caught:
            await fetched(server, to, FetchLimits(total_seconds=0.5, window_seconds=0.4, least_bytes_per_second=1))

    assert caught.value.sentence == TOO_LONG
    assert not to.exists()


async def test_a_server_is_not_blamed_for_our_own_slow_disk(tmp_path: Path) -> None:
    """The file is a pipe here, writable once somebody reads it, which takes longer than a window."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(ok(b"x" * 200_000))
        await writer.drain()
        await asyncio.sleep(1.5 * LIMITS.window_seconds)
        reader = await asyncio.to_thread(os.open, pipe, os.O_RDONLY)  # now the empty file can be created
        await asyncio.sleep(1.5 * LIMITS.window_seconds)
        read.set_result(await asyncio.to_thread(whole, reader, 200_000))

    read: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with serving(answer) as server:
        assert await fetched(server, pipe) == 200_000
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await read == b"x" * 200_000


def whole(reader: int, size: int) -> bytes:
    """Everything written to the pipe; closing it earlier would break it for the next opener."""
    data = b""
    while len(data) < size:
        data += os.read(reader, size)
    os.close(reader)
    return data


def test_without_other_limits_a_slow_server_is_still_given_up() -> None:
    """Every other test passes limits of its own."""
    limits = FetchLimits()

    assert limits.least_bytes_per_second == 16_000
    assert limits.window_seconds == 10
    assert limits.total_seconds == 120
