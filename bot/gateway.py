"""Keep the client connected, and say plainly why if it cannot connect."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.chat.discord_errors import TROUBLES, in_words
from bot.client import EncoreClient
from bot.connected_client import ConnectedClient
from bot.domain.pace import backoff_seconds

log = logging.getLogger(__name__)

LOGIN_SECONDS = 60.0
"""How long one login may take; discord.py repeats some of its requests for 25 s."""
LOGIN_CAP_SECONDS = 60.0
RECONNECT_CAP_SECONDS = 240.0
"""Every new session costs an IDENTIFY, and a day has 1000 (docs/discord.md 6). A connection that keeps failing begins
one every two minutes at most."""
STEADY_SECONDS = 60.0
"""A connection that lasted this long counts as good."""

REFUSED = "DISCORD_TOKEN is refused by Discord: reset it on the application's page “Bot” and put the new one into .env"
REPORT = "this is a fault in Encore, please report it"
FINAL_CLOSE_CODES = {
    4004: REFUSED,
    4010: "Discord refuses this number of shards: stop all gateway processes and set SHARDS=auto",
    4011: "Discord requires shards, or more of them, for a bot in this many servers: stop all gateway processes and"
    " set SHARDS=auto",
    4012: "Discord no longer speaks this version of its gateway: update Encore",
    4013: f"Discord does not know the bot's intents; {REPORT}",
    4014: f"Discord refuses the bot's intents; Encore needs no privileged ones, so {REPORT}",
}


class GatewayError(Exception):
    """Discord cannot be used until the operator acts; the text names the setting and the remedy."""


@contextmanager
def discord_at(api_url: str, gateway_url: str) -> Iterator[None]:
    """Point discord.py at another Discord, then back; its addresses are attributes of two classes."""
    before = (Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY)
    Route.BASE = api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


async def stay_logged_in(client: EncoreClient, token: str, logged_in: asyncio.Event) -> None:
    """Log in for Discord's HTTP API alone, until cancelled; `logged_in` is set once messages can be sent.

    Raises:
        GatewayError: the token is refused.
    """
    await keep_logging_in(client, token)
    logged_in.set()
    await asyncio.Event().wait()


async def keep_connected(client: EncoreClient, token: str, logged_in: asyncio.Event, *, deaf_seconds: float) -> None:
    """Log in and stay connected until cancelled; `logged_in` is set once messages can be sent.

    After `deaf_seconds` without the gateway, start a new session.

    Raises:
        GatewayError: the token or the application's set-up is refused.
    """
    await keep_logging_in(client, token)
    logged_in.set()
    await stay_connected(client, deaf_seconds=deaf_seconds)


async def stay_connected(client: ConnectedClient, *, deaf_seconds: float) -> None:
    """The same for a client that is logged in. Returns once it is closed."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        await client.prepare()
        began = loop.time()
        try:
            await _connected(client, deaf_seconds)
        except discord.PrivilegedIntentsRequired as error:
            raise GatewayError(FINAL_CLOSE_CODES[4014]) from error
        except discord.ConnectionClosed as error:
            # discord.py raises this only for what it cannot recover from, and then stays closed.
            unknown = f"Discord closed the connection for good with code {error.code}; {REPORT}"
            raise GatewayError(FINAL_CLOSE_CODES.get(error.code, unknown)) from error
        except Exception as error:  # noqa: BLE001  # only a connection has ended, not the bot
            _tell(error)
        if client.is_closed():
            return
        await client.hang_up()
        failures = 0 if loop.time() - began >= STEADY_SECONDS else failures + 1
        await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=RECONNECT_CAP_SECONDS))


def _tell(error: Exception) -> None:
    """Log one line about what ended a connection: with discord.py it can be any exception (docs/discord.md 6)."""
    # The first connection fails with an AttributeError; its context is the real reason.
    cause = next((each for each in (error, error.__context__) if isinstance(each, TROUBLES)), None)
    if cause is not None:
        log.warning("cannot connect to Discord's gateway (%s); trying again", in_words(cause))
        return
    log.warning("cannot read what Discord sent (%s); connecting again", type(error).__name__)
    log.debug("what could not be read", exc_info=error)


async def log_in(client: EncoreClient, token: str) -> None:
    """Log in once; may be repeated.

    Raises:
        GatewayError: the token is refused.
        One of `TROUBLES`: Discord did not answer as it should.
    """
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            await client.login(token)
    except discord.LoginFailure as error:
        raise GatewayError(REFUSED) from error


async def keep_logging_in(client: EncoreClient, token: str) -> None:
    failures = 0
    while True:
        try:
            await log_in(client, token)
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001  # includes an unreadable answer, such as a proxy's page
            if not failures:
                log.warning("cannot log in to Discord (%s); trying again until it works", in_words(error))
            failures += 1
            await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=LOGIN_CAP_SECONDS))
        else:
            if failures:
                log.info("logged in to Discord")
            return


async def _connected(client: ConnectedClient, deaf_seconds: float) -> None:
    """One connection, with all that discord.py does to keep it; raises whatever discord.py raises.

    Left alone, discord.py would try for ever to resume at the old address, up to 17 minutes apart
    (docs/discord.md 6).
    """
    connection = asyncio.create_task(client.connect(reconnect=True), name="connection")
    deaf = asyncio.create_task(_deaf(client, deaf_seconds), name="deaf")
    try:
        await asyncio.wait({connection, deaf}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            return await connection
        log.warning("no word from Discord's gateway for %g s; beginning a new session", deaf_seconds)
    finally:
        for task in (connection, deaf):
            task.cancel()
        await asyncio.gather(connection, deaf, return_exceptions=True)


async def _deaf(client: ConnectedClient, seconds: float) -> None:
    """Return once the gateway has been away that long."""
    while True:
        await client.disconnected.wait()
        try:
            async with asyncio.timeout(seconds):
                await client.connected.wait()
        except TimeoutError:
            return
