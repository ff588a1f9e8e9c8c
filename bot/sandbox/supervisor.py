"""`encore cluster`: run a cluster against the stand-ins, and restart each process that ends."""

import asyncio
import signal
import tempfile
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bot import logs
from bot.roles import Role
from bot.sandbox.cluster import PAUSE_SECONDS, Cluster, ClusterError, Seat, Size, a_server_in_every_shard
from bot.sandbox.discord import DiscordOptions
from bot.sandbox.postgres import running_server
from bot.sandbox.stand_ins import API_KEY, TOKEN, stand_ins
from bot.sandbox.suno import SunoOptions

DATABASE = "postgres"

_tell = partial(print, flush=True)


async def keep_running(size: Size, *, shards: int) -> None:
    """Run the stand-ins, PostgreSQL and all processes until a signal.

    `shards`: how many the gateway processes share; Discord lets all of them begin at the same time.

    Raises:
        NoServer: no PostgreSQL is installed.
        ClusterError: see `Cluster`, or a process did not start.
    """
    logs.set_up(level="info", form="text", secrets=(API_KEY, TOKEN))
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    with tempfile.TemporaryDirectory(prefix="encore-cluster-") as name, running_server(durable=True) as server:
        discord = DiscordOptions(shards=shards, max_concurrency=shards)
        async with stand_ins(SunoOptions(time_scale=0.1), folder=Path(name), discord=discord) as both:
            settings = replace(both.settings, postgres_url=server.url_of(DATABASE), shards=shards)
            a_server_in_every_shard(both.discord, shards)
            _tell(f"PostgreSQL           psql '{settings.postgres_url}'")
            _tell(f"Discord's stand-in   {settings.discord_api_url}")
            _tell(f"music service        {settings.suno_api_url}")
            cluster = Cluster(settings, size, folder=Path(name))
            async with cluster.running():
                for seat in cluster.seats:
                    _tell(_in_words(seat))
                _tell(f"web, all             {settings.public_url}/readyz\nStop with Ctrl-C.")
                supervising = [asyncio.create_task(_supervise(cluster, seat)) for seat in cluster.seats]
                await asked.wait()
                for task in supervising:
                    task.cancel()
                await asyncio.gather(*supervising, return_exceptions=True)


async def _supervise(cluster: Cluster, seat: Seat) -> None:
    """Pass on what its process prints, and start another one whenever it ends."""
    while True:
        if seat.bot is not None:
            seat.bot.hear = lambda line: _tell(f"{seat.name} | {line}")
            status = await seat.bot.process.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            _tell(f"{seat.name} ended with status {status}; starting it again")
            await cluster.stop(seat)
        try:
            await cluster.start(seat)
        except ClusterError as error:
            _tell(str(error))
            await cluster.stop(seat, by=signal.SIGKILL)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            _tell(_in_words(seat))


def _in_words(seat: Seat) -> str:
    process = f"process {seat.bot.process.pid}" if seat.bot is not None else "not running"
    where = f"   http://127.0.0.1:{seat.port}/readyz" if seat.role is Role.WEB else ""
    return f"{seat.name:<21}{process}{where}"
