"""Where the application listens, and what one client may cost: time, memory, connections.

Decision 8 gives the reasons for the limits.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from yarl import URL

from bot.web.answers import closing
from bot.web.crowd import Crowd

log = logging.getLogger(__name__)

SERVER_NAME = "encore"  # instead of the versions that aiohttp would reveal

# Half of the 1024 files that a process can usually open; the database, downloads and gateway need the rest.
MAX_CONNECTIONS = 500
# Connections taken in one turn of the event loop. Each counts as unfinished for a few turns, until its request is read:
# if all were taken at once, a burst that came while the loop was busy would push itself out.
ACCEPTED_AT_ONCE = 16
# Connections with an incomplete request head. With the next three this limits their memory to about 33 MB. Nobody is
# cut off who opens the connections for 200 callbacks before sending the first one.
MAX_UNFINISHED = 250
MAX_LINE_BYTES = 2048
MAX_FIELD_BYTES = 2048
MAX_FIELDS = 32
# How much is received in one piece: while it is parsed, everything else in the process waits. A usual callback fits.
READ_BYTES = 16 * 1024
# How much of a body is parsed before anybody asks for it: twice this, or 128 chunks, each of which may be one byte.
AHEAD_BYTES = 2048
# Everything from the head of one request to the head of the next. The largest body that is taken has a quarter of it.
REQUEST_MAX_BYTES = 256 * 1024
# For an idle connection, and for the head of a request from its first byte to its last.
IDLE_SECONDS = 30.0
# How long the rest of a refused request is received and thrown away, so that its sender can see the answer.
LINGER_SECONDS = 2.0
# At most twice this: aiohttp waits for running requests, then cancels them and waits again.
SHUTDOWN_SECONDS = 2.0
# asyncio takes three turns of the event loop from a waiting connection to the server's knowing about it.
TURNS_TO_CONNECT = 3

VERSIONS = (HttpVersion10, HttpVersion11)
CONTINUE = "100-continue"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebServerError(Exception):
    """The web server cannot listen; the text names the setting and a remedy."""


class _Connection(web.RequestHandler):
    """One client. If its request never reaches the application, it gets a status without detail."""

    __slots__ = ("_crowd", "_is_lost", "_is_refused", "_received_bytes")

    def __init__(self, server: web.Server, crowd: "Crowd[_Connection]", **options: Any) -> None:  # noqa: ANN401
        super().__init__(server, **options)
        self._crowd = crowd
        self._is_refused = False  # then whatever still comes is thrown away
        self._received_bytes = 0  # since the latest head
        self._is_lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._crowd.admit(self):
            # asyncio has no other way to say so; 256 KB of one-byte chunks would take up to 50 ms to parse.
            transport.max_size = READ_BYTES  # type: ignore[attr-defined]
            super().connection_made(transport)
            return
        stream = cast(asyncio.WriteTransport, transport)
        stream.write(REFUSAL)
        stream.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._crowd.left(self)
        super().connection_lost(exc)
        self._is_lost.set()

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._received_bytes > REQUEST_MAX_BYTES:
            self.cut()
            return
        if self._is_refused:
            return
        self._crowd.spoke(self)
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            # What follows would be refused again before the first refusal is answered, and each error's traceback would
            # keep a quarter of a megabyte of input until the next full garbage collection.
            self._is_refused = True
            self._messages[-1][0].exc.__traceback__ = None
        if self._upgraded:
            self._is_refused = True
            self._message_tail = b""

    def pause_writing(self) -> None:
        """Cut off a client that sends requests without reading the answers, which are only a few hundred bytes each."""
        super().pause_writing()
        self.cut()

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def answered(
        self, request: web.BaseRequest, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The answer of `handler` to a request with a complete head."""
        self._crowd.asked(self)
        self._received_bytes = 0
        try:
            _check(request)
            if self._upgraded:
                raise closing(web.HTTPBadRequest())  # CONNECT, or a web socket: nothing here can be changed to
            return await handler(request)
        finally:
            self._crowd.answered(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        resp.headers["Server"] = SERVER_NAME
        if isinstance(resp, web.HTTPException):
            # Its traceback's frames hold the refusal, and all of the connection, until a full garbage collection.
            resp.__traceback__ = resp.__context__ = None
        if not request.content.is_eof():
            # Nobody wants the rest of its body, and to find its end would mean to parse it.
            self._is_refused = True
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        if self._is_refused and not self._messages:
            await self._linger()
            request.content.feed_eof()  # or aiohttp would wait for it, too
        return finished

    async def _linger(self) -> None:
        """Let the client read its last answer: closing a socket with unread input resets the connection at once."""
        if self.transport is None:
            return
        cast(asyncio.WriteTransport, self.transport).write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._lingering_time):
                await self._is_lost.wait()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        # The message quotes the request, which may contain a callback's token; scanners would also fill the log.
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has already begun")
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            # The application answers for its own faults, so this is aiohttp failing on the request.
            log.debug("a request was unreadable (%s)", type(exc).__name__)
            status = HTTPStatus.BAD_REQUEST
        answer = web.Response(status=status, text=f"{status}: {HTTPStatus(status).phrase}")
        answer.force_close()
        return answer

    def log_exception(self, *args: object, **options: object) -> None:
        """Log no traceback for failures around an answer: strangers could fill the log."""
        del args
        log.debug("a connection broke off (%s)", type(options.get("exc_info")).__name__)


class _Unreadable(web.BaseRequest):
    """Stands in for a request that aiohttp could not parse."""


def _check(request: web.BaseRequest) -> None:
    """Refuse what aiohttp would fail on."""
    if isinstance(request, _Unreadable) or request.version not in VERSIONS:
        raise closing(web.HTTPBadRequest())
    # aiohttp quotes one that it does not know, which fails unless it is UTF-8.
    if request.headers.get("Expect", CONTINUE).lower() != CONTINUE:
        raise closing(web.HTTPExpectationFailed())


@asynccontextmanager
async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    max_connections: int = MAX_CONNECTIONS,
    max_unfinished: int = MAX_UNFINISHED,
    idle_seconds: float = IDLE_SECONDS,
    linger_seconds: float = LINGER_SECONDS,
    shutdown_seconds: float = SHUTDOWN_SECONDS,
    remedy: Callable[[str, int, OSError], str] | None = None,
) -> AsyncIterator[int]:
    """Serve `app`; yields the port, which the system chooses if `port` is 0.

    On leaving, running requests get `shutdown_seconds` to finish. `remedy` words the error if it cannot listen;
    without it, the error names WEB_HOST and WEB_PORT.

    Raises:
        WebServerError: it cannot listen on this host and port.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    server = cast(web.Server, runner.server)  # set by `setup`
    server.request_handler = _through_its_connection(server.request_handler)
    server.request_factory = _always_a_request(server.request_factory)
    crowd = Crowd[_Connection](most=max_connections, most_unfinished=max_unfinished)
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(
            server,
            crowd,
            loop=loop,
            access_log=None,  # allowed, as in AppRunner: an access log would contain tokens
            auto_decompress=False,  # a small body must stay small
            keepalive_timeout=idle_seconds,
            lingering_time=linger_seconds,
            read_bufsize=AHEAD_BYTES,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )

    try:
        try:
            listener = await loop.create_server(connection, host, port, backlog=ACCEPTED_AT_ONCE)
            for each in listener.sockets:
                with each.dup() as listening:
                    # With a shorter queue in the system, the last ones of a burst would retry only after a second.
                    listening.listen(max_connections)
        except OSError as error:
            raise WebServerError((remedy or _remedy)(host, port, error)) from error
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            await _stop_listening(listener)
    finally:
        await runner.cleanup()


async def _stop_listening(listener: asyncio.Server) -> None:
    """Close `listener`, but not at once: a connection accepted in this turn would stay open unserved."""
    loop = asyncio.get_running_loop()
    for each in listener.sockets:
        loop.remove_reader(each)
    for _ in range(TURNS_TO_CONNECT):
        await asyncio.sleep(0)
    listener.close()


def _through_its_connection(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await cast(_Connection, request.protocol).answered(request, handler)

    return handle


def _always_a_request(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """`make`, or if it fails (an absolute target whose host is not a name), a request that is refused."""

    def made(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        try:
            return make(message, payload, protocol, writer, task)
        except Exception as error:  # noqa: BLE001  # whatever it is, a stranger's input caused it
            log.debug("a request was unreadable (%s)", type(error).__name__)
            harmless = message._replace(path="/", url=URL("/"))
            return _Unreadable(harmless, payload, protocol, writer, task, asyncio.get_running_loop())

    return made


def _remedy(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"WEB_PORT: port {port} is in use by another program; stop it, or set WEB_PORT to a free port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"WEB_PORT: port {port} needs rights that this process lacks; set WEB_PORT to 1024 or more"
    return f"WEB_HOST: cannot listen on {host} (WEB_PORT {port}): {error.strerror or error}; set WEB_HOST to 0.0.0.0"
