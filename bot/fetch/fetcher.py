"""Fetching a file from an address that a member or a provider named, as if each of them were an attacker."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.domain.text import Text, text
from bot.errors import SourceTooLarge, SourceUnreachable
from bot.fetch.addresses import PrivateHosts
from bot.fetch.connections import AddressNotPublic, connector

T = TypeVar("T")

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
# Where services that speak HTTPS are found. The ports below belong to other protocols.
HTTPS_PORT = 443
FIRST_FREE_PORT = 1024
WRITE_BYTES = 1 << 20  # one trip to a thread for each
READ_BYTES = 1 << 18
# `identity`, and nothing is decompressed here: a compressed bomb is no more than its bytes.
HEADERS = {"User-Agent": "Encore (Discord music bot)", "Accept": "*/*", "Accept-Encoding": "identity"}

# Said of a name that is not found, too: otherwise the answers would tell which names exist in our network.
NOT_PUBLIC = text("This link does not lead to a public address.")
NOT_HTTPS = text("Only links that begin with https:// are read.")
IN_TIME = text("The file behind this link did not arrive in time.")


class SafeFetcher:
    """Fetches over https from public addresses, and in any way from the hosts in `private_hosts`.

    `connect_timeout_seconds` covers finding and connecting to a server, `stall_timeout_seconds` the longest pause
    between two pieces of an answer, `total_timeout_seconds` everything, redirects included. Ports: 443 and all from
    1024. Every hop of a redirect is judged like the first; from https there is no way to http.

    To be entered once, inside the loop that uses it. It keeps no cookies, sends no referrer and knows no proxy.

    `private_hosts` are the words of PRIVATE_HOSTS, see `PrivateHosts.parse` (raises ValueError).
    """

    def __init__(
        self,
        *,
        private_hosts: tuple[str, ...],
        connect_timeout_seconds: float = 10,
        stall_timeout_seconds: float = 30,
        total_timeout_seconds: float = 120,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private_hosts = PrivateHosts.parse(private_hosts)
        self._total_timeout_seconds = total_timeout_seconds
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=connect_timeout_seconds, sock_read=stall_timeout_seconds
        )
        self._resolver = resolver
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by whether only public addresses may be reached

    async def __aenter__(self) -> Self:
        resolver = self._resolver or aiohttp.ThreadedResolver()
        self._sessions = {
            public_only: aiohttp.ClientSession(
                connector=connector(resolver, self._tls, public_only=public_only),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=HEADERS,
                timeout=self._timeout,
                auto_decompress=False,
                trust_env=False,
                read_bufsize=READ_BYTES,
            )
            for public_only in (True, False)
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        """Stream `url` into the file `to`; the number of bytes.

        Raises:
            SourceUnreachable: refused, no answer, an error, a web page, not in time. Its log line names the host alone.
            SourceTooLarge: more than `limit_bytes`; refused before the body is read if its length was announced.
            OSError: `to` cannot be written.

        After any of them, and after a cancellation, `to` does not exist.
        """
        try:
            async with asyncio.timeout(self._total_timeout_seconds):
                return await self._follow(_parsed(url), to, limit_bytes)
        except TimeoutError:
            raise SourceUnreachable("fetch: total time used up", IN_TIME) from None

    async def _follow(self, url: URL, to: Path, limit_bytes: int) -> int:
        for _ in range(1 + MAX_REDIRECTS):
            session = self._session_for(url)
            try:
                async with session.get(url, allow_redirects=False) as response:
                    if response.status not in REDIRECTS or "Location" not in response.headers:
                        return await _save(response, to, limit_bytes)
                    url = _redirected(response)
            except aiohttp.ClientError as error:
                # The error's own words and its chain may hold the whole URL or an address of our network.
                raise _unreachable(url, error) from None
        raise _refused(url, "too many redirects", text("This link forwards too often."))

    def _session_for(self, url: URL) -> aiohttp.ClientSession:
        """The session that may fetch `url`; raises SourceUnreachable if none may."""
        host, port = url.host, url.port
        if not host or port is None or url.scheme not in ("https", "http"):
            raise _refused(url, "no https", NOT_HTTPS)
        if url.raw_user is not None or url.raw_password is not None:
            raise _refused(url, "user name in it", text("Links with a user name or password in them are not read."))
        if self._private_hosts.allow(host, port):
            return self._sessions[False]
        if url.scheme != "https":
            raise _refused(url, "no https", NOT_HTTPS)
        if port != HTTPS_PORT and port < FIRST_FREE_PORT:
            raise _refused(url, f"port {port}", text("Links with the port {port} are not read.", port=str(port)))
        return self._sessions[True]


def _parsed(link: str) -> URL:
    try:
        return URL(link.strip())
    except ValueError:
        raise SourceUnreachable("fetch: no URL", text("This is not a link that can be read.")) from None


def _redirected(response: aiohttp.ClientResponse) -> URL:
    """Where the response points to."""
    target = response.url.join(_parsed(response.headers["Location"]))
    if response.url.scheme == "https" and target.scheme != "https":
        raise _refused(target, "redirect away from https", NOT_HTTPS)
    return target


async def _save(response: aiohttp.ClientResponse, to: Path, limit_bytes: int) -> int:
    if response.status != 200:
        raise _refused(
            response.url,
            f"HTTP {response.status}",
            text(
                "The server behind this link answered with status {status}. Does the link still work?",
                status=str(response.status),
            ),
        )
    if response.content_type in WEB_PAGES:
        raise _refused(response.url, "web page", text("This link leads to a web page and not to a file."))
    announced = response.content_length
    if announced is not None and announced > limit_bytes:
        raise SourceTooLarge(limit_bytes=limit_bytes, size_bytes=announced)
    try:
        return await _write(response.content.iter_any(), to, limit_bytes)
    except BaseException:
        await _to_its_end(partial(to.unlink, missing_ok=True))
        raise


async def _write(chunks: AsyncIterator[bytes], to: Path, limit_bytes: int) -> int:
    """Collect `chunks` into `to`, whose directory exists; the number of bytes."""
    size = 0
    pending = bytearray()
    await _to_its_end(partial(_append, to, b"", "wb"))
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise SourceTooLarge(limit_bytes=limit_bytes)
        pending += chunk
        if len(pending) >= WRITE_BYTES:
            await _to_its_end(partial(_append, to, bytes(pending), "ab"))
            pending.clear()
    await _to_its_end(partial(_append, to, bytes(pending), "ab"))
    return size


def _append(path: Path, data: bytes, mode: str) -> None:
    """Opened anew for each piece, so that a cancellation finds no open file."""
    with path.open(mode) as file:
        file.write(data)


async def _to_its_end(work: Callable[[], T]) -> T:
    """Run `work` in a thread, and wait for it even when cancelled: nothing may be removed while it is being written."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _unreachable(url: URL, error: aiohttp.ClientError) -> SourceUnreachable:
    """What a failed request means for the member."""
    cause: Exception = error
    if isinstance(error, aiohttp.ClientSSLError):
        sentence = text("No secure connection to the server behind this link was possible.")
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        hidden = isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(cause, AddressNotPublic)
        sentence = NOT_PUBLIC if hidden else text("The server behind this link does not answer.")
    elif isinstance(error, aiohttp.InvalidURL):
        # Said by aiohttp of IPv4 addresses in spellings such as 127.1 or 2130706433.
        sentence = NOT_PUBLIC
    elif isinstance(error, TimeoutError):
        sentence = IN_TIME
    else:
        sentence = text("The connection broke off before the file was complete.")
    return _refused(url, type(cause).__name__, sentence)


def _refused(url: URL, reason: str, sentence: Text) -> SourceUnreachable:
    # Path and query can be a secret (a signed link); a host is none.
    return SourceUnreachable(f"fetch from {url.raw_host}: {reason}", sentence)
