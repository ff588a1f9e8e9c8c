"""How soon a click on a result is acknowledged with 50 jobs running, against a client that only defers."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from bot.sandbox.discord import Callback, Channel, Guild, Invocation, Member, Message, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import StandIns, stand_ins
from bot.sandbox.suno import FakeSuno
from tests.benchmarks.acknowledge import DISCORD, FIRST_SECONDS, JOBS, STAGES, SUNO
from tests.benchmarks.contestants import a_process, bare, the_bot
from tests.benchmarks.rows import Goal, Row, percentile, table
from tests.end_to_end.town import ended

ROUNDS = 40  # in each, somebody else clicks every button
PAUSE_SECONDS = 0.5  # the provider takes two new requests per second
BARE = "an idle discord.py client that only defers"
ANSWERS: Mapping[str, Callback] = {
    "Take 1": Callback.DEFERRED_MESSAGE,
    "More…": Callback.DEFERRED_MESSAGE,
    "Extend 1": Callback.MODAL,
    "Again": Callback.DEFERRED_MESSAGE,
    "Undo": Callback.DEFERRED_UPDATE,
    "Cancel": Callback.DEFERRED_MESSAGE,
}
"""Each button with the first answer to it. `Take 1` stands for its votes, `Cancel` is below an acceptance."""


async def measure() -> list[Row]:
    """Measure the bot with its jobs, then the bare client on the same stand-ins; about 75 seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=8)
        async with stand_ins(SUNO, folder=folder, discord=DISCORD) as both:
            guild = both.discord.guild("Harbour Choir")
            crowd = Crowd(both, guild, guild.channel("songs"), Upload(source))
            await under_load(both, crowd, folder)
            bare_client = bare("bare_commands.py", both.settings)
            async with a_process(both, bare_client, folder=folder, settings=both.settings):
                at_rest = [await crowd.took("More…", Callback.DEFERRED_MESSAGE) for _ in range(ROUNDS)]
    return [
        Row(
            what=f"a click on {button} acknowledged, {JOBS} jobs running: {way}",
            measured=of(crowd.times[button]),
            reference=of(at_rest),
            unit="ms",
            beside=BARE,
            goal=goal,
        )
        for button in ANSWERS
        for way, of, goal in (
            ("median", median, Goal(below=100)),
            ("95 of 100", lambda times: percentile(times, 95), None),
        )
    ]


async def under_load(both: StandIns, crowd: "Crowd", folder: Path) -> None:
    """With `JOBS` jobs at the provider all the time: for each new one, the oldest is called back and delivered."""
    settings = replace(both.settings, quota_per_day=100_000, open_commands_per_member=1000)
    often = {"POLL_AFTER_SECONDS": "5", "POLL_EVERY_SECONDS": "5"}
    async with a_process(both, the_bot(), folder=folder, settings=settings, **often):
        await both.discord.wait_for_commands("extend")
        await crowd.first_result()
        for _ in range(JOBS):
            await crowd.command()
        await both.suno.wait_for_submit(1 + JOBS, timeout_seconds=FIRST_SECONDS)
        async with asyncio.TaskGroup() as group:
            finishing = group.create_task(finish_what_is_too_much(both.suno))
            for _ in range(ROUNDS):
                await crowd.round()
                await asyncio.sleep(PAUSE_SECONDS)
            finishing.cancel()


async def finish_what_is_too_much(suno: FakeSuno) -> None:
    """Until it is cancelled: jobs that were still waiting may be cancelled by the clicks, and are never submitted."""
    for number in itertools.count(1 + JOBS + 1):
        await suno.wait_for_submit(number, timeout_seconds=FIRST_SECONDS)
        await finish_oldest(suno)


async def finish_oldest(suno: FakeSuno) -> None:
    oldest = next(task for task in suno.tasks.values() if not task.ended)
    for stage in STAGES:
        if await suno.finish(oldest.id, stage) != 200:
            raise AssertionError(f"the bot did not take the callback {stage!r}")


@dataclass
class Crowd:
    """People who click below one result. `times`: milliseconds from the click to its first answer, by button."""

    both: StandIns
    guild: Guild
    channel: Channel
    audio: Upload
    times: dict[str, list[float]] = field(default_factory=lambda: {button: [] for button in ANSWERS})
    result: Message | None = None

    def __post_init__(self) -> None:
        self._asking = self._somebody("Mia")
        self._number = 0

    def _somebody(self, name: str) -> Member:
        return self.both.discord.member(name, guild=self.guild)

    async def first_result(self) -> None:
        await self.command()
        await self.both.suno.wait_for_submit(1, timeout_seconds=FIRST_SECONDS)
        await finish_oldest(self.both.suno)
        self.result = await ended(self.channel)

    async def command(self) -> Invocation:
        invocation = await self._asking.command(self.channel, "extend", audio=self.audio)
        if await invocation.acknowledged() is not Callback.DEFERRED_MESSAGE:
            raise AssertionError(f"{invocation!r} was refused: {invocation.message}")
        return invocation

    async def round(self) -> None:
        """A new job, and a click on each button by somebody who has not clicked before."""
        accepted = await self.command()
        self._number += 1
        member = self._somebody(f"Member {self._number}")
        for button in ("Take 1", "More…", "Extend 1"):
            await self._click(member, self._below(button), button)
        again = await self._click(member, self._below("Again"), "Again")
        waiting = await again.wait_until(lambda message: message.components)
        await self._click(member, (waiting, "Undo"), "Undo")
        receipt = await accepted.wait_until(lambda message: message.components)
        await self._click(self._asking, (receipt, "Cancel"), "Cancel")

    async def took(self, button: str, answer: Callback) -> float:
        """Milliseconds until somebody's click below the result is acknowledged."""
        return (await self._timed(self._asking, *self._below(button), answer))[1]

    async def _click(self, member: Member, where: tuple[Message, str], button: str) -> Invocation:
        invocation, took_ms = await self._timed(member, *where, ANSWERS[button])
        self.times[button].append(took_ms)
        return invocation

    async def _timed(self, member: Member, message: Message, button: str, wanted: Callback) -> tuple[Invocation, float]:
        invocation = await member.click(message, button)
        began_at = time.perf_counter()  # the event waits in the gateway's queue until the next step
        answer = await invocation.acknowledged()
        took_seconds = time.perf_counter() - began_at
        if answer is not wanted:
            raise AssertionError(f"{invocation!r} was answered with {answer!r}: {invocation.message}")
        return invocation, took_seconds * 1000

    def _below(self, button: str) -> tuple[Message, str]:
        """The result, and the custom id of its button: the labels of the votes change."""
        assert self.result is not None
        found = next(
            each["custom_id"]
            for row in self.result.components
            for each in row["components"]
            if each["label"].startswith(button)
        )
        return self.result, str(found)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
