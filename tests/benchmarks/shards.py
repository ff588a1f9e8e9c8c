"""How much memory a shard takes: one process with many shards, compared with the same process with one."""

import asyncio
import tempfile
from pathlib import Path

from bot.sandbox.discord import DiscordOptions
from bot.sandbox.stand_ins import stand_ins
from bot.sandbox.suno import SunoOptions
from tests.benchmarks.contestants import a_process, the_bot
from tests.benchmarks.rows import Row
from tests.benchmarks.start_up import IDLE_SECONDS, resident_megabytes

MANY = 65
SERVERS = 1000


async def measure() -> list[Row]:
    """About half a minute."""
    one, many = [await _idle_megabytes(shards, servers=1) for shards in (1, MANY)]
    full = await _idle_megabytes(1, servers=SERVERS)
    return [
        Row(
            what=f"resident memory with {MANY} shards, idle, one server",
            measured=many,
            reference=one,
            unit="MB",
            beside="the same with one shard",
        ),
        Row(
            what=f"resident memory with one shard, idle, {SERVERS} servers",
            measured=full,
            reference=one,
            unit="MB",
            beside="the same with one server",
        ),
    ]


async def _idle_megabytes(shards: int, *, servers: int) -> float:
    options = DiscordOptions(max_concurrency=MANY)
    with tempfile.TemporaryDirectory() as name:
        async with stand_ins(SunoOptions(), folder=Path(name), discord=options) as both:
            for number in range(servers):
                guild = both.discord.guild(f"Choir {number}")
                for channel in ("songs", "talk", "news"):
                    guild.channel(channel)
            async with a_process(both, the_bot(), folder=Path(name), SHARDS=str(shards)) as bot:
                await both.discord.gateway.wait_ready(shards, timeout=60)
                await asyncio.sleep(2 * IDLE_SECONDS)
                return resident_megabytes(bot.pid)
