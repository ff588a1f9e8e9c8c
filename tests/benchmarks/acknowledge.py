"""How soon `/extend` is acknowledged and suggestions come with 50 jobs running, against a client that only defers."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from bot.sandbox.discord import Callback, Channel, DiscordOptions, Member, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import StandIns, stand_ins
from bot.sandbox.suno import FakeSuno, SunoOptions
from storage.storage import open_storage
from tests.benchmarks.contestants import a_process, bare, the_bot
from tests.benchmarks.rows import Goal, Row, percentile
from tests.support.storage_samples import a_delivered, a_job, a_track

JOBS = 50
ASKED = 60
EARLIER_JOBS = 500  # the asking member's, two tracks each
PAUSE_SECONDS = 0.5  # the provider takes two new requests per second
FIRST_SECONDS = 120.0
STAGES = ("text", "first", "complete")
DISCORD = DiscordOptions(rate_limits={}, requests_per_second=None, keep_attachment_bytes=False)
SUNO = SunoOptions(manual=True, audio=False, rate_limit=0, check_source=False)
BARE = "an idle discord.py client that only defers"


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds from the dispatch to the first answer."""

    command: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)
    track: list[float] = field(default_factory=list)


async def measure() -> list[Row]:
    """Measure the bot with its jobs, then the bare client on the same stand-ins; about 75 seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=8)
        async with stand_ins(SUNO, folder=folder, discord=DISCORD) as both:
            guild = both.discord.guild("Harbour Choir")
            asking = Asking(guild.channel("songs"), both.discord.member("Mia", guild=guild), Upload(source))
            await give_history(both.settings.database_path, asking.member.id)
            loaded = await under_load(both, asking, folder)
            bare_client = bare("bare_commands.py", both.settings)
            async with a_process(both, bare_client, folder=folder, settings=both.settings):
                at_rest = await asking.times(ASKED, pause_seconds=PAUSE_SECONDS / 10)
    return [
        *rows(f"/extend acknowledged, {JOBS} jobs running", loaded.command, at_rest.command, Goal(below=100)),
        *rows("suggestions for model", loaded.model, at_rest.model, Goal(below=20)),
        *rows(f"suggestions for track, of {2 * EARLIER_JOBS}", loaded.track, at_rest.track, Goal(below=20)),
    ]


def rows(what: str, measured: list[float], reference: list[float], goal: Goal) -> list[Row]:
    ways: list[tuple[str, Callable[[list[float]], float], Goal | None]] = [
        ("median", median, goal),
        ("95 of 100", lambda times: percentile(times, 95), None),
    ]
    return [
        Row(what=f"{what}: {way}", measured=of(measured), reference=of(reference), unit="ms", beside=BARE, goal=bound)
        for way, of, bound in ways
    ]


async def under_load(both: StandIns, asking: "Asking", folder: Path) -> Times:
    """With `JOBS` jobs at the provider all the time: for each new one, the oldest is called back and delivered."""
    settings = replace(both.settings, quota_per_day=100_000)
    often = {"POLL_AFTER_SECONDS": "5", "POLL_EVERY_SECONDS": "5"}
    async with a_process(both, the_bot(), folder=folder, settings=settings, **often):
        await both.discord.wait_for_commands("extend")
        for _ in range(JOBS):
            await asking.command()
        await both.suno.wait_for_submit(JOBS, timeout_seconds=FIRST_SECONDS)
        async with asyncio.TaskGroup() as group:
            group.create_task(finish_what_is_too_much(both.suno))
            return await asking.times(ASKED, pause_seconds=PAUSE_SECONDS)


async def finish_what_is_too_much(suno: FakeSuno) -> None:
    for number in range(1, ASKED + 1):
        await suno.wait_for_submit(JOBS + number, timeout_seconds=FIRST_SECONDS)
        oldest = next(task for task in suno.tasks.values() if not task.ended)
        for stage in STAGES:
            if await suno.finish(oldest.id, stage) != 200:
                raise AssertionError(f"the bot did not take the callback {stage!r}")


class Asking:
    """One member who uses `/extend` and types into two of its options."""

    def __init__(self, channel: Channel, member: Member, audio: Upload) -> None:
        self.member = member
        self._channel = channel
        self._audio = audio

    async def times(self, number: int, *, pause_seconds: float) -> Times:
        times = Times()
        for _ in range(number):
            times.command.append(await self.command())
            times.model.append(await self._suggestions("model", "V"))
            times.track.append(await self._suggestions("track", "Boats"))
            await asyncio.sleep(pause_seconds)
        return times

    async def command(self) -> float:
        invocation = await self.member.command(self._channel, "extend", audio=self._audio)
        began_at = time.perf_counter()  # the event waits in the gateway's queue until the next step
        answer = await invocation.acknowledged()
        took_seconds = time.perf_counter() - began_at
        if answer is not Callback.DEFERRED_MESSAGE:
            raise AssertionError(f"{invocation!r} was refused: {invocation.message}")
        return took_seconds * 1000

    async def _suggestions(self, option: str, typed: str) -> float:
        began_at = time.perf_counter()
        choices = await self.member.autocomplete(self._channel, "extend", focused=option, value=typed)
        took_seconds = time.perf_counter() - began_at
        if not choices:
            raise AssertionError(f"nothing was suggested for {option}")
        return took_seconds * 1000


async def give_history(database: Path, member_id: int) -> None:
    async with open_storage(database) as storage, storage.transaction() as work:
        for number in range(EARLIER_JOBS):
            job = a_job(member_id=member_id)
            await work.jobs.insert(job)
            tracks = (a_track(2 * number, title=f"Boats {number}"), a_track(2 * number + 1, title=f"Boats {number}"))
            await work.jobs.save(a_delivered(job, *tracks))
