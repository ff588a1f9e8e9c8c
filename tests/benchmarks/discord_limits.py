"""What it costs four processes to share Discord's limits on PostgreSQL, compared with four that do not."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

import asyncpg

from bot.chat.pacing import Pacer
from bot.chat.shared_state import Shared
from bot.sandbox.discord import FakeDiscord
from storage.engines.postgres_budgets import DiscordBudgets
from storage.storage import SqlStorage, open_shared_storage
from tests.benchmarks.rows import Row, table
from tests.support.paced import Process, processes
from tests.support.postgres_server import NoServer, running_server

PROCESSES = 4
QUIET, BURST = 40, 200
"""Posts one after another, and all at once; each in a channel of its own."""
CONNECTIONS = 4
REST_SECONDS = 2.0
ALONE = "four processes that share nothing"


class Counted:
    """Counts statements."""

    def __init__(self, storage: SqlStorage) -> None:
        self._budgets = DiscordBudgets(storage.statements)
        self.statements = 0

    async def get(self, name: str) -> str | None:
        self.statements += 1
        return await self._budgets.get(name)

    async def put(self, name: str, *, old: str | None, new: str) -> str:
        self.statements += 1
        return await self._budgets.put(name, old=old, new=new)


@dataclass(frozen=True)
class Measured:
    """Seconds of a quiet post, and of a burst and its longest wait; statements for a post; answers of 429."""

    quiet_seconds: float
    quiet_statements: float
    burst_seconds: float
    burst_statements: float
    refused: int


async def measure() -> list[Row]:
    """About half a minute; nothing if no PostgreSQL is found."""
    try:
        with running_server(durable=True) as server:
            admin = await asyncpg.connect(server.url_of("postgres"))
            await admin.execute("CREATE DATABASE encore TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
            await admin.close()
            async with sharing(server.url_of("encore")) as (pacers, counted):
                together = await measured(pacers, counted)
            alone = await measured([Pacer() for _ in range(PROCESSES)], ())
    except NoServer as error:
        print(f"discord_limits: {error}", file=sys.stderr)
        return []
    return rows(together, alone)


def rows(together: Measured, alone: Measured) -> list[Row]:
    return [
        Row(
            what=f"answers of 429 to {BURST} posts at once in as many channels",
            measured=together.refused,
            reference=alone.refused,
            unit="",
            beside=ALONE,
        ),
        Row(
            what="the last of them is posted after",
            measured=together.burst_seconds,
            reference=alone.burst_seconds,
            unit="s",
            beside=ALONE,
        ),
        Row(
            what="a single post takes, median",
            measured=together.quiet_seconds * 1000,
            reference=alone.quiet_seconds * 1000,
            unit="ms",
            beside=ALONE,
        ),
        Row(
            what="statements to the database for a post of the burst",
            measured=together.burst_statements,
            reference=together.quiet_statements,
            unit="",
            beside="for a single post",
        ),
    ]


@asynccontextmanager
async def sharing(url: str) -> AsyncIterator[tuple[list[Pacer], list[Counted]]]:
    async with AsyncExitStack() as stack:
        pacers, counted = [], []
        for _ in range(PROCESSES):
            storage = await stack.enter_async_context(open_shared_storage(url, connections=CONNECTIONS))
            clock = storage.clock
            assert clock is not None
            counted.append(Counted(storage))
            pacers.append(Pacer(shared=Shared(counted[-1], lambda clock=clock: clock().timestamp())))  # type: ignore[misc]
        yield pacers, counted


async def measured(pacers: Sequence[Pacer], counted: Sequence[Counted]) -> Measured:
    async with FakeDiscord() as fake, processes(fake, pacers) as bots:
        guild = fake.guild()
        channels = [guild.channel(f"songs {number}").id for number in range(QUIET + BURST)]
        before = sum(each.statements for each in counted)
        for number in range(QUIET):
            await bots[number % PROCESSES].post(channels[number], "result")
        quiet_statements = sum(each.statements for each in counted) - before
        quiet_seconds = median(wait for bot in bots for wait in bot.waits)
        await asyncio.sleep(REST_SECONDS)
        before += quiet_statements
        began = time.monotonic()
        await burst(bots, channels[QUIET:])
        return Measured(
            quiet_seconds=quiet_seconds,
            quiet_statements=quiet_statements / QUIET,
            burst_seconds=time.monotonic() - began,
            burst_statements=(sum(each.statements for each in counted) - before) / BURST,
            refused=len(fake.rate_limited),
        )


async def burst(bots: Sequence[Process], channels: Sequence[int]) -> None:
    await asyncio.gather(*(bots[at % PROCESSES].post(channel, "result") for at, channel in enumerate(channels)))


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
