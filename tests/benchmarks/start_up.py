"""How long the bot takes to start and how much memory it uses idle, compared with a bare discord.py client."""

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bot.sandbox.stand_ins import stand_ins
from bot.sandbox.suno import SunoOptions
from tests.benchmarks.contestants import a_process, bare, the_bot
from tests.benchmarks.rows import Goal, Row

ROUNDS = 9
IDLE_SECONDS = 3.0
"""discord.py calls its client ready two seconds after the last server arrived; then both are idle."""
SETTLE_SECONDS = 1.0
"""So that the first one's work after its READY does not slow the second one's start."""
BARE = "a bare discord.py client"
START_GOAL = Goal(at_most_ratio=1.2)
MEMORY_GOAL = Goal(at_most_ratio=1.3)


async def measure() -> list[Row]:
    """Start each in turn, then let both idle side by side; about 50 seconds."""
    seconds: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    megabytes: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with stand_ins(SunoOptions(), folder=folder) as both:
            both.discord.guild("Harbour Choir")
            real, reference = the_bot(), bare("bare_client.py", both.settings)
            # Once for nothing: the database is made, the commands are announced, the modules are compiled.
            async with a_process(both, real, folder=folder), a_process(both, reference, folder=folder):
                await both.discord.wait_for_commands("extend")
                await asyncio.sleep(IDLE_SECONDS)
            for number in range(ROUNDS):
                one, other = (real, reference) if number % 2 else (reference, real)
                async with a_process(both, one, folder=folder) as first:
                    await asyncio.sleep(SETTLE_SECONDS)
                    async with a_process(both, other, folder=folder) as second:
                        await asyncio.sleep(IDLE_SECONDS)
                        for who, connected in ((one, first), (other, second)):
                            seconds[who].append(connected.seconds)
                            megabytes[who].append(resident_megabytes(connected.pid))
    return [
        Row(
            what="start of the process to READY",
            measured=median(seconds[real]) * 1000,
            reference=median(seconds[reference]) * 1000,
            unit="ms",
            beside=BARE,
            goal=START_GOAL,
        ),
        Row(
            what="resident memory when idle",
            measured=median(megabytes[real]),
            reference=median(megabytes[reference]),
            unit="MB",
            beside=BARE,
            goal=MEMORY_GOAL,
        ),
    ]


def resident_megabytes(pid: int) -> float:
    """Linux reports it in units of 1024 bytes, which it calls kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1_000_000
