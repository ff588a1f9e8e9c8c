"""200 results at once, two tracks each: how soon each callback is acknowledged, and what they cost the bot.

The references are separate processes: `python -m tests.benchmarks.burst --take` answers callbacks and stores nothing,
`--hand-over` fetches and posts every track, one job after the other.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.parts.pipeline import DELIVERERS
from bot.sandbox.sounds import compose
from tests.benchmarks.callback_rate import BARE, ROOT, bare_server
from tests.benchmarks.rows import Goal, Row, percentile, table
from tests.end_to_end.town import Town
from tests.faults.burst import TRACKS, Answers, Burst, a_town_with_tracks, burst, post_at_once

JOBS = 200
TRACK_BYTES = 3_500_000
PATH = "/callbacks/any"


async def measure() -> list[Row]:
    """About two minutes: at the provider's rate, starting the jobs takes a hundred seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=8)
        async with a_town_with_tracks(folder, source, track_bytes=TRACK_BYTES) as town:
            done = await burst(town, folder, jobs=JOBS)
            check(done)
            bare = await barely_taken(done.callbacks)
            plain_seconds = await plainly_handed_over(town, done.callbacks)
    return rows(done, bare, plain_seconds)


def check(done: Burst) -> None:
    if not done.is_whole or done.balance.jobs != JOBS:
        raise AssertionError(f"{done.balance}, answers {set(done.answers.statuses)}, files {set(done.files)}")
    if done.in_flight > DELIVERERS:
        raise AssertionError(f"the tracks of {done.in_flight} jobs were in flight together")
    if done.children_ran:
        raise AssertionError("the bot started a process, whose memory is not counted")


def rows(done: Burst, bare: Answers, plain_seconds: float) -> list[Row]:
    return [
        Row(
            what=f"{JOBS} complete callbacks at once: 95 of 100 acknowledged within",
            measured=percentile(done.answers.seconds, 95) * 1000,
            reference=percentile(bare.seconds, 95) * 1000,
            unit="ms",
            beside=BARE,
            goal=Goal(below=250),
        ),
        Row(
            what="memory at its most during the burst, above idle",
            measured=done.growth_bytes / 1_000_000,
            reference=TRACKS * TRACK_BYTES / 1_000_000,
            unit="MB",
            beside=f"the {TRACKS} tracks of one job",
            goal=Goal(below=60),
        ),
        Row(
            what=f"the last of {JOBS} results is posted after",
            measured=done.posted_seconds,
            reference=plain_seconds,
            unit="s",
            beside="a loop that fetches and posts one job's tracks after another's",
        ),
    ]


async def barely_taken(callbacks: Sequence[dict[str, object]]) -> Answers:
    async with reference_process("--take") as process:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        answers = await post_at_once(port, [PATH] * len(callbacks), callbacks)
    if set(answers.statuses) != {200}:
        raise AssertionError(f"the reference answered {set(answers.statuses)}")
    return answers


async def plainly_handed_over(town: Town, callbacks: Sequence[dict[str, Any]]) -> float:
    """Seconds for all; the posts go into the same channel as the others."""
    words = {
        "address": f"{town.discord.api_url}/channels/{town.songs.id}/messages",
        "token": town.settings.discord_token,
        "links": [[track["audio_url"] for track in callback["data"]["data"]] for callback in callbacks],
    }
    async with reference_process("--hand-over") as process:
        told, _ = await process.communicate(json.dumps(words).encode())
    return float(told)


@asynccontextmanager
async def reference_process(way: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Leaving closes its input, which ends it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.burst", way),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()
    if process.returncode != 0:
        raise AssertionError("the reference failed, see above")


async def take() -> None:
    """Serve the bare handler and print its port until the input closes; its backlog holds the whole burst."""
    async with bare_server(backlog=JOBS) as port:
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def hand_over(address: str, token: str, links: Sequence[Sequence[str]]) -> float:
    began_at = time.perf_counter()
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for of_one_job in links:
            form = aiohttp.FormData({"payload_json": json.dumps({"content": "Done"})})
            for number, link in enumerate(of_one_job):
                async with session.get(link) as answer:
                    form.add_field(f"files[{number}]", await answer.read(), filename=f"{number}.mp3")
            async with session.post(address, data=form, headers={"Authorization": f"Bot {token}"}) as answer:
                await answer.read()
    return time.perf_counter() - began_at


if __name__ == "__main__":
    if sys.argv[1:] == ["--take"]:
        asyncio.run(take())
    elif sys.argv[1:] == ["--hand-over"]:
        print(asyncio.run(hand_over(**json.load(sys.stdin))))
    else:
        print(table(asyncio.run(measure())))
