"""Check interactions that Discord posts, and hand them on. They are answered through Discord's HTTP API."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from bot.domain.public_address import SelfCalls
from bot.web.bodies import MOST_LARGE, MOST_UNDER_WAY, BodyCrowd, read_body

PATH = "/interactions"
BODY_LIMIT_BYTES = 192 * 1024
"""Usually 2 to 4 KB. The texts of a command may have 14,000 characters, and JSON may take 12 bytes for each."""
BODY_SECONDS = 2.0
"""Discord waits 3 s for the first answer (docs/discord.md 2.1)."""
OWN_BODY_BYTES = 100
"""The bot's own calls are shorter; strangers can't make it look at more."""
PING = 1
SIGNATURE = re.compile(r"[0-9A-Fa-f]{128}", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{1,20}", re.ASCII)


class Verify(Protocol):
    def __call__(self, message: bytes, *, signature: bytes) -> bool:
        """Whether Discord signed `message`; the signature has 64 bytes."""


class InteractionEndpoint:
    """`take_in` begins to carry out an interaction and returns at once; it is called only while `is_ready`."""

    def __init__(
        self,
        *,
        verify: Verify,
        take_in: Callable[[Mapping[str, Any]], None],
        is_ready: Callable[[], bool],
        body_seconds: float = BODY_SECONDS,
        self_calls: SelfCalls | None = None,
    ) -> None:
        self._verify = verify
        self._take_in = take_in
        self._is_ready = is_ready
        self._body_seconds = body_seconds
        self._self_calls = self_calls
        self._crowd = BodyCrowd(most=MOST_UNDER_WAY, most_large=MOST_LARGE)

    async def receive(self, request: web.Request) -> web.Response:
        """202 once it is taken in, 401 without Discord's signature (docs/discord.md 2.5), 503 while not ready.

        Nothing is parsed before the signature is verified, and without the two headers the body is not even read. The
        bot's own calls have a signature that only the bot can make, and an answer that only the bot knows.
        """
        timestamp, signature, body = await self._arrived(request)
        if not self._verify(timestamp.encode() + body, signature=signature):
            return self._answered_itself(timestamp, signature, body)
        interaction = _parsed(body)
        if interaction["type"] == PING:
            return web.json_response({"type": PING})
        if not self._is_ready():
            raise web.HTTPServiceUnavailable
        self._take_in(interaction)
        return web.Response(status=202)

    async def _arrived(self, request: web.Request) -> tuple[str, bytes, bytes]:
        """The timestamp, the signature, which has yet to be verified, and the body."""
        signature = request.headers.get("X-Signature-Ed25519", "")
        timestamp = request.headers.get("X-Signature-Timestamp", "")
        if not SIGNATURE.fullmatch(signature) or not TIMESTAMP.fullmatch(timestamp):
            raise web.HTTPUnauthorized
        body = await read_body(request, limit_bytes=BODY_LIMIT_BYTES, seconds=self._body_seconds, crowd=self._crowd)
        return timestamp, bytes.fromhex(signature), body

    def _answered_itself(self, timestamp: str, signature: bytes, body: bytes) -> web.Response:
        calls = self._self_calls
        if calls is not None and len(body) <= OWN_BODY_BYTES:
            token = calls.token_in(body, timestamp=timestamp, signature=signature, now=time.time())
            if token is not None:
                return web.Response(text=calls.answer(token))
        raise web.HTTPUnauthorized


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise web.HTTPBadRequest from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), int):
        raise web.HTTPBadRequest
    return found
