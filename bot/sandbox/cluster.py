"""A cluster: several bot processes with one role each, on one PostgreSQL and one machine."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from bot.roles import Role
from bot.sandbox.balancer import Balancer
from bot.sandbox.discord import FakeDiscord, Guild
from bot.sandbox.processes import BotProcess, bot_process, environ_of
from bot.sandbox.stand_ins import free_port
from bot.settings import Settings

START_SECONDS = 90.0
"""A start takes a second, but much longer when many processes start on a busy machine."""
START_TRIES = 3
PAUSE_SECONDS = 1.0
"""The pause before a process that has ended is started again, as by a service manager."""
SHARDS = 4


class ClusterError(Exception):
    """The cluster cannot be as wanted, or a process did not start; then the text has its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many processes there are of each role."""

    gateways: int = 2
    web: int = 2
    workers: int = 2


@dataclass(eq=False)
class Seat:
    """The place of one process in the cluster; each restart puts a new process into it."""

    role: Role
    number: int
    port: int  # only web processes listen on it
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    bot: BotProcess | None = None

    @property
    def name(self) -> str:
        return f"{self.role} {self.number}"


class Cluster:
    """Processes with one role each; the web processes share one address, that of `settings`.

    With `settings.shards` the gateway processes share them; without, each of them hears everything.
    """

    def __init__(self, settings: Settings, size: Size, *, folder: Path, more: dict[str, str] | None = None) -> None:
        """`more`: further variables for all processes.

        Raises:
            ClusterError: there are too few shards, so that a gateway process would have nothing to do.
        """
        if settings.shards is not None and settings.shards < max(1, size.gateways):
            raise ClusterError(
                f"each gateway process needs a shard, but --shards is {settings.shards} and --gateways {size.gateways}"
            )
        self._settings = settings
        self._folder = folder
        self._more = more or {}
        numbers = {Role.GATEWAY: size.gateways, Role.WEB: size.web, Role.WORKERS: size.workers}
        self.said: list[str] = []  # by processes that have ended
        self.seats = [Seat(role, n, free_port()) for role, number in numbers.items() for n in range(1, number + 1)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all of them until they work; on leaving, ask all to stop."""
        balancer = Balancer(seat.port for seat in self.seats if seat.role is Role.WEB)
        async with balancer.listening(self._settings.web_port):
            try:
                async with asyncio.TaskGroup() as group:
                    for seat in self.seats:
                        group.create_task(self.start(seat))
                yield
            finally:
                await asyncio.gather(*(self.stop(seat) for seat in self.seats))

    async def start(self, seat: Seat) -> BotProcess:
        """Start its process and wait until it works.

        One that ends at once is started again, as after an outage of the database (docs/operating.md).

        Raises:
            ClusterError: it ended each time, or took too long.
        """
        for _ in range(START_TRIES - 1):
            try:
                return await self._start_once(seat)
            except ClusterError:
                await self.stop(seat, by=signal.SIGKILL)
                await asyncio.sleep(PAUSE_SECONDS)
        return await self._start_once(seat)

    async def _start_once(self, seat: Seat) -> BotProcess:
        settings = replace(self._settings, web_port=seat.port)
        environ = environ_of(settings, **self._more)
        seat.bot = await seat.stack.enter_async_context(
            bot_process(environ, "run", "--only", seat.role, folder=self._folder)
        )
        if not await self._is_ready(seat.role, seat.bot):
            raise ClusterError("\n".join([f"{seat.name} did not start", *seat.bot.said]))
        return seat.bot

    async def _is_ready(self, role: Role, bot: BotProcess) -> bool:
        """Wait until it has said what a process with this role says once it works; False if it ends or takes too long.

        A gateway process serves one of its shards by then; the others may follow.
        """
        ready = {
            Role.GATEWAY: ["ready as" if self._settings.shards is None else "is ready in"],
            Role.WEB: ["listening on port", *(["invite link"] if self._settings.interactions_public_key else [])],
            Role.WORKERS: ["credits left"],
        }
        try:
            async with asyncio.timeout(START_SECONDS):
                return all([await bot.has_said(words, seconds=START_SECONDS) for words in ready[role]])
        except TimeoutError:
            return False

    async def stop(self, seat: Seat, *, by: signal.Signals = signal.SIGTERM) -> int | None:
        """Its exit status; None if it was not running."""
        try:
            if seat.bot is None:
                return None
            if seat.bot.process.returncode is None:
                seat.bot.process.send_signal(by)
            return await seat.bot.exit_status()
        finally:
            await seat.stack.aclose()
            if seat.bot is not None:
                self.said += [f"{seat.name} | {line}" for line in seat.bot.said]
            seat.bot = None


def a_server_in_every_shard(discord: FakeDiscord, shards: int) -> list[Guild]:
    """By shard; those that are there already count."""
    found: dict[int, Guild] = {}
    for guild in discord.world.guilds.values():
        found.setdefault(shard_of(guild, shards), guild)
    while len(found) < shards:
        discord.advance(0.001)  # the next id has the next millisecond
        guild = discord.guild(f"Choir {len(found) + 1}")
        found.setdefault(shard_of(guild, shards), guild)
    return [found[number] for number in range(shards)]


def shard_of(guild: Guild, shards: int) -> int:
    """docs/discord.md 6."""
    return (guild.id >> 22) % shards
