"""Keep this process connected to its share of the shards, each with a client beside the `EncoreClient`."""

import asyncio
import logging
import time
from datetime import datetime, timedelta
from typing import NamedTuple

import discord

from bot.chat.discord_errors import in_words
from bot.client import EncoreClient
from bot.connected_client import ConnectedClient
from bot.domain.pace import backoff_seconds
from bot.domain.shards import Agreed
from bot.errors import Outage
from bot.gateway import LOGIN_CAP_SECONDS, stay_connected
from bot.services.common.bells import Bell
from bot.services.common.clock import Clock
from bot.services.common.worker import Worker
from bot.services.gateway.shard_leases import ShardLeases, ShardsDiffer
from bot.shard_client import ShardClient

log = logging.getLogger(__name__)

LOOKS = 3
"""How often per lease a process looks and renews what it has."""
START_SECONDS = 30.0
"""A shard that takes longer to connect no longer holds up the others."""


class ShardKeeper:
    """A worker's step: bring the connections of this process in line with its leases."""

    def __init__(
        self,
        client: EncoreClient,
        leases: ShardLeases,
        bell: Bell,
        clock: Clock,
        *,
        wanted: int | None,
        lease_seconds: float,
        deaf_seconds: float,
    ) -> None:
        """`wanted`: how many shards there should be; None: as many as Discord recommends."""
        self._client = client
        self._leases = leases
        self._bell = bell
        self._clock = clock
        self._wanted = wanted
        self._every = timedelta(seconds=lease_seconds / LOOKS)
        self._deaf_seconds = deaf_seconds
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._began: dict[int, float] = {}
        self._ending: set[int] = set()
        self._shards: dict[int, ConnectedClient] = {}
        self._trouble: asyncio.Queue[ShardsDiffer] = asyncio.Queue()
        self._group = asyncio.TaskGroup()
        self._working: asyncio.Task[None] | None = None
        self._looked_at = clock()
        self._stands_by = False  # without a share

    async def run(self) -> None:
        """Run until cancelled; the client is logged in.

        Raises:
            ShardsDiffer: this process wants or has another number of shards than the others.
            GatewayError: Discord refuses the bot, or the number of shards.
        """
        await self._agree()
        self._client.shards = self._shards
        async with self._group:
            self._working = self._group.create_task(Worker("shards", self, self._bell, self._clock).run())
            try:
                raise await self._trouble.get()
            finally:
                await self.leave()

    async def leave(self) -> None:
        """Give the shards to the other processes at once. Their connections last until this process ends."""
        if self._working is None:
            return
        working, self._working = self._working, None
        working.cancel()
        await asyncio.wait({working})
        try:
            await self._leases.leave()
        except Outage as error:
            log.warning("the shards could not be given back (%s); others can take them once the lease runs out", error)
        else:
            self._bell.ring()

    async def next_due(self) -> datetime:
        return self._looked_at + self._every

    async def step(self) -> bool:
        connected = [number for number, shard in self._shards.items() if shard.connected.is_set()]
        starting = [
            number
            for number, began in self._began.items()
            if number not in connected and time.monotonic() - began < START_SECONDS
        ]
        try:
            look = await self._leases.look(connected, room=self._leases.agreed.max_concurrency - len(starting))
        except ShardsDiffer as error:
            self._trouble.put_nowait(error)
            return False
        self._looked_at = self._clock()
        if not look.numbers and not self._stands_by:
            log.info("no shard is free for this process; standing by")
        self._stands_by = not look.numbers
        for number in look.numbers - self._tasks.keys():
            self._began[number] = time.monotonic()
            self._tasks[number] = self._group.create_task(self._serve(number), name=f"shard {number}")
        for number in self._tasks.keys() - look.numbers - self._ending:
            self._ending.add(number)
            self._tasks[number].cancel()
        if look.has_taken:
            self._bell.ring()  # so that the previous owner disconnects, and the next shard can be taken
        return False

    async def _serve(self, number: int) -> None:
        log.info("shard %d: connecting", number)
        try:
            async with ShardClient(self._client, number, self._leases, self._bell) as shard:
                self._shards[number] = shard
                await stay_connected(shard, deaf_seconds=self._deaf_seconds)
        finally:
            log.info("shard %d: disconnected", number)
            del self._tasks[number], self._began[number]
            self._shards.pop(number, None)
            self._ending.discard(number)
            self._bell.ring_here()

    async def _agree(self) -> None:
        """Ask Discord how many shards it recommends, then the database how many there are."""
        failures = 0
        while True:
            try:
                recommended, sessions = await _recommended(self._client)
                agreed = await self._leases.agree(self._wanted, recommended=recommended)
            except ShardsDiffer:
                raise
            except Exception as error:  # noqa: BLE001  # includes an unreadable answer, such as a proxy's page
                if not failures:
                    log.warning("cannot find out how many shards there are (%s); trying again", _cause(error))
            else:
                break
            failures += 1
            await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=LOGIN_CAP_SECONDS))
        log.info("shards: %d; at a time, %d may identify", agreed.count, agreed.max_concurrency)
        if agreed.count > sessions.left:
            log.error(
                "Discord allows %d more sessions in the next %.1f hours, and each start of one of the %d shards uses"
                " one; beyond that it resets the token: %s",
                sessions.left,
                sessions.renewed_in_seconds / 3600,
                agreed.count,
                "set SHARDS=auto" if agreed.count > recommended.count else "restart nothing until then",
            )
        if self._wanted is None and recommended.count > agreed.count:
            log.warning(
                "Discord recommends %d shards, but the processes at work have %d: see docs/operating.md, “Shards”",
                recommended.count,
                agreed.count,
            )


class _Sessions(NamedTuple):
    """How many more Discord allows, of 1,000 a day (docs/discord.md 6)."""

    left: int
    renewed_in_seconds: float


async def _recommended(client: EncoreClient) -> tuple[Agreed, _Sessions]:
    count, _, limits = await client.http.get_bot_gateway()
    agreed = Agreed(count=count, max_concurrency=limits["max_concurrency"])
    return agreed, _Sessions(limits["remaining"], limits["reset_after"] / 1000)


def _cause(error: Exception) -> str:
    if isinstance(error, Outage):
        return str(error)
    if isinstance(error, discord.GatewayNotFound) and error.__cause__ is not None:
        return in_words(error.__cause__)
    return in_words(error)
