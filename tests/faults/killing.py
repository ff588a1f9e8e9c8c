"""Kill the bot where it hurts, restart it on the same database, and count the outcomes of the jobs."""

import asyncio
import random
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.quota import quota_day
from bot.fault_points import POINTS, STOP, hold
from bot.sandbox.discord import Channel, DiscordOptions, Invocation, Member, Message, Upload
from bot.sandbox.suno import SunoOptions
from bot.scratch import PREFIX
from storage.storage import SqlStorage
from tests.end_to_end.town import Town, a_town, eventually
from tests.faults import turned_clock
from tests.faults.deeds import Deeds, is_of_deeds, is_written_down_first
from tests.support.database import open_storage
from tests.support.process import BotProcess, bot_process, environ_of

SUNO = SunoOptions(
    # Starting takes long compared with a task here, so callbacks are repeated more often than by the provider.
    time_scale=0.003,
    audio=False,
    rate_limit=0,
    retry_after_seconds=(60, 120, 300, *[600] * 100),  # for three minutes in all
)
DISCORD = DiscordOptions(rate_limits={}, requests_per_second=None)
LEASE_SECONDS = 1.0
KILLED = -9
STOPPED_EARLY = -15
"""By a signal that came before the bot was ready to end in good order."""
UNANSWERED = "while a submit is under way"
"""Not a point in the code: the provider has the request but has not answered."""
SETTLE_SECONDS = 60.0
MARK = re.compile(r"^-# Encore · (\w+)$", re.MULTILINE)
"""The mark on each message about a job's end."""
INSTEAD = "I couldn't answer your command in"
"""How a direct message begins that takes the place of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Counts that must all be zero.

    `lost`: jobs without their post, commands without an answer; `doubled`: posts, submissions and progress messages
    too many; `ledger_difference`: units that do not add up.
    """

    jobs: int
    lost: int
    doubled: int
    ledger_difference: int

    @property
    def is_whole(self) -> bool:
        return not (self.lost or self.doubled or self.ledger_difference)


@asynccontextmanager
async def a_town_to_kill_in(folder: Path, source: Path, discord: DiscordOptions = DISCORD) -> AsyncIterator[Town]:
    async with a_town(folder, source, SUNO, discord) as town:
        town.settings = replace(town.settings, quota_per_day=100_000)
        yield town


@asynccontextmanager
async def a_bot(town: Town, folder: Path, *, fault: str = "", clock: Path | None = None) -> AsyncIterator[BotProcess]:
    """The bot; with `clock`, on a clock that `turned_clock.turn` turns through that file."""
    environ = environ_of(
        town.settings,
        LEASE_SECONDS=str(LEASE_SECONDS),
        POLL_AFTER_SECONDS="1",
        POLL_EVERY_SECONDS="1",
        **({"ENCORE_FAULT": fault} if fault else {}),
        **({turned_clock.VARIABLE: str(clock)} if clock else {}),
    )
    module = turned_clock.__name__ if clock else "bot"
    async with bot_process(environ, "run", folder=folder, module=module) as bot:
        yield bot


async def connected(town: Town, sessions: int) -> None:
    """Wait until the bot has identified this many times and its commands are announced."""
    await town.discord.gateway.wait_identified(sessions, timeout=30)
    await town.discord.wait_for_commands("extend", timeout=30)


async def killed_at(point: str, town: Town, folder: Path, *, stopped: bool = False) -> list[str]:
    """One `/extend` whose process is killed at `point`, or `stopped` as by a service manager, and finished by a second
    process; returns what its member read.
    """
    if point == UNANSWERED:
        town.suno.next_submit("hold 1 started")
    fault = f"{STOP if stopped else ''}{point}" if point in POINTS else ""
    async with a_bot(town, folder, fault=fault) as bot:
        if point != "inside a migration":
            await connected(town, 1)
            invocation = await town.extend(style="folk", title="Boats", prompt="la")
        if point == UNANSWERED:
            await town.suno.wait_for_submit()
            bot.process.send_signal(signal.SIGTERM if stopped else signal.SIGKILL)
        status = KILLED if not stopped else STOPPED_EARLY if point == "inside a migration" else 0
        assert await bot.exit_status() == status, "\n".join(bot.said)
    async with a_bot(town, folder):
        await connected(town, 1 if point == "inside a migration" else 2)
        if point == "inside a migration":
            invocation = await town.extend(style="folk", title="Boats", prompt="la")
        await settled(town, jobs=0 if point == "after the command is written down" and not stopped else 1)
        check_swept(town)
    answers = [version.content for version in invocation.message.versions] if invocation.message else []
    return [*answers, *(version.content for message in town.songs.messages for version in message.versions)]


async def killed_beside_jobs(point: str, town: Town, folder: Path, *, stopped: bool = False) -> Deeds:
    """As `killed_at`, in the middle of a whole song or of lyrics that Mia has asked for."""
    deeds = Deeds(town, random.Random(1), town.songs.thread("relay"))
    deed = deeds.whole_song if "song" in point else deeds.lyrics
    async with a_bot(town, folder, fault=f"{STOP if stopped else ''}{point}") as bot:
        await connected(town, 1)
        await deeds.begin()
        await deed(town.mia, town.songs)
        assert await bot.exit_status() == (0 if stopped else KILLED), "\n".join(bot.said)
    if point == "before lyrics are ordered":
        await a_day_passes(town, deeds)
    async with a_bot(town, folder):
        await connected(town, 2)
        await settled(town, jobs=2, deeds=deeds)
        check_swept(town)
    return deeds


async def stopped_at(point: str, town: Town) -> None:
    """As `killed_at`, but a bot in this process is asked to stop while it is at `point`."""
    start = partial(town.start, poll_after_seconds=1.0, poll_every_seconds=1.0)
    await start()
    async with hold(point) as there:
        await town.extend(style="folk", title="Boats", prompt="la")
        await there.reached()
        stopping = asyncio.create_task(town.stop())
        there.release()
        await stopping
    await start()
    await settled(town, jobs=1)


def check_swept(town: Town) -> None:
    """The running bot has only its own folder on disk, whatever the killed ones left there."""
    folders = [path.name for path in town.settings.database_path.parent.glob(f"{PREFIX}*")]
    assert len(folders) == 1, folders


async def settled(town: Town, *, jobs: int, seconds: float = SETTLE_SECONDS, deeds: Deeds | None = None) -> None:
    """Wait until no job, command or deed is open and every end is posted and shown in its progress message."""
    async with open_storage(town.settings.database_path) as storage:

        async def quiet() -> bool:
            reading = storage.reading
            return (
                await reading.progress.next_due() is None
                and await reading.intakes.next_due() is None
                and await reading.jobs.next_due([JobState.FAILED, JobState.FINISHED]) is None
                and not await reading.jobs.live()
                and len(await jobs_in(storage, town)) >= jobs
                and (deeds is None or await deeds.are_over(storage))
            )

        try:
            await eventually(quiet, seconds=seconds, every_seconds=0.05)
        except TimeoutError as error:
            error.add_note("\n".join(map(str, await storage.reading.jobs.live())))
            reading = storage.reading
            error.add_note(
                f"commands due {await reading.intakes.next_due()}, messages {await reading.progress.next_due()}"
            )
            raise


async def extend_times(town: Town, times: int) -> None:
    """Mia uses `/extend` so often, each time once the last one is acknowledged."""
    for number in range(1, times + 1):
        await (await town.extend(style="folk", title=f"Boats {number}", prompt="la")).acknowledged()


async def all_are_submitted(town: Town, number: int) -> bool:
    jobs = await all_jobs(town)
    return len(jobs) == number and all(job.task_id for job in jobs)


async def all_jobs(town: Town) -> list[Job]:
    async with open_storage(town.settings.database_path) as storage:
        return await jobs_in(storage, town)


async def jobs_in(storage: SqlStorage, town: Town) -> list[Job]:
    members = [person.id for person in town.discord.world.people.values()]
    return [job for member in members for job in await storage.reading.jobs.of_member(member, limit=100_000)]


async def count(town: Town, deeds: Deeds | None = None) -> Balance:
    """Compare the database with what both stand-ins saw."""
    jobs = await all_jobs(town)
    channels = [channel for guild in town.discord.world.guilds.values() for channel in guild.channels]
    channels += [deeds.thread] if deeds is not None else []
    said = [message for channel in channels for message in channel.messages if not is_of_deeds(message)]
    # Members delete results, which must not come back. A deleted progress message is one of a refused command.
    said += [each for channel in channels for each in channel.all_messages if each.deleted and is_end(each)]
    marks = Counter(mark for message in said for mark in MARK.findall(message.content))
    posts = {job.id: marks.pop(job.short_id, 0) for job in jobs}
    progress = {job.progress_message_id for job in jobs}
    strays = sum(not MARK.search(message.content) and message.id not in progress for message in said)
    submissions = Counter(str(task.request["callBackUrl"]) for task in town.suno.tasks.values())
    async with open_storage(town.settings.database_path) as storage:
        difference = 0
        for member, own in _by_member(jobs).items():
            for day in {quota_day(job.accepted_at) for job in own}:
                todays = [job for job in own if quota_day(job.accepted_at) == day]
                balance = await storage.reading.ledger.balance(member, day=day, limit=1)
                spent = sum(job.state is JobState.DELIVERED for job in todays)
                difference += abs(balance.spent - spent) + balance.held
        problems = [] if deeds is None else await deeds.problems(storage)
    if problems:
        raise AssertionError("\n".join(problems))
    return Balance(
        jobs=len(jobs),
        lost=sum(not number for number in posts.values()) + unanswered(town, jobs),
        doubled=sum(number > 1 for number in posts.values())
        + sum(number > 1 for number in submissions.values())
        + sum(marks.values())
        + strays,
        ledger_difference=difference,
    )


def is_end(message: Message) -> bool:
    """Whether everybody was told of a job's end in it."""
    return message.visible_to is None and str(message.nonce).startswith("e")


def unanswered(town: Town, jobs: list[Job]) -> int:
    """Commands that were acknowledged and came to nothing: no job, no answer, and no direct message in its place."""
    world = town.discord.world
    taken = {job.place.interaction_id for job in jobs}
    thinking = sum(
        interaction.original is not None and interaction.original.is_thinking and interaction.id not in taken
        for interaction in world.interactions.values()
        if is_written_down_first(interaction)
    )
    told_directly = sum(
        INSTEAD in message.content for person in world.people.values() for message in world.dm_with(person).messages
    )
    return max(0, thinking - told_directly)


def _by_member(jobs: list[Job]) -> dict[int, list[Job]]:
    grouped: dict[int, list[Job]] = {}
    for job in jobs:
        grouped.setdefault(job.place.member_id, []).append(job)
    return grouped


async def killed_at_random(town: Town, folder: Path, *, rounds: int, seed: int, stopped: bool = False) -> Balance:
    """Let members do things, kill (or stop) after a random time, restart; repeat, then let everything finish."""
    chance = random.Random(seed)
    deeds = Deeds(town, chance, town.songs.thread("relay"))
    members = [town.mia, *(town.discord.member(name, guild=town.guild) for name in ("Ben", "Cem", "Dora"))]
    for number in range(1, rounds + 1):
        async with a_bot(town, folder) as bot:
            await connected(town, number)
            if number == 1:
                await deeds.begin()
            for _ in range(chance.randint(1, 3)):
                await deeds.one(chance.choice(members), town.songs)
            # The only sleep that is the test itself: it sets the moment of the kill.
            await asyncio.sleep(chance.uniform(0.0, chance.choice([1.5, 1.5, 4.0])))
            bot.process.send_signal(signal.SIGTERM if stopped else signal.SIGKILL)
            assert await bot.exit_status() == (0 if stopped else KILLED), "\n".join(bot.said)
    await deeds.finished()
    await a_day_passes(town, deeds)
    async with a_bot(town, folder):
        await connected(town, rounds + 1)
        await settled(town, jobs=0, deeds=deeds)
        check_swept(town)
    return await count(town, deeds)


async def a_day_passes(town: Town, deeds: Deeds) -> None:
    """An unknown outcome is given up after a day, which is over at the next look."""
    async with open_storage(town.settings.database_path) as storage, storage.transaction() as work:
        for job in await work.jobs.live():
            if job.submitted_at is not None and job.task_id is None:
                await work.jobs.save(replace(job, submitted_at=job.submitted_at - timedelta(days=2)))
        await work.jobs.hasten(until=datetime.now(UTC))
        await deeds.a_day_passes(work)


async def command(town: Town, member: Member, channel: Channel | None = None) -> Invocation:
    """A member uses `/extend`, in `songs` unless another channel is given."""
    return await member.command(
        channel or town.songs, "extend", audio=Upload(town.source), style="folk", title="Boats", prompt="la"
    )
