"""Kill, restart and freeze the processes of a cluster, and PostgreSQL, at random while members give commands."""

import asyncio
import dataclasses
import random
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bot.sandbox.cluster import SHARDS, Cluster, Seat, Size, a_server_in_every_shard
from bot.sandbox.discord import Channel, Member
from bot.sandbox.postgres import PostgresServer
from tests.end_to_end.town import Town
from tests.faults.deeds import Deeds
from tests.faults.killing import DISCORD, KILLED, Balance, a_day_passes, a_town_to_kill_in, count, settled
from tests.support.secrets import secrets_in

LEASE_SECONDS = 2
QUICK = {"LEASE_SECONDS": str(LEASE_SECONDS), "POLL_AFTER_SECONDS": "1", "POLL_EVERY_SECONDS": "1"}
FROZEN_SECONDS = 2 * LEASE_SECONDS
ROUND_SECONDS = 1.5
SAID_LINES = 400
SHARDED = dataclasses.replace(DISCORD, shards=SHARDS, max_concurrency=SHARDS, identify_seconds=5)


class Kind(StrEnum):
    KILLED = "killed"
    RESTARTED = "restarted"
    FROZEN = "frozen"
    """For longer than its claims last, as on a machine that swaps; PostgreSQL is only killed and restarted."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens in one round: to a process, or to PostgreSQL (`seat` is None)."""

    seat: Seat | None
    kind: Kind

    def __str__(self) -> str:
        return f"{self.seat.name if self.seat else 'PostgreSQL'} {self.kind}"


@asynccontextmanager
async def a_town_with_shards(folder: Path, source: Path) -> AsyncIterator[Town]:
    async with a_town_to_kill_in(folder, source, SHARDED) as town:
        town.settings = replace(town.settings, shards=SHARDS)
        yield town


@asynccontextmanager
async def a_town_over_http(folder: Path, source: Path) -> AsyncIterator[Town]:
    """Discord sends interactions to the web processes."""
    async with a_town_to_kill_in(folder, source) as town:
        town.settings = replace(town.settings, interactions_public_key=town.discord.endpoint.public_key)
        yield town


@asynccontextmanager
async def a_cluster(town: Town, folder: Path, size: Size, **more: str) -> AsyncIterator[Cluster]:
    """At work, with its commands announced and, over HTTP, its address registered.

    `more`: variables for all processes.

    A failure inside carries what the processes have said.
    """
    cluster = Cluster(town.settings, size, folder=folder, more=more)
    try:
        async with cluster.running():
            await town.discord.wait_for_commands("extend", timeout=30)
            if town.settings.interactions_public_key:
                await town.discord.endpoint.register(f"{town.settings.public_url}/interactions")
            yield cluster
    except Exception as error:
        error.add_note("\n".join(cluster.said[-SAID_LINES:]))
        raise
    secrets = (town.settings.discord_token, town.settings.suno_api_key)
    assert not secrets_in(cluster.said, more=secrets)


async def struck_at_random(
    town: Town, folder: Path, *, rounds: int, seed: int, size: Size, server: PostgresServer | None
) -> Balance:
    """One blow in each round, and a few commands around it. Without a `server`, PostgreSQL is spared."""
    chance = random.Random(seed)
    members = [town.mia, *(town.discord.member(name, guild=town.guild) for name in ("Ben", "Cem", "Dora"))]
    channels, deeds = _channels(town, members), Deeds(town, chance, town.songs.thread("relay"))
    async with a_cluster(town, folder, size, **QUICK) as cluster:
        victims: list[Seat | None] = [*cluster.seats, *([None] if server else [])]
        await deeds.begin()
        for number in range(1, rounds + 1):
            victim = chance.choice(victims)
            blow = Blow(victim, chance.choice([Kind.KILLED, Kind.RESTARTED, *([Kind.FROZEN] if victim else [])]))
            moments = [chance.uniform(0, ROUND_SECONDS) for _ in range(chance.randint(1, 3))]
            try:
                async with asyncio.TaskGroup() as group:
                    for moment in moments:
                        member, channel = chance.choice(members), chance.choice(channels)
                        group.create_task(_later(moment, deeds.one(member, channel)))
                    strike = _strike(blow, cluster, server)
                    group.create_task(_later(chance.uniform(0, ROUND_SECONDS), strike))
            except Exception as error:
                error.add_note(f"round {number}: {blow}")
                raise
        await deeds.finished()
        await a_day_passes(town, deeds)
        await settled(town, jobs=0, deeds=deeds)
    assert town.discord.gateway.too_early == []
    assert town.discord.endpoint.removed_because == ""
    return await count(town, deeds)


def _channels(town: Town, members: Sequence[Member]) -> list[Channel]:
    """One in each shard, all with these members."""
    guilds = a_server_in_every_shard(town.discord, town.settings.shards or 1)
    for guild in guilds:
        for member in members:
            guild.join(member)
    return [town.songs if guild is town.guild else guild.channel("songs") for guild in guilds]


async def _later(seconds: float, act: Coroutine[Any, Any, object]) -> None:
    """The only sleeps, here and in `_strike`, are the test itself: they set the moments."""
    await asyncio.sleep(seconds)
    await act


async def _strike(blow: Blow, cluster: Cluster, server: PostgresServer | None) -> None:
    """Returns once the process is back at work."""
    if blow.seat is None:
        assert server is not None
        await asyncio.to_thread(server.kill if blow.kind is Kind.KILLED else server.stop)
        await asyncio.to_thread(server.start)
        return
    if blow.kind is Kind.FROZEN:
        assert blow.seat.bot is not None
        blow.seat.bot.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_SECONDS)
        blow.seat.bot.process.send_signal(signal.SIGCONT)
        return
    status = await cluster.stop(blow.seat, by=signal.SIGKILL if blow.kind is Kind.KILLED else signal.SIGTERM)
    assert status == (KILLED if blow.kind is Kind.KILLED else 0), status
    await cluster.start(blow.seat)
