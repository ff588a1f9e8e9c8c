"""Keeps the client connected, and says plainly why where that cannot be."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.client import EncoreClient
from bot.domain.pace import backoff_seconds

log = logging.getLogger(__name__)

RETRY_CAP_SECONDS = 60.0
"""A crash loop would burn the 1000 identifies that a day has (Discord reference, section 6)."""

NOT_MENDED_BY_WAITING = {
    4004: "DISCORD_TOKEN is refused",
    4010: "bad shard",
    4011: "sharding needed",
    4014: "intents refused",
}


class GatewayError(Exception):
    """Discord cannot be reached in a way that waiting mends; the text names the setting and the remedy."""


@contextmanager
def discord_at(api_url: str, gateway_url: str) -> Iterator[None]:
    """Point discord.py, which keeps its addresses on two classes, at another Discord; put them back afterwards."""
    before = (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY)
    Route.BASE = api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


async def keep_connected(client: EncoreClient, token: str, logged_in: asyncio.Event) -> None:
    """Log in and stay connected until cancelled; `logged_in` is set once messages can be sent.

    Raises:
        GatewayError: the token or the application's set-up is refused.
    """
    await _log_in(client, token)
    logged_in.set()
    failures = 0
    while not client.is_closed():
        try:
            await client.connect(reconnect=True)
        except discord.PrivilegedIntentsRequired as error:
            raise GatewayError("Discord refuses the intents: that should not happen, please report it") from error
        except discord.ConnectionClosed as error:
            if error.code in NOT_MENDED_BY_WAITING:
                raise GatewayError(f"Discord closed the connection: {NOT_MENDED_BY_WAITING[error.code]}") from error
            log.warning("the gateway closed (code %s); connecting again", error.code)
        except Exception:
            # discord.py lets some faults of a first connection and of single events through (reference, section 6).
            log.warning("the gateway failed; connecting again", exc_info=log.isEnabledFor(logging.DEBUG))
        failures = 0 if client.is_ready() else failures + 1
        await asyncio.sleep(backoff_seconds(failures, base_seconds=1.0, cap_seconds=RETRY_CAP_SECONDS))


async def _log_in(client: EncoreClient, token: str) -> None:
    failures = 0
    while True:
        try:
            await client.login(token)
        except discord.LoginFailure as error:
            raise GatewayError(
                "DISCORD_TOKEN is refused by Discord: reset it on the application's page “Bot” and put it into .env"
            ) from error
        except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
            if not failures:
                log.warning("Discord does not answer (%s); trying until it does", type(error).__name__)
            failures += 1
            await client.http.close()
            await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=RETRY_CAP_SECONDS))
        else:
            return
