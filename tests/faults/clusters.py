"""Kill, restart and freeze the processes of a cluster, and PostgreSQL, at random while members give commands."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.sandbox.cluster import Cluster, Seat, Size
from bot.sandbox.discord import Member
from bot.sandbox.postgres import PostgresServer
from tests.end_to_end.town import Town
from tests.faults.killing import KILLED, Balance, a_day_passes, command, count, settled
from tests.support.secrets import secrets_in

LEASE_SECONDS = 2
QUICK = {"LEASE_SECONDS": str(LEASE_SECONDS), "POLL_AFTER_SECONDS": "1", "POLL_EVERY_SECONDS": "1"}
FROZEN_SECONDS = 2 * LEASE_SECONDS
ROUND_SECONDS = 1.5
SAID_LINES = 400


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
async def a_cluster(town: Town, folder: Path, size: Size, **more: str) -> AsyncIterator[Cluster]:
    """At work, with its commands announced; `more` are variables for all processes.

    A failure inside carries what the processes have said.
    """
    cluster = Cluster(town.settings, size, folder=folder, more=more)
    try:
        async with cluster.running():
            await town.discord.wait_for_commands("extend", timeout=30)
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
    async with a_cluster(town, folder, size, **QUICK) as cluster:
        victims: list[Seat | None] = [*cluster.seats, *([None] if server else [])]
        for number in range(1, rounds + 1):
            victim = chance.choice(victims)
            blow = Blow(victim, chance.choice([Kind.KILLED, Kind.RESTARTED, *([Kind.FROZEN] if victim else [])]))
            moments = [chance.uniform(0, ROUND_SECONDS) for _ in range(chance.randint(1, 3))]
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_commands(town, [chance.choice(members) for _ in moments], moments))
                    group.create_task(_strike(blow, cluster, server, after=chance.uniform(0, ROUND_SECONDS)))
            except Exception as error:
                error.add_note(f"round {number}: {blow}")
                raise
        await a_day_passes(town)
        await settled(town, jobs=0)
    return await count(town)


async def _commands(town: Town, members: Sequence[Member], moments: Sequence[float]) -> None:
    """The only sleeps, here and in `_strike`, are the test itself: they set the moments."""
    waited = 0.0
    for member, moment in zip(members, sorted(moments), strict=True):
        await asyncio.sleep(moment - waited)
        waited = moment
        await command(town, member)


async def _strike(blow: Blow, cluster: Cluster, server: PostgresServer | None, *, after: float) -> None:
    """Returns once the process is back at work."""
    await asyncio.sleep(after)
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
