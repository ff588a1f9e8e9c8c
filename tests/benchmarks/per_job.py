"""What one job costs the bot, on both engines, and how many a process carries.

The provider's rate is left out (`tests.benchmarks.unpaced`). The processes that read and join audio are counted apart.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bot.sandbox.discord import Callback, Channel, DiscordOptions, Guild, Member, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import StandIns, stand_ins
from bot.sandbox.suno import SunoOptions
from bot.settings import Settings
from tests.benchmarks.rows import Goal, Row, table
from tests.benchmarks.unpaced import VARIABLE
from tests.end_to_end.town import ends
from tests.support.audio_processes import children
from tests.support.postgres_server import NoServer, running_server
from tests.support.process import BotProcess, bot_process, environ_of, said

JOBS = 120
WARM_UP_JOBS = 8
MEMBERS = 12
AT_ONCE = 40  # commands that wait for their acknowledgement
PATIENCE_SECONDS = 600.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
DISCORD = DiscordOptions(rate_limits={}, requests_per_second=None, keep_attachment_bytes=False)
# The provider's own pace: each job shows all its stages and is polled, as in real life.
STAGED = SunoOptions(audio=False, rate_limit=0, check_source=False, credits=1e9)
AT_ONCE_FINISHED = SunoOptions(time_scale=0.002, audio=False, rate_limit=0, check_source=False, credits=1e9)
WHOLE = ("gateway,web,workers",)
APART = ("gateway", "web", "workers")
READY = {"gateway": "ready as", "web": "listening on port", "workers": "credits left"}
OWN_TOKEN_FREE = ("/webhooks/", "/interactions/")
"""Requests to these do not count for the 50 a second (docs/discord.md 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """`cpu_ms` and `transactions`: for each job, by process."""

    cpu_ms: tuple[float, ...]
    audio_cpu_ms: float
    stand_ins_cpu_ms: float
    transactions: float
    discord_requests: float  # for each job, of those that Discord counts together
    stored_bytes: float
    acknowledged_per_second: float
    jobs_per_second: float


async def measure() -> list[Row]:
    """A quarter of an hour; without PostgreSQL half of that, for the rows of SQLite alone."""
    file = await measured(WHOLE, STAGED)
    rows = _rows_on_sqlite(file)
    try:
        with running_server(durable=True) as server:
            whole = await measured(WHOLE, STAGED, postgres=await _database(server.url_of, "whole"))
            apart = await measured(APART, AT_ONCE_FINISHED, postgres=await _database(server.url_of, "apart"))
    except NoServer as error:
        print(f"per_job: {error}", file=sys.stderr)
        return rows
    cpu_ms = dict(zip(APART, apart.cpu_ms, strict=True))
    rows += [
        _cpu("PostgreSQL", whole, beside="on SQLite", reference=file.cpu_ms[0], goal=40),
        Row(
            what="writing transactions for a job on PostgreSQL",
            measured=whole.transactions,
            reference=file.transactions,
            unit="",
            beside="on SQLite",
        ),
        Row(
            what="stored for a job on PostgreSQL",
            measured=whole.stored_bytes / 1000,
            reference=file.stored_bytes / 1000,
            unit="kB",
            beside="on SQLite",
        ),
        *(
            Row(
                what=f"the {role} process's CPU for a job",
                measured=cpu_ms[role],
                reference=whole.cpu_ms[0],
                unit="ms",
                beside="one process with all roles",
            )
            for role in APART
        ),
        Row(
            what="jobs through one workers process",
            measured=apart.jobs_per_second,
            reference=1000 / cpu_ms["workers"],
            unit="/s",
            beside="as its CPU allows",
        ),
        Row(
            what="commands acknowledged by one gateway process",
            measured=apart.acknowledged_per_second,
            reference=1000 / cpu_ms["gateway"],
            unit="/s",
            beside="as its CPU allows",
        ),
    ]
    return rows


def _rows_on_sqlite(file: Measured) -> list[Row]:
    return [
        _cpu("SQLite", file, beside="the stand-ins", reference=file.stand_ins_cpu_ms, goal=30),
        Row(
            what="writing transactions for a job on SQLite",
            measured=file.transactions,
            reference=1,
            unit="",
            beside="the one that stores it",
        ),
        Row(
            what="the audio processes' CPU for a job",
            measured=file.audio_cpu_ms,
            reference=file.cpu_ms[0],
            unit="ms",
            beside="the bot's own on SQLite",
        ),
        Row(
            what="Discord's counted requests for a job",
            measured=file.discord_requests,
            reference=2,
            unit="",
            beside="one message to say it is under way and one with the music",
        ),
    ]


def _cpu(engine: str, measured: Measured, *, beside: str, reference: float, goal: float) -> Row:
    return Row(
        what=f"the bot's CPU for a job on {engine}",
        measured=measured.cpu_ms[0],
        reference=reference,
        unit="ms",
        beside=beside,
        goal=Goal(below=goal),
    )


async def measured(roles: Sequence[str], suno: SunoOptions, *, postgres: str = "") -> Measured:
    """Run `JOBS` jobs through processes with these roles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=8)
        async with stand_ins(suno, folder=folder, discord=DISCORD) as both:
            guild = both.discord.guild("Harbour Choir")
            members = [both.discord.member(f"Member {number}", guild=guild) for number in range(MEMBERS)]
            crowd = Crowd(guild, members, Upload(source))
            async with _processes(both, roles, folder, postgres) as bots:
                await both.discord.wait_for_commands("extend")
                await crowd.jobs(WARM_UP_JOBS)
                size = partial(size_on_postgres, postgres) if postgres else partial(size_of_file, both.settings)
                return await _watched(both, bots, crowd, folder, size)


async def _watched(
    both: StandIns,
    bots: Sequence[BotProcess],
    crowd: "Crowd",
    folder: Path,
    stored_bytes: Callable[[], Awaitable[int]],
) -> Measured:
    bytes_before = await stored_bytes()
    before = [cpu_seconds(bot.process.pid) for bot in bots]
    audio_before = sum(audio_seconds_of(bot.process.pid) for bot in bots)
    own_before, requests_before = time.process_time(), len(both.discord.requests)
    acknowledged_seconds, all_seconds = await crowd.jobs(JOBS)
    own_seconds = time.process_time() - own_before
    spent = [cpu_seconds(bot.process.pid) - at for bot, at in zip(bots, before, strict=True)]
    audio_seconds = sum(audio_seconds_of(bot.process.pid) for bot in bots) - audio_before
    counted = [
        each
        for each in list(both.discord.requests)[requests_before:]
        if each.template is not None and not each.template.startswith(OWN_TOKEN_FREE)
    ]
    grown_bytes = await stored_bytes() - bytes_before
    for bot in bots:
        await bot.end()
    transactions = sum(int(path.read_text()) for path in folder.glob("counted-*"))
    return Measured(
        cpu_ms=tuple(seconds / JOBS * 1000 for seconds in spent),
        audio_cpu_ms=audio_seconds / JOBS * 1000,
        stand_ins_cpu_ms=own_seconds / JOBS * 1000,
        transactions=transactions / (JOBS + WARM_UP_JOBS),
        discord_requests=len(counted) / JOBS,
        stored_bytes=grown_bytes / JOBS,
        acknowledged_per_second=JOBS / acknowledged_seconds,
        jobs_per_second=JOBS / all_seconds,
    )


@asynccontextmanager
async def _processes(
    both: StandIns, roles: Sequence[str], folder: Path, postgres: str
) -> AsyncIterator[list[BotProcess]]:
    settings = replace(both.settings, quota_per_day=100_000, open_commands_per_member=1000, postgres_url=postgres)
    async with AsyncExitStack() as stack:
        bots = []
        for number, only in enumerate(roles):
            environ = environ_of(settings, **{VARIABLE: str(folder / f"counted-{number}")})
            bot = await stack.enter_async_context(
                bot_process(environ, "run", "--only", only, folder=folder, module="tests.benchmarks.unpaced")
            )
            for role in only.split(","):
                await said(bot, READY[role])
            bots.append(bot)
        yield bots


class Crowd:
    """Members who use `/extend`, each time in another channel: one channel takes only about a post a second."""

    def __init__(self, guild: Guild, members: Sequence[Member], audio: Upload) -> None:
        self._guild = guild
        self._members = members
        self._audio = audio
        self._commands = 0

    async def jobs(self, number: int) -> tuple[float, float]:
        """Give as many commands; the seconds until all are acknowledged, and until all music is posted."""
        begun_at = time.perf_counter()
        free = asyncio.Semaphore(AT_ONCE)
        channels = [self._guild.channel(f"songs-{self._commands + each}") for each in range(number)]
        self._commands += number
        async with asyncio.TaskGroup() as group:
            for each, channel in enumerate(channels):
                group.create_task(self._command(self._members[each % MEMBERS], channel, free))
        acknowledged_at = time.perf_counter()
        for channel in channels:
            await channel.wait_until(lambda here: bool(ends(here)), timeout=PATIENCE_SECONDS)
        return acknowledged_at - begun_at, time.perf_counter() - begun_at

    async def _command(self, member: Member, channel: Channel, free: asyncio.Semaphore) -> None:
        async with free:
            invocation = await member.command(
                channel, "extend", audio=self._audio, style="folk", title="Boats", prompt="la"
            )
            if await invocation.acknowledged() is not Callback.DEFERRED_MESSAGE:
                raise AssertionError(f"{invocation!r} was refused: {invocation.message}")


def cpu_seconds(pid: int) -> float:
    """What the process itself has used, without its children (utime and stime of proc(5))."""
    return _seconds_in(pid, 11, 12)


def audio_seconds_of(pid: int) -> float:
    """What a bot's fork servers have used, and their forks (cutime and cstime of proc(5): those that have ended)."""
    return _seconds_in(pid, 13, 14) + sum(_seconds_in(server, 11, 12, 13, 14) for server in children(pid))


def _seconds_in(pid: int, *fields: int) -> float:
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(values[field]) for field in fields) / TICKS_PER_SECOND


async def size_of_file(settings: Settings) -> int:
    """The pages in use, those in the write-ahead log included."""
    with closing(sqlite3.connect(settings.database_path)) as file:
        (pages,), (page_bytes,) = (file.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages * page_bytes)


async def size_on_postgres(url: str) -> int:
    import asyncpg  # noqa: PLC0415  # only where there is a server

    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


async def _database(url_of: Callable[[str], str], name: str) -> str:
    import asyncpg  # noqa: PLC0415  # only where there is a server

    admin = await asyncpg.connect(url_of("postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    await admin.close()
    return url_of(name)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
