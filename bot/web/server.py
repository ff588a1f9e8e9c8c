"""Where the application listens, and what a single client may cost: time, memory, connections."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from aiohttp import web

from bot.web.application import SERVER_NAME

log = logging.getLogger(__name__)

# Half of the 1024 open files that a process usually may have; database, downloads and gateway need the others.
MAX_CONNECTIONS = 500
# For an idle connection, and for the head of a request from its first byte to its last.
IDLE_SECONDS = 30.0
# How long the rest of a refused request is read, so that its sender can see the answer, before the connection is cut.
LINGER_SECONDS = 2.0
# Twice this at most: aiohttp waits for running requests, then cancels them and waits again.
SHUTDOWN_SECONDS = 2.0
# aiohttp's defaults, written down because they are relied on: a longer line or field, or more fields, is answered 400.
MAX_LINE_BYTES = 8190
MAX_FIELDS = 128

REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebServerError(Exception):
    """The web server cannot listen; the text names the setting and the remedy."""


class _Connection(web.RequestHandler):
    """Answers what never reaches the application, or fails there, with a status and no detail."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        # The message quotes the request, which may hold a callback's token; scanners would fill the log besides.
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request failed", exc_info=exc)
        answer = web.Response(
            status=status, text=f"{status}: {HTTPStatus(status).phrase}", headers={"Server": SERVER_NAME}
        )
        answer.force_close()
        return answer


class _Full(asyncio.Protocol):
    """A connection above the limit: told so and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.WriteTransport, transport)
        stream.write(REFUSAL)
        stream.close()


@asynccontextmanager
async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    max_connections: int = MAX_CONNECTIONS,
    idle_seconds: float = IDLE_SECONDS,
    linger_seconds: float = LINGER_SECONDS,
    shutdown_seconds: float = SHUTDOWN_SECONDS,
) -> AsyncIterator[int]:
    """Serve `app`; the port, which the system chose if `port` is 0.

    On leaving, running requests get `shutdown_seconds` to end by themselves.

    Raises:
        WebServerError: there is no listening on this host and port.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    try:
        try:
            listener = await asyncio.get_running_loop().create_server(
                _connections(runner, max_connections, idle_seconds, linger_seconds),
                host,
                port,
                backlog=max_connections,  # with fewer, a burst's last ones would knock again after a whole second
            )
        except OSError as error:
            raise WebServerError(_remedy(host, port, error)) from error
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()


def _connections(
    runner: web.AppRunner, max_connections: int, idle_seconds: float, linger_seconds: float
) -> Callable[[], asyncio.BaseProtocol]:
    """Makes the protocol of each new connection."""
    server = cast(web.Server, runner.server)  # there since `setup`
    loop = asyncio.get_running_loop()

    def make() -> asyncio.BaseProtocol:
        if len(server.connections) >= max_connections:
            return _Full()
        return _Connection(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # allowed, as in AppRunner: its lines would hold tokens
            auto_decompress=False,  # a small body must stay small
            keepalive_timeout=idle_seconds,
            lingering_time=linger_seconds,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_FIELDS,
        )

    return make


def _remedy(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"WEB_PORT: port {port} is in use by another program; stop it, or set WEB_PORT to a free port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"WEB_PORT: port {port} needs rights that this process lacks; set WEB_PORT to 1024 or more"
    return f"WEB_HOST: cannot listen on {host} (WEB_PORT {port}): {error.strerror or error}; set WEB_HOST to 0.0.0.0"
