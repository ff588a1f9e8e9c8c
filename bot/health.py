"""`encore health`: asks the bot on this machine whether it is ready. Made for health checks, so it imports little."""

import http.client
import io
import json
import socket
import time
from typing import cast

HEALTH_SECONDS = 5.0
ANSWER_MAX_BYTES = 16 * 1024
SERVER = "encore"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # where to call, not where to listen


def own_host(web_host: str) -> str:
    """Where a bot that listens on `WEB_HOST` answers on its own machine."""
    return _ANYWHERE.get(web_host, web_host)


def own_url(web_host: str, port: int) -> str:
    host = own_host(web_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def ask(web_host: str, port: int, *, seconds: float = HEALTH_SECONDS) -> tuple[bool, str]:
    """Whether the bot is ready, and a line about it. Calls `/readyz` and blocks for at most `seconds`."""
    if not port:
        return False, "WEB_PORT is 0, so the bot listens on a port that only its log names: set WEB_PORT"
    url = own_url(web_host, port)
    try:
        response, body = _answer(own_host(web_host), port, seconds=seconds)
    except (OSError, http.client.HTTPException) as error:
        return False, f"no bot answers at {url} ({_in_words(error)})"
    if response.headers.get("Server") != SERVER:
        return False, f"another program answers at {url}: stop it, or change WEB_PORT"
    parts = _parts(body)
    if response.status == 200 and parts:
        return True, f"ready: {', '.join(parts)}"
    away = [name for name, works in parts.items() if not works]
    return False, f"not ready: {', '.join(away) or f'HTTP {response.status}'}"


def _answer(host: str, port: int, *, seconds: float) -> tuple[http.client.HTTPResponse, bytes]:
    """What comes back within `seconds` in all; `http.client` alone would allow as long for every piece."""
    ends_at = time.monotonic() + seconds
    received = bytearray()
    is_late = False
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(f"GET /readyz HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        while len(received) < ANSWER_MAX_BYTES and not is_late:
            connection.settimeout(max(0.001, ends_at - time.monotonic()))
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                piece = b""
                is_late = True
            if not piece:
                break
            received += piece
            is_late = time.monotonic() > ends_at
    response = http.client.HTTPResponse(cast("socket.socket", _Received(received)))
    try:
        response.begin()
        return response, response.read(ANSWER_MAX_BYTES)
    except http.client.HTTPException:
        if is_late:
            raise TimeoutError from None
        raise


class _Received:
    """What has come from a socket, for `http.client` to read."""

    def __init__(self, received: bytearray) -> None:
        self._file = io.BytesIO(received)

    def makefile(self, _mode: str) -> io.BytesIO:
        return self._file


def _parts(body: bytes) -> dict[str, bool]:
    try:
        parts = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parts, dict):
        return {}
    return {name: works is True for name, works in parts.items() if name.isidentifier()}  # and no control characters


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
