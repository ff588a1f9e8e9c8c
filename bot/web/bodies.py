"""Read a body within a limit of bytes and seconds."""

import asyncio

from aiohttp import web

from bot.web.answers import closing
from bot.web.crowd import Crowd

SMALL_BYTES = 16 * 1024
"""Nearly all bodies are smaller; larger ones count as large."""
MOST_UNDER_WAY = 200
"""Bodies in one crowd that have not arrived whole. Interactions are one crowd and callbacks another; some of the
server's 500 connections must stay free beside both."""
MOST_LARGE = 64
"""The same for bodies above 16 KB."""


class BodyUnderWay:
    """A body of which more is to come, and which may be cut off to make room."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.is_counted = False
        self.is_large = False

    def cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


class BodyCrowd:
    """Bodies under way at a time: at most `most`, of which `most_large` are large. Beyond that, the longest is cut off.

    Without this, strangers could hold all connections: one whose body is awaited is not cut off for a newcomer.
    """

    def __init__(self, *, most: int, most_large: int) -> None:
        self._all = Crowd[BodyUnderWay](most=most, most_unfinished=most)
        self._large = Crowd[BodyUnderWay](most=most_large, most_unfinished=most_large)

    def count(self, body: BodyUnderWay, received_bytes: int) -> None:
        if not body.is_counted:
            body.is_counted = self._all.admit(body)
        if received_bytes > SMALL_BYTES and not body.is_large:
            body.is_large = self._large.admit(body)

    def left(self, body: BodyUnderWay) -> None:
        self._all.left(body)
        self._large.left(body)


async def read_body(request: web.Request, *, limit_bytes: int, seconds: float, crowd: BodyCrowd) -> bytes:
    """The body, whose length need not be announced. `crowd` bounds how many are under way at a time.

    Raises:
        HTTPRequestEntityTooLarge, HTTPRequestTimeout, HTTPBadRequest: it is too large, too slow, or broke off.
    """
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)
    body = bytearray()
    try:
        if request.content.is_eof():  # all of it has come with the head, as a rule
            return _within(request.content.read_nowait(), limit_bytes)
        async with asyncio.timeout(seconds):
            await _fill(body, request, limit_bytes, crowd)
    except TimeoutError:
        raise closing(web.HTTPRequestTimeout()) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        # The request keeps the error, whose traceback would keep the request and the body.
        error.__traceback__ = None
        body.clear()
        raise closing(web.HTTPBadRequest()) from None
    return bytes(body)


def _within(body: bytes, limit_bytes: int) -> bytes:
    if len(body) > limit_bytes:
        raise too_large(limit_bytes)
    return body


async def _fill(body: bytearray, request: web.Request, limit_bytes: int, crowd: BodyCrowd) -> None:
    """Let others run between two pieces."""
    under_way = BodyUnderWay(request)
    try:
        while True:
            if not request.content.is_eof():
                crowd.count(under_way, len(body))
            piece = await _next_piece(request)
            if not piece:
                return
            body += piece
            if len(body) > limit_bytes:
                raise too_large(limit_bytes)
            if not request.content.is_eof():
                await asyncio.sleep(0)
    finally:
        crowd.left(under_way)


async def _next_piece(request: web.Request) -> bytes:
    try:
        return await request.content.readany()
    except RuntimeError:
        if request.transport is not None:
            raise
        raise ConnectionResetError from None  # the sender was gone before anybody waited for more


def too_large(limit_bytes: int) -> web.HTTPException:
    return closing(web.HTTPRequestEntityTooLarge(limit_bytes, text="413: Request Entity Too Large"))
