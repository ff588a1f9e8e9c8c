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


async def keep_connected(client: EncoreClient, token: str, logged_in: asyncio.Event, *, deaf_seconds: float) -> None:
    """Log in and stay connected until cancelled; `logged_in` is set once messages can be sent.

    After `deaf_seconds` without the gateway its session is given up and a new one begun.

    Raises:
        GatewayError: the token or the application's set-up is refused.
    """
    await _log_in(client, token)
    logged_in.set()
    failures = 0
    while True:
        try:
            await _connected(client, deaf_seconds)
        except discord.PrivilegedIntentsRequired as error:
            raise GatewayError("Discord refuses the intents: that should not happen, please report it") from error
        except discord.ConnectionClosed as error:
            # discord.py lets those through alone that it cannot mend, and is closed for good then.
            reason = NOT_MENDED_BY_WAITING.get(error.code, f"code {error.code}, please report it")
            raise GatewayError(f"Discord closed the connection: {reason}") from error
        except Exception:
            # discord.py lets some faults of a first connection and of single events through (reference, section 6).
            log.warning("the gateway failed; connecting again", exc_info=log.isEnabledFor(logging.DEBUG))
        if client.is_closed():
            return
        failures = 0 if client.is_ready() else failures + 1
        await asyncio.sleep(backoff_seconds(failures, base_seconds=1.0, cap_seconds=RETRY_CAP_SECONDS))


async def _connected(client: EncoreClient, deaf_seconds: float) -> None:
    """One connection, with all that discord.py does to keep it; raises what it raises.

    Left to itself, discord.py would try to resume at the old address for ever, with up to 17 minutes between two tries
    (reference, section 6).
    """
    connection = asyncio.create_task(client.connect(reconnect=True), name="connection")
    deaf = asyncio.create_task(_deaf(client, deaf_seconds), name="deaf")
    try:
        await asyncio.wait({connection, deaf}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            return await connection
        log.warning("no word from the gateway for %g s; beginning a new session", deaf_seconds)
        client.disconnected.clear()
    finally:
        for task in (connection, deaf):
            task.cancel()
        await asyncio.gather(connection, deaf, return_exceptions=True)


async def _deaf(client: EncoreClient, seconds: float) -> None:
    """Returns once the gateway was away for so long."""
    while True:
        await client.disconnected.wait()
        try:
            async with asyncio.timeout(seconds):
                await client.connected.wait()
        except TimeoutError:
            return


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
