"""Fetch a file from an address given by a member or a provider, treating each as an attacker."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.domain.text import text
from bot.errors import SourceTooLarge
from bot.fetch.addresses import PrivateHosts
from bot.fetch.connections import connector
from bot.fetch.disk import Disk
from bot.fetch.limits import FetchLimits
from bot.fetch.lookups import Lookups
from bot.fetch.refusals import UNREADABLE, answered_with_error, failed, refused
from bot.fetch.targets import check, read_link, read_redirect
from bot.fetch.time_limit import TimeLimit
from bot.fetch.wire import Wire

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
WRITE_BYTES = 1 << 20  # each piece is one trip to a thread
BUFFER_BYTES = 1 << 16  # aiohttp stops reading at twice this
# Let smaller pieces collect for a moment: reading one byte costs as much as reading many.
SMALL_BYTES = 16 << 10
GATHER_SECONDS = 0.01
# `identity`, and nothing is decompressed here: a zip bomb stays as small as it came.
HEADERS = {"User-Agent": "Encore (Discord music bot)", "Accept": "*/*", "Accept-Encoding": "identity"}


class SafeFetcher:
    """Fetches over https from public addresses, and over http too from the hosts in `private_hosts`.

    Ports: 443 and all from 1024. Every redirect is checked like the first address, and https never leads to http. A
    server must answer soon, send at a useful rate, and send little besides the file: see `FetchLimits`. This fetcher
    has its own threads, a bounded number of them for looking up names (see `Lookups`) and others for writing.

    Enter it once, inside the loop that uses it, which must be asyncio's own (see `Wire`). It keeps no cookies, sends no
    referrer and uses no proxy.

    `private_hosts` are the entries of PRIVATE_HOSTS, see `PrivateHosts.parse` (raises ValueError).
    """

    def __init__(
        self,
        *,
        private_hosts: tuple[str, ...],
        limits: FetchLimits | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private_hosts = PrivateHosts.parse(private_hosts)
        self._limits = limits or FetchLimits()
        self._resolver = resolver or Lookups()
        self._tls = tls
        self._disk = Disk()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disk.close()

    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        """Stream `url` into the file `to`; returns the number of bytes.

        Raises:
            SourceUnreachable: refused, no answer, an error, a web page, too slow. Its log line names only the host.
            SourceTooLarge: more than `limit_bytes`; refused before the body is read if its length was announced.
            OSError: `to` cannot be written.

        After any of these, and after a cancellation, `to` does not exist. Whatever the URL, nothing else is raised.
        """
        async with TimeLimit(self._limits) as time_limit:
            target = read_link(url)
            for _ in range(1 + MAX_REDIRECTS):
                wire = Wire(self._limits)
                async with self._answer(target, wire) as response:
                    if response.status not in REDIRECTS or "Location" not in response.headers:
                        return await self._save(response, wire, time_limit, to, limit_bytes)
                    target = read_redirect(response.url, response.headers["Location"])
            raise refused(target, "too many redirects", text("This link redirects too many times."))

    @asynccontextmanager
    async def _answer(self, url: URL, wire: Wire) -> AsyncIterator[aiohttp.ClientResponse]:
        """Request `url` and yield the response with its body unread. Afterwards the connection is gone."""
        public_only = check(url, self._private_hosts)
        session = aiohttp.ClientSession(
            connector=connector(self._resolver, self._tls, wire, public_only=public_only),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._limits.connect_seconds),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=BUFFER_BYTES,
        )
        try:
            async with session, await _get(session, url) as response:
                wire.head_arrived()
                _wake_when_lost(response)
                yield response
        except aiohttp.ClientError as error:
            # The error's text and its chain may contain the whole URL or an address in our network.
            raise failed(url, error, wire.failure) from None
        finally:
            wire.close()

    async def _save(
        self, response: aiohttp.ClientResponse, wire: Wire, time_limit: TimeLimit, to: Path, limit_bytes: int
    ) -> int:
        announced = _announced_bytes(response)
        if announced is not None and announced > limit_bytes:
            raise SourceTooLarge(limit_bytes=limit_bytes, size_bytes=announced)
        time_limit.answered()
        try:
            size = await self._write(response, wire, time_limit, to, limit_bytes)
            _check_end(response, wire)
        except BaseException:
            await self._disk.remove(to)
            raise
        return size

    async def _write(
        self, response: aiohttp.ClientResponse, wire: Wire, time_limit: TimeLimit, to: Path, limit_bytes: int
    ) -> int:
        """Write the body to `to`, whose directory exists; returns the number of bytes."""
        size = 0
        pending = bytearray()
        with time_limit.paused():
            await self._disk.create(to)
        while data := await response.content.readany():
            size += len(data)
            if size > limit_bytes:
                raise SourceTooLarge(limit_bytes=limit_bytes)
            wire.file_bytes_arrived(len(data))
            time_limit.file_bytes_arrived(len(data))
            pending += data
            if len(pending) >= WRITE_BYTES:
                with time_limit.paused():
                    await self._disk.append(to, bytes(pending))
                pending.clear()
            elif len(data) < SMALL_BYTES:
                await _gather_more(response)
        with time_limit.paused():
            await self._disk.append(to, bytes(pending))
        return size


async def _get(session: aiohttp.ClientSession, url: URL) -> aiohttp.ClientResponse:
    try:
        return await session.get(url, allow_redirects=False)
    except aiohttp.ClientError:
        raise
    except ValueError:  # a URL that yarl accepts and aiohttp does not
        raise refused(url, "no URL", UNREADABLE) from None


def _wake_when_lost(response: aiohttp.ClientResponse) -> None:
    """When its parser gives up in the middle of a body, aiohttp leaves the reader waiting: wake it."""

    def end(_: object = None) -> None:
        if not response.content.is_eof() and response.content.exception() is None:
            response.content.set_exception(aiohttp.ClientPayloadError("the body cannot be parsed"))

    protocol = response.connection.protocol if response.connection is not None else None
    if protocol is None:
        return
    if protocol.closed is None:
        end()
    else:
        protocol.closed.add_done_callback(lambda closed: end(closed.exception()))


def _check_end(response: aiohttp.ClientResponse, wire: Wire) -> None:
    """If only the connection's close ends a body, aiohttp takes a broken connection for the end: reject that."""
    ends_with_connection = response.content_length is None and "Transfer-Encoding" not in response.headers
    if ends_with_connection and wire.failure is not None:
        raise failed(response.url, None, wire.failure)


def _announced_bytes(response: aiohttp.ClientResponse) -> int | None:
    """The length of the file if it is announced; raises SourceUnreachable if this is not a file."""
    if response.status != 200:
        raise answered_with_error(response.url, response.status)
    if response.content_type in WEB_PAGES:
        raise refused(
            response.url,
            "web page",
            text("This link leads to a web page, not to an audio file. Download the audio and send it as a file."),
        )
    return response.content_length


async def _gather_more(response: aiohttp.ClientResponse) -> None:
    """Give the kernel a moment to collect what the server sends in tiny pieces."""
    transport = response.connection.transport if response.connection is not None else None
    if transport is None or not transport.is_reading():  # complete, or enough for aiohttp for now
        return
    transport.pause_reading()
    await asyncio.sleep(GATHER_SECONDS)
    transport.resume_reading()
