"""Many jobs are called back as complete at once: the outcome of each, and the cost to the bot.

The callbacks come from a separate process (`python -m tests.faults.burst --send`): the stand-ins are busy serving and
receiving tracks, and would open their connections one after the other.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bot.domain.jobs import JobState
from bot.domain.pace import REQUESTS_PER_WINDOW, WINDOW_SECONDS
from bot.sandbox.discord import Callback, Channel, DiscordOptions, Member, Upload
from bot.sandbox.suno import Stage, SunoOptions
from bot.sandbox.suno.envelopes import Json, Links
from bot.sandbox.suno.tasks import stage_callback
from bot.scratch import PREFIX
from storage.storage import open_storage
from tests.end_to_end.town import Town, a_town, ends, eventually
from tests.faults.killing import Balance, connected, count, settled
from tests.support.process import ROOT, BotProcess, bot_process, environ_of

DISCORD = DiscordOptions(rate_limits={}, requests_per_second=None, keep_attachment_bytes=False)
SUNO = SunoOptions(manual=True, audio=False, rate_limit=0, check_source=False)
NEVER_POLLED = {
    "POLL_AFTER_SECONDS": "86400",
    "POLL_EVERY_SECONDS": "86400",
    "OVERDUE_AFTER_SECONDS": "86401",
    "GIVE_UP_AFTER_SECONDS": "86402",
}
MEMBERS = ("Ben", "Cem", "Dora", "Edda")
TRACKS = 2
ANSWER_SECONDS = 15.0  # as long as the provider waits for an answer
ANSWER_BYTES = 65_536
DELIVERY_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers to simultaneous requests, in order; `seconds` run from each connection to its answer.

    `began_at` is by the machine's monotonic clock, which all processes share.
    """

    began_at: float
    statuses: list[int]
    seconds: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """`growth_bytes`: how far the bot's peak resident memory exceeded its level just before."""

    callbacks: list[Json]
    answers: Answers
    posted_seconds: float  # from the first callback to the last post
    growth_bytes: int
    in_flight: int  # the most jobs with tracks on the bot's disk at the same time
    children_ran: bool  # processes whose memory is not counted
    files: list[int]  # per post
    balance: Balance

    @property
    def is_whole(self) -> bool:
        """Every callback taken, every job posted once with all its tracks, every unit spent."""
        return (
            self.answers.statuses == [200] * self.balance.jobs
            and self.files == [TRACKS] * self.balance.jobs
            and self.balance.is_whole
        )


@asynccontextmanager
async def a_town_with_tracks(folder: Path, source: Path, *, track_bytes: int) -> AsyncIterator[Town]:
    async with a_town(folder, source, replace(SUNO, audio_bytes=track_bytes), DISCORD) as town:
        town.settings = msgspec.structs.replace(town.settings, quota_per_day=100_000)
        town.suno.script("no-callbacks")
        yield town


async def burst(town: Town, folder: Path, *, jobs: int) -> Burst:
    """Run `jobs` of several members and call them back at once; returns when all are settled."""
    environ = environ_of(town.settings, **NEVER_POLLED)
    async with bot_process(environ, "run", folder=folder) as bot:
        try:
            await connected(town, 1)
            await begin(town, jobs)
            return await call_back(town, bot, folder)
        except Exception as error:
            error.add_note("\n".join(bot.said))
            raise


async def begin(town: Town, jobs: int) -> None:
    """Start jobs until this many run, giving at once as many commands as the provider takes in one window."""
    members = [town.mia, *(town.discord.member(name, guild=town.guild) for name in MEMBERS)]
    for first in range(0, jobs, REQUESTS_PER_WINDOW):
        numbers = range(first, min(first + REQUESTS_PER_WINDOW, jobs))
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(command(town, members[number % len(members)]))
        await town.suno.wait_for_submit(numbers.stop, timeout_seconds=3 * WINDOW_SECONDS)
    async with open_storage(town.settings.database_path) as storage:

        async def all_run() -> bool:
            live = await storage.reading.jobs.live()
            return len(live) == jobs and all(job.state is JobState.RUNNING for job in live)

        await eventually(all_run)


async def command(town: Town, member: Member) -> None:
    options = {"style": "folk", "title": "Boats", "prompt": "la"}
    invocation = await member.command(town.songs, "extend", audio=Upload(town.source), **options)
    if await invocation.acknowledged() is not Callback.DEFERRED_MESSAGE:
        raise AssertionError(f"{invocation!r} was refused: {invocation.message}")


async def call_back(town: Town, bot: BotProcess, disk: Path) -> Burst:
    tasks = list(town.suno.tasks.values())
    for task in tasks:
        await town.suno.finish(task.id)  # its tracks can be fetched, but nothing is sent
    links = Links(base=town.suno.api_url)
    callbacks = [stage_callback(task, Stage.COMPLETE, links).body for task in tasks]
    paths = [urlsplit(task.callback_url).path for task in tasks]
    pid = bot.process.pid
    held_bytes, children_ticks = forget_peak(pid), ticks_of_children(pid)
    async with asyncio.TaskGroup() as group:
        answering = group.create_task(post_at_once(town.settings.web_port, paths, callbacks))
        posting = group.create_task(all_posted(town, disk, jobs=len(tasks)))
    answers, (in_flight, posted_at) = answering.result(), posting.result()
    await settled(town, jobs=len(tasks))
    return Burst(
        callbacks=callbacks,
        answers=answers,
        posted_seconds=posted_at - answers.began_at,
        growth_bytes=resident_bytes(pid, "VmHWM") - held_bytes,
        in_flight=in_flight,
        children_ran=ticks_of_children(pid) > children_ticks,
        files=[len(message.attachments) for message in ends(town.songs)],
        balance=await count(town),
    )


async def all_posted(town: Town, disk: Path, *, jobs: int) -> tuple[int, float]:
    """Wait until every job's end is posted; the most jobs that had tracks on `disk`, and the monotonic time.

    The disk is checked at each request to Discord.
    """
    in_flight = 0

    def look(here: Channel) -> bool:
        nonlocal in_flight
        in_flight = max(in_flight, sum(1 for _ in disk.glob(f"{PREFIX}*/tracks-*")))
        return len(ends(here)) >= jobs

    await town.songs.wait_until(look, timeout=DELIVERY_SECONDS)
    return in_flight, time.monotonic()


def forget_peak(pid: int) -> int:
    """Reset the process's memory peak; returns the bytes resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return resident_bytes(pid, "VmRSS")


def resident_bytes(pid: int, field: str) -> int:
    """VmRSS: now; VmHWM: the peak. Linux reports both in units of 1024 bytes, which it calls kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def ticks_of_children(pid: int) -> int:
    """The CPU time of the process's ended children, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[13]) + int(fields[14])  # cutime and cstime, the 16th and 17th of proc(5)


async def post_at_once(port: int, paths: Sequence[str], bodies: Sequence[Json]) -> Answers:
    """Post each body to its path on local port `port`, all at once, each over its own connection."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.burst", "--send"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    requests = [request(path, json.dumps(body)) for path, body in zip(paths, bodies, strict=True)]
    told, _ = await process.communicate(json.dumps({"port": port, "requests": requests}).encode())
    if process.returncode != 0:
        raise AssertionError("the sender failed, see above")
    return Answers(**json.loads(told))


def request(path: str, body: str) -> str:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


async def send(port: int, requests: Sequence[str]) -> Answers:
    """Open all connections before the first one is established."""
    began_at = time.monotonic()
    async with asyncio.timeout(ANSWER_SECONDS):
        answered = await asyncio.gather(*(exchange(port, each.encode()) for each in requests))
    return Answers(
        began_at=began_at, statuses=[status for status, _ in answered], seconds=[seconds for _, seconds in answered]
    )


async def exchange(port: int, sent: bytes) -> tuple[int, float]:
    """The answer's status, and the seconds until its first bytes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        began_at = time.monotonic()
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, sent)
        answer = await loop.sock_recv(connection, ANSWER_BYTES)
        seconds = time.monotonic() - began_at
    return int(answer.split()[1]), seconds


if __name__ == "__main__":
    if sys.argv[1:] != ["--send"]:
        sys.exit("usage: python -m tests.faults.burst --send; `make bench` and the tests call it")
    words = json.load(sys.stdin)
    print(json.dumps(asdict(asyncio.run(send(words["port"], words["requests"])))))
