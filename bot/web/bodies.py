"""Read a body within a limit of bytes and seconds."""

import asyncio

from aiohttp import web

from bot.web.answers import closing
from bot.web.crowd import Crowd

SMALL_BYTES = 16 * 1024
"""Nearly all bodies are smaller; larger ones count as large."""


class LargeBody:
    """A body under way that has become large, and may be cut off to make room."""

    def __init__(self, request: web.Request) -> None:
        self._request = request

    def cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


async def read_body(
    request: web.Request, *, limit_bytes: int, seconds: float, large: Crowd[LargeBody] | None = None
) -> bytes:
    """The body, whose length need not be announced. `large` limits how many large ones are read at a time.

    Raises:
        HTTPRequestEntityTooLarge, HTTPRequestTimeout, HTTPBadRequest: it is too large, too slow, or broke off.
    """
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await _fill(body, request, limit_bytes, large)
    except TimeoutError:
        raise closing(web.HTTPRequestTimeout()) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        # The request keeps the error, whose traceback would keep the request and the body.
        error.__traceback__ = None
        body.clear()
        raise closing(web.HTTPBadRequest()) from None
    return bytes(body)


async def _fill(body: bytearray, request: web.Request, limit_bytes: int, large: Crowd[LargeBody] | None) -> None:
    """Let others run between two pieces."""
    counted: LargeBody | None = None
    try:
        while piece := await request.content.readany():
            body += piece
            if len(body) > limit_bytes:
                raise too_large(limit_bytes)
            if large is not None and counted is None and len(body) > SMALL_BYTES:
                counted = LargeBody(request)
                large.admit(counted)
            if not request.content.is_eof():
                await asyncio.sleep(0)
    finally:
        if large is not None and counted is not None:
            large.left(counted)


def too_large(limit_bytes: int) -> web.HTTPException:
    return closing(web.HTTPRequestEntityTooLarge(limit_bytes, text="413: Request Entity Too Large"))
