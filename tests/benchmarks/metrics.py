"""How long `GET /metrics` takes with 100,000 jobs in the database, and what metrics cost a process."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp

from bot.sandbox.discord import Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import StandIns, free_port, stand_ins
from tests.benchmarks.contestants import Connected, a_process, the_bot
from tests.benchmarks.history import DISCORD, SUNO, Side, a_side, alternately, fill
from tests.benchmarks.rows import Goal, Row, percentile
from tests.benchmarks.start_up import IDLE_SECONDS, resident_megabytes

JOBS = 100_000
MEMBERS = 2_000
ASKED = 100
WARM_UP = 10
STARTS = 5
GOAL = Goal(below=20)


async def measure() -> list[Row]:
    """Two bots, one with a history, asked in turns; then one bot with and without metrics. About a minute."""
    with tempfile.TemporaryDirectory(prefix="encore-metrics-") as name:
        source = Path(name) / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=4)
        async with AsyncExitStack() as stack:
            sides: dict[bool, Side] = {}
            for history in (True, False):
                folder = Path(name) / ("long" if history else "short")
                folder.mkdir()
                both = await stack.enter_async_context(stand_ins(SUNO, folder=folder, discord=DISCORD))
                sides[history] = await a_side(both, folder, Upload(source))
            await asyncio.to_thread(fill, sides[True].stand_ins.settings.database_path, jobs=JOBS, members=MEMBERS)
            pages = await _pages(sides)
            return [*_speed(pages), *await _cost(sides[False].stand_ins, sides[False].folder)]


async def _pages(sides: Mapping[bool, Side]) -> dict[bool, list[float]]:
    """Milliseconds for each page, without and with the history."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        urls: dict[int, str] = {}
        for side in sides.values():
            port = free_port()
            await stack.enter_async_context(_measured(side.stand_ins, side.folder, port))
            await side.stand_ins.discord.wait_for_commands("extend")
            urls[id(side)] = f"http://127.0.0.1:{port}/metrics"

        async def page(side: Side) -> float:
            began_at = time.perf_counter()
            async with http.get(urls[id(side)]) as answer:
                text = await answer.text()
            if "encore_database_up 1.0" not in text:
                raise AssertionError(text)
            return (time.perf_counter() - began_at) * 1000

        await asyncio.sleep(IDLE_SECONDS)
        await alternately(sides, WARM_UP, page)
        return await alternately(sides, ASKED, page)


def _speed(pages: Mapping[bool, list[float]]) -> list[Row]:
    beside = "the same without the history"
    what = f"GET /metrics with {JOBS:,} jobs"
    slow, reference = percentile(pages[True], 95), percentile(pages[False], 95)
    return [
        Row(
            what=what,
            measured=median(pages[True]),
            reference=median(pages[False]),
            unit="ms",
            beside=beside,
            goal=GOAL,
        ),
        Row(what=f"{what}, 95 of 100", measured=slow, reference=reference, unit="ms", beside=beside),
    ]


async def _cost(both: StandIns, folder: Path) -> list[Row]:
    """A start and an idle process with metrics, beside the same without."""
    starts: dict[bool, list[float]] = {True: [], False: []}
    megabytes: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * STARTS):
        has_metrics = number % 2 == 0
        port = free_port() if has_metrics else None
        async with _measured(both, folder, port) as connected:
            await asyncio.sleep(IDLE_SECONDS)
            starts[has_metrics].append(connected.seconds * 1000)
            megabytes[has_metrics].append(resident_megabytes(connected.pid))
    beside = "without metrics"
    return [
        Row(
            what="start with metrics",
            measured=median(starts[True]),
            reference=median(starts[False]),
            unit="ms",
            beside=beside,
        ),
        Row(
            what="idle memory with metrics",
            measured=median(megabytes[True]),
            reference=median(megabytes[False]),
            unit="MB",
            beside=beside,
        ),
    ]


@asynccontextmanager
async def _measured(both: StandIns, folder: Path, port: int | None) -> AsyncIterator[Connected]:
    """The bot, with metrics at this port if there is one."""
    environ = {} if port is None else {"METRICS_ADDR": str(port)}
    async with a_process(both, the_bot(), folder=folder, settings=None, **environ) as connected:
        yield connected
