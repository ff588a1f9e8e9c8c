"""Slow name servers: what they hold up, and what not. Only the name servers are fake."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SourceUnreachable
from bot.fetch.connections import CheckedResolver
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.lookups import Lookups, LookupTooSlow
from bot.fetch.refusals import BUSY, NOT_FOUND_IN_TIME
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.raw_server import ok, saying, serving


class SlowNames:
    """Keeps everybody waiting until `answer` is set, except for names that begin with `fast`."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked = threading.Semaphore(0)

    def getaddrinfo(self, host: str, port: int, *_: int) -> list[Any]:
        if not host.startswith("fast"):
            self.asked.release()
            self.answer.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names() -> Iterator[SlowNames]:
    slow = SlowNames()
    yield slow
    slow.answer.set()


async def all_asked(names: SlowNames, count: int) -> None:
    """Wait until `count` look-ups are under way."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(count):
            while not names.asked.acquire(blocking=False):  # noqa: ASYNC110  # a thread's event
                await asyncio.sleep(0.01)


def slow_fetches(fetcher: SafeFetcher, folder: Path, count: int) -> list[asyncio.Task[int]]:
    return [
        asyncio.create_task(fetcher.fetch(f"https://slow{number}.example/", folder / str(number), limit_bytes=1000))
        for number in range(count)
    ]


async def ended(tasks: list[asyncio.Task[int]]) -> list[SourceUnreachable]:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return [task.exception() for task in tasks if not task.cancelled()]  # type: ignore[misc]  # as the tests assert


async def test_slow_name_servers_hold_up_nothing_else(names: SlowNames, tmp_path: Path) -> None:
    lookups = Lookups(threads=40, waiting=0, getaddrinfo=names.getaddrinfo)
    async with (
        serving(saying(ok(b"here"))) as server,
        SafeFetcher(private_hosts=("127.0.0.1",), resolver=lookups) as fetcher,
    ):
        tasks = slow_fetches(fetcher, tmp_path, 40)
        await all_asked(names, 40)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.to_thread(lambda: None)  # the threads that everything else shares are free
            link = f"http://127.0.0.1:{server.port}/"
            assert await fetcher.fetch(link, tmp_path / "other", limit_bytes=1000) == 4
        await ended(tasks)


async def test_links_can_be_fetched_while_all_other_threads_are_busy(names: SlowNames, tmp_path: Path) -> None:
    """Neither look-ups nor writes need the threads that everything else shares."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, names.answer.wait, 30)
    async with serving(saying(ok(b"here"))) as server:
        fetcher = SafeFetcher(private_hosts=("localhost",))
        async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
            assert await fetcher.fetch(f"http://localhost:{server.port}/", tmp_path / "a", limit_bytes=1000) == 4
    names.answer.set()
    await busy


async def test_the_member_hears_if_too_many_names_are_being_looked_up(names: SlowNames, tmp_path: Path) -> None:
    lookups = Lookups(threads=2, waiting=3, getaddrinfo=names.getaddrinfo)
    async with asyncio.timeout(PATIENCE_SECONDS), SafeFetcher(private_hosts=(), resolver=lookups) as fetcher:
        tasks = slow_fetches(fetcher, tmp_path, 5)
        await all_asked(names, 2)

        with pytest.raises(SourceUnreachable) as caught:
            await fetcher.fetch("https://one.more.example/", tmp_path / "more", limit_bytes=1000)
        await ended(tasks)

    assert caught.value.sentence == BUSY


async def test_a_name_that_is_not_found_in_time_is_given_up(names: SlowNames, tmp_path: Path) -> None:
    lookups = Lookups(threads=1, timeout_seconds=0.2, getaddrinfo=names.getaddrinfo)
    async with asyncio.timeout(PATIENCE_SECONDS), SafeFetcher(private_hosts=(), resolver=lookups) as fetcher:
        for reason in ("looked up", "waiting in line"):
            with pytest.raises(SourceUnreachable) as caught:
                await fetcher.fetch("https://slow.example/", tmp_path / "a", limit_bytes=1000)
            assert caught.value.sentence == NOT_FOUND_IN_TIME, reason


async def test_an_abandoned_look_up_keeps_its_place_until_it_ends(names: SlowNames) -> None:
    lookups = Lookups(threads=1, waiting=1, timeout_seconds=0.2, getaddrinfo=names.getaddrinfo)
    with pytest.raises(LookupTooSlow):
        await lookups.resolve("slow.example", 443)
    with pytest.raises(LookupTooSlow):
        await lookups.resolve("fast.example", 443)

    names.answer.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                found = await lookups.resolve("fast.example", 443)
            except LookupTooSlow:  # the thread is still ending
                continue
            break

    assert [result["host"] for result in found] == ["127.0.0.1"]


async def test_giving_up_in_line_leaves_room_for_the_next(names: SlowNames) -> None:
    lookups = Lookups(threads=1, waiting=1, getaddrinfo=names.getaddrinfo)
    first = asyncio.create_task(lookups.resolve("slow.example", 443))
    await all_asked(names, 1)
    for _ in range(3):
        waiting = asyncio.create_task(lookups.resolve("fast.example", 443))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    last = asyncio.create_task(lookups.resolve("fast.example", 443))

    names.answer.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await first
        assert await last


async def test_an_unexpected_failure_frees_the_place_of_a_look_up() -> None:
    def broken(*_: object) -> list[Any]:
        raise ZeroDivisionError

    lookups = Lookups(threads=1, waiting=0, getaddrinfo=broken)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await lookups.resolve("a.example", 443)


async def test_the_system_is_asked_for_all_addresses() -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        found = await Lookups().resolve("localhost", 443, socket.AF_UNSPEC)

    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}
    assert {result["port"] for result in found} == {443}


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "a\0b", "\ud800"])
async def test_an_impossible_name_is_not_found(host: str) -> None:
    with pytest.raises(OSError):
        await CheckedResolver(Lookups(), public_only=True).resolve(host, 443)


def test_a_silent_name_server_does_not_hold_up_the_exit_of_the_process() -> None:
    program = (
        "import asyncio, time\n"
        "from bot.fetch.lookups import Lookups\n"
        "lookups = Lookups(timeout_seconds=0.1, getaddrinfo=lambda *_: time.sleep(600))\n"
        "async def main():\n"
        "    try:\n"
        "        await lookups.resolve('slow.example', 443)\n"
        "    except OSError:\n"
        "        print('given up')\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(  # our own words
        [sys.executable, "-c", program], check=False, cwd=root, capture_output=True, text=True, timeout=60
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("given up\n", "", 0)
