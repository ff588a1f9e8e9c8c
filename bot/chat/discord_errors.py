"""What a Discord error means for the route it happened on. Source: docs/discord.md 2.1, 3.1, 5.2."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from bot.services.common.messenger import RouteClosed, RouteRefused, RouteTooSmall, RouteUnavailable

TOO_LARGE_CODES = {40005, 50045}
CLOSED_CODES = {
    10003,  # unknown channel
    10008,  # unknown message
    10015,  # unknown webhook: the interaction's token has expired
    10062,  # unknown interaction
    50001,  # missing access
    50007,  # direct messages are closed
    50013,  # missing permissions
    50027,  # invalid webhook token
    50083,  # the thread is archived
}
BAD_REQUEST = 400

TROUBLES = (
    discord.HTTPException,
    discord.RateLimited,
    discord.GatewayNotFound,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)
"""What discord.py raises when Discord refuses, is overloaded or cannot be reached."""


@contextmanager
def read_as_routes() -> Iterator[None]:
    """Turn Discord's errors into `RouteClosed`, `RouteTooSmall`, `RouteRefused` and `RouteUnavailable`."""
    try:
        yield
    except discord.HTTPException as error:
        summary = f"HTTP {error.status}, code {error.code}"
        if error.status == 413 or error.code in TOO_LARGE_CODES:
            raise RouteTooSmall(summary) from error
        if error.code in CLOSED_CODES or error.status in {403, 404}:
            raise RouteClosed(summary) from error
        if error.status == BAD_REQUEST:
            raise RouteRefused(f"{summary}: {error.text[:200]}") from error
        raise RouteUnavailable(summary) from error
    except (discord.RateLimited, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise RouteUnavailable(type(error).__name__) from error


_CAUSES = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientSSLError, "no secure connection is possible"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was lost"),
)


def in_words(error: BaseException) -> str:
    """What went wrong, in a few words for the operator; never an address or a token."""
    if isinstance(error, discord.HTTPException):
        said = " ".join(error.text.split())[:300]
        tells_why = 400 <= error.status < 500 and said and not said.startswith("<")  # not a page for browsers
        return f"HTTP {error.status}: {said}" if tells_why else f"HTTP {error.status}"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"HTTP {error.status}"
    known = next((words for kind, words in _CAUSES if isinstance(error, kind)), None)
    if known is None and isinstance(error, OSError) and error.errno:
        known = os.strerror(error.errno).lower()
    return known or type(error).__name__
