"""All of Encore on one machine: the real bot between both stand-ins."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.roles import ALL, Role
from bot.sandbox.discord import DiscordOptions, FakeDiscord
from bot.sandbox.suno import FakeSuno, SunoOptions
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.app import App

API_KEY = "sandbox-key-of-no-value"
TOKEN = "sandbox.token.of-no-value"

_PORTS = range(20_000, 32_768)  # Linux gives outgoing connections those from 32768, other systems higher ones


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """The stand-ins, and settings that point the bot at them."""

    discord: FakeDiscord
    suno: FakeSuno
    settings: Settings


@asynccontextmanager
async def stand_ins(
    options: SunoOptions, *, folder: Path, discord: DiscordOptions | None = None
) -> AsyncIterator[StandIns]:
    """Both stand-ins on loopback; the bot's database is in `folder`."""
    with reserved_port() as port:
        async with FakeDiscord(discord) as chat, FakeSuno(replace(options, api_key=API_KEY)) as suno:
            yield StandIns(
                discord=chat,
                suno=suno,
                settings=Settings(
                    discord_token=TOKEN,
                    suno_api_key=API_KEY,
                    discord_api_url=chat.api_url,
                    discord_gateway_url=chat.gateway_url,
                    suno_api_url=suno.api_url,
                    suno_upload_url=suno.upload_url,
                    public_url=f"http://127.0.0.1:{port}",
                    web_host="127.0.0.1",
                    web_port=port,
                    database_path=folder / "encore.db",
                    private_hosts=(chat.host_port, suno.host_port),
                ),
            )


@asynccontextmanager
async def running(
    both: StandIns, settings: Settings | None = None, *, only: frozenset[Role] = ALL
) -> "AsyncIterator[App]":
    """Run the real bot, connected and with its commands announced; leaving ends it as a signal would.

    `only`: with these roles alone.
    """
    from bot.app import build, run_parts  # noqa: PLC0415  # the sandbox runs the bot in a process of its own

    leave = asyncio.Event()

    async def until() -> None:
        await leave.wait()

    async with build(settings or both.settings, only=only) as app:
        parts = asyncio.create_task(run_parts(app, until), name="the bot")
        ready = asyncio.create_task(_ready(both, app), name="ready")
        try:
            await asyncio.wait({parts, ready}, return_when=asyncio.FIRST_COMPLETED)
            await (parts if parts.done() else ready)  # a bot that ends here says why
            yield app
        finally:
            ready.cancel()
            leave.set()
            await asyncio.gather(ready, return_exceptions=True)
            await parts


async def _ready(both: StandIns, app: "App") -> None:
    """Wait until it is connected, announced and listening; discord.py's own `on_ready` comes two seconds later."""
    if Role.WEB in app.roles:
        await app.listening.wait()
    if Role.GATEWAY in app.roles:
        await both.discord.wait_ready()
    if not app.answers_members:
        return
    await app.composed.wait()
    await app.client.logged_in.wait()
    await both.discord.wait_for_commands(*(command.name for command in app.client.tree.get_commands()))


def free_port() -> int:
    """A port that was free a moment ago: an address that must be known before anybody listens."""
    with reserved_port() as port:
        return port


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A free port that nobody else gets from here meanwhile, in any process: a bot takes seconds to listen on its own.

    It is none of those that the system gives to outgoing connections, or one of them could take it in the meantime.
    """
    with socket.socket(type=socket.SOCK_DGRAM) as reservation:  # UDP has its own ports, so the bot can still listen
        yield _bound_to_free_port(reservation)


def _bound_to_free_port(reservation: socket.socket) -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            reservation.bind(("127.0.0.1", port))
            return port
