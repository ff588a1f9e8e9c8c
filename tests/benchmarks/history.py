"""What a history of 1,000,000 jobs costs each command, compared with a bot that has only its member's jobs.

`python -m tests.benchmarks history`; filling the database takes most of the time, and a few gigabytes of disk.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from bot.sandbox.discord import Callback, Channel, DiscordOptions, Invocation, Member, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import StandIns, stand_ins
from bot.sandbox.suno import SunoOptions
from storage.storage import open_storage
from tests.benchmarks.contestants import Connected, a_process, the_bot
from tests.benchmarks.rows import Goal, Row
from tests.support.storage_samples import a_delivered, a_job, a_track

JOBS = 1_000_000
MEMBERS = 20_000
OWN_JOBS = 50  # of the member who asks, two tracks each
CALLBACKS = 3  # of each job
ASKED = 120
WARM_UP = 10
STARTS = 5
DISCORD = DiscordOptions(rate_limits={}, requests_per_second=None, keep_attachment_bytes=False)
SUNO = SunoOptions(manual=True, audio=False, rate_limit=0, check_source=False)
BESIDE = "the same without the history"
GOAL = Goal(at_most_ratio=1.1)

NUMBERS = "WITH RECURSIVE numbers(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :jobs)"
ID = "printf('%08x%024x', (n * 2654435761) & 4294967295, n)"  # spread like random ids
AGO = "(86400000 - n * 86400000 / :jobs)"  # milliseconds: over the last day
COPIES: Mapping[str, Mapping[str, str]] = {
    "job": {
        "id": ID,
        "turn": "0",
        "seat": "0",
        "interaction_id": "100000000000000000 + n",
        "member_id": "500000000000000000 + n % :members",
        "callback_token": "printf('%043d', n)",
        "task_id": "printf('task-%d', n)",
        **{
            name: f"{name} - {AGO}"
            for name in (
                "received_ms",
                "accepted_ms",
                "submitted_ms",
                "heard_ms",
                "finished_ms",
                "ended_ms",
                "notified_ms",
            )
        },
    },
    "track": {"job_id": ID, "track_id": "printf('%s-%d', track_id, n)"},
    "quota_unit": {"job_id": ID, "member_id": "500000000000000000 + n % :members"},
    "callback": {"id": f"1000 + n * {CALLBACKS} + callback.id", "job_id": ID},
    "intake": {"interaction_id": "100000000000000000 + n"},
}
"""What differs between the copies of the template, by table and column; `n` counts them."""


async def measure() -> list[Row]:
    """Measure two bots on two databases, with one member who asks both in turns; about five minutes."""
    with tempfile.TemporaryDirectory(prefix="encore-history-") as name:
        folders = {history: Path(name) / ("long" if history else "short") for history in (True, False)}
        source = Path(name) / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=4)
        async with AsyncExitStack() as stack:
            sides: dict[bool, Side] = {}
            for history, folder in folders.items():
                folder.mkdir()
                both = await stack.enter_async_context(stand_ins(SUNO, folder=folder, discord=DISCORD))
                sides[history] = await a_side(both, folder, Upload(source))
            await asyncio.to_thread(fill, sides[True].stand_ins.settings.database_path, jobs=JOBS, members=MEMBERS)
            starts = await alternately(sides, STARTS, lambda side: side.start())
            for side in sides.values():
                await stack.enter_async_context(side.running())
                await side.stand_ins.discord.wait_for_commands("extend")
            rows = [row("start of the process to READY", starts)]
            for what, ask in ASKING.items():
                await alternately(sides, WARM_UP, ask)
                rows.append(row(f"{what}, with {JOBS:,} jobs", await alternately(sides, ASKED, ask)))
    return rows


def row(what: str, milliseconds: Mapping[bool, list[float]]) -> Row:
    measured, reference = median(milliseconds[True]), median(milliseconds[False])
    return Row(what=what, measured=measured, reference=reference, unit="ms", beside=BESIDE, goal=GOAL)


async def alternately(
    sides: Mapping[bool, "Side"], times: int, ask: Callable[["Side"], Awaitable[float]]
) -> dict[bool, list[float]]:
    """Milliseconds of each side, asked in turns; they take turns going first."""
    milliseconds: defaultdict[bool, list[float]] = defaultdict(list)
    for number in range(times):
        for history in (True, False) if number % 2 else (False, True):
            milliseconds[history].append(await ask(sides[history]))
    return milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One bot with its stand-ins and its database; `member` asks it in `channel`."""

    stand_ins: StandIns
    folder: Path
    channel: Channel
    member: Member
    audio: Upload

    def running(self) -> AbstractAsyncContextManager[Connected]:
        settings = replace(self.stand_ins.settings, quota_per_day=100_000)
        return a_process(self.stand_ins, the_bot(), folder=self.folder, settings=settings)

    async def start(self) -> float:
        async with self.running() as connected:
            return connected.seconds * 1000

    async def command(self, name: str, until: Callable[[Invocation], Awaitable[object]], **options: object) -> float:
        invocation = await self.member.command(self.channel, name, **options)
        began_at = time.perf_counter()
        await until(invocation)
        return (time.perf_counter() - began_at) * 1000

    async def suggestions(self, name: str, option: str, typed: str) -> float:
        began_at = time.perf_counter()
        await self.member.autocomplete(self.channel, name, focused=option, value=typed)
        return (time.perf_counter() - began_at) * 1000

    async def extend(self, until: Callable[[Invocation], Awaitable[object]]) -> float:
        return await self.command("extend", until, audio=self.audio)


async def acknowledged(invocation: Invocation) -> None:
    if await invocation.acknowledged() is not Callback.DEFERRED_MESSAGE:
        raise AssertionError(f"{invocation!r} was refused: {invocation.message}")


def answered(words: str) -> Callable[[Invocation], Awaitable[object]]:
    async def wait(invocation: Invocation) -> None:
        await invocation.wait_until(lambda message: words in message.content, timeout=30)

    return wait


ASKING: Mapping[str, Callable[[Side], Awaitable[float]]] = {
    "/quota answered": lambda side: side.command("quota", answered("left")),
    "/jobs answered": lambda side: side.command("jobs", answered("**")),
    "/cancel of an unknown job": lambda side: side.command("cancel", answered("no job"), job="ffffffff"),
    "suggestions for model": lambda side: side.suggestions("extend", "model", "V"),
    "suggestions for track": lambda side: side.suggestions("extend", "track", "Boats"),
    "suggestions for job": lambda side: side.suggestions("cancel", "job", ""),
    # Last, because accepted jobs are still submitted and shown while others are measured.
    "/extend acknowledged": lambda side: side.extend(acknowledged),
    "/extend accepted": lambda side: side.extend(answered("Got it")),
}


async def a_side(both: StandIns, folder: Path, audio: Upload) -> Side:
    guild = both.discord.guild("Harbour Choir")
    side = Side(
        stand_ins=both,
        folder=folder,
        channel=guild.channel("songs"),
        member=both.discord.member("Mia", guild=guild),
        audio=audio,
    )
    day_ago = datetime.now(UTC) - timedelta(days=1)
    async with open_storage(both.settings.database_path) as storage, storage.transaction() as work:
        for number in range(OWN_JOBS):
            job = a_job(member_id=side.member.id, accepted_at=day_ago)
            await work.jobs.insert(job)
            await work.jobs.save(
                a_delivered(job, *(a_track(2 * number + n, title=f"Boats {number}") for n in range(2)))
            )
    return side


def fill(path: Path, *, jobs: int, members: int) -> None:
    """Copy one delivered job, with all that belongs to it, `jobs` times; the indexes stay in place meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        template = connection.execute("SELECT id FROM job WHERE state = 'delivered' LIMIT 1").fetchone()["id"]
        complete(connection, template)
        connection.execute("BEGIN IMMEDIATE")
        for table, changes in COPIES.items():
            columns = [each["name"] for each in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changes.get(column, f"{table}.{column}") for column in columns)
            of = "id" if table == "job" else "job_id"
            condition = f"{table}.{of} = :template" if of in columns else "interaction_id = -1"
            connection.execute(
                f"{NUMBERS} INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608  # names of our own tables
                f" SELECT {values} FROM {table} CROSS JOIN numbers WHERE {condition}",
                {"jobs": jobs, "members": members, "template": template},
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA optimize")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        counted = connection.execute("SELECT count(*) FROM job").fetchone()[0]
    if counted != jobs + OWN_JOBS:
        raise AssertionError(f"{counted} jobs instead of {jobs + OWN_JOBS}")


def complete(connection: sqlite3.Connection, template: str) -> None:
    """Add to the template what a delivered job leaves behind: its unit of quota, its callbacks, its command."""
    today = datetime.now(UTC).date().isoformat()
    connection.execute(
        "INSERT INTO quota_unit VALUES (?, 1, 200, ?, 0, 'spent', 0)",
        (template, today),
    )
    for number in range(CALLBACKS):
        digest = bytes([number]) * 32
        connection.execute("INSERT INTO callback VALUES (?, ?, ?, 0)", (number, template, digest))
    connection.execute("INSERT INTO intake (interaction_id) VALUES (-1)")
