"""What a picture and a join cost beside plainly decoding the same files, and how long they hold up the bot's loop.

CPU time of the audio processes; each measured in turns, and the best of three taken.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from array import array
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
from av.audio.stream import AudioStream

from bot.audio.process import AudioProcess
from bot.audio.stretches import Kind, frames_from
from bot.domain.joins import JoinPart
from tests.benchmarks.rows import Goal, Row
from tests.support.audio_processes import workers
from tests.support.music import RATE, drums, noise

SECONDS = 240
ROUNDS = 3
PICTURE = Goal(at_most_ratio=2.5)
JOIN = Goal(at_most_ratio=6.0)
MEMORY_MB = Goal(below=200.0)
STALL_MS = Goal(below=20.0)


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, half = folder / "whole.mp3", folder / "half.mp3"
        await asyncio.to_thread(_mp3, whole, SECONDS, 220.0)
        await asyncio.to_thread(_mp3, half, SECONDS // 2, 330.0)
        audio, parts = AudioProcess(), [JoinPart(path=whole, until_seconds=SECONDS / 2), JoinPart(path=half)]
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "nothing": lambda: asyncio.sleep(1.0),
            "decoding": lambda: audio.probe(whole),
            "picture": lambda: audio.draw(whole, folder / "picture.png"),
            "join": lambda: audio.join(parts, folder / "joined.mp3"),
        }
        costs, stalls, busy, megabytes = await _measured(audio, works)
    decoding = costs["decoding"]
    beside = "decoding the same mp3 in an audio process"
    rows = [
        Row(
            what="4 min of mp3: picture",
            measured=costs["picture"],
            reference=decoding,
            unit="ms",
            beside=beside,
            goal=PICTURE,
        ),
        Row(
            what="4 min of mp3: joined", measured=costs["join"], reference=decoding, unit="ms", beside=beside, goal=JOIN
        ),
    ]
    rows += [
        Row(
            what=f"4 min of mp3: {what}, peak memory",
            measured=megabytes[what],
            reference=megabytes["decoding"],
            unit="MB",
            beside=beside,
            goal=MEMORY_MB,
        )
        for what in ("picture", "join")
    ]
    rows += [
        Row(
            what=what,
            measured=max(milliseconds["picture"], milliseconds["join"]),
            reference=milliseconds["nothing"],
            unit="ms",
            beside="while nothing is done",
            goal=STALL_MS,
        )
        for what, milliseconds in (
            ("the loop's longest stall meanwhile (median of the rounds)", stalls),
            ("the most CPU time that the loop's thread took between two looks (all rounds)", busy),
        )
    ]
    return rows


async def _measured(
    audio: AudioProcess,
    works: dict[str, Callable[[], Awaitable[object]]],
) -> tuple[dict[str, float], dict[str, float], dict[str, float], dict[str, float]]:
    """CPU time, stalls, the loop's own CPU time in ms, and peak memory in MB, by the name of the work."""
    costs, busy = dict.fromkeys(works, float("inf")), dict.fromkeys(works, 0.0)
    megabytes = dict.fromkeys(works, 0.0)
    stalls: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            before_seconds = audio.cpu_seconds
            watching, weighing = asyncio.create_task(_watched()), asyncio.create_task(_weighed())
            await asyncio.sleep(0.05)
            await work()
            watching.cancel()
            weighing.cancel()
            (stall, most), peak = await watching, await weighing
            busy[name] = max(busy[name], most)
            stalls[name].append(stall)
            megabytes[name] = max(megabytes[name], peak)
            costs[name] = min(costs[name], (audio.cpu_seconds - before_seconds) * 1000)
    return costs, {name: statistics.median(found) for name, found in stalls.items()}, busy, megabytes


async def _watched() -> tuple[float, float]:
    """Until cancelled: by how many ms a sleep was late at most, and how many of them this thread worked at most.

    On a busy machine most of a stall is waiting for a turn on the CPU; what it worked is the bot's own share.
    """
    stall, busy = 0.0, 0.0
    try:
        while True:
            began, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            stall = max(stall, (time.perf_counter() - began) * 1000 - 5)
            busy = max(busy, (time.thread_time() - used) * 1000)
    except asyncio.CancelledError:
        return stall, busy


async def _weighed() -> float:
    """Until cancelled: the most MB that an audio process held.

    Read in another thread: what `/proc` says of a process waits for its memory to be settled, which can take long.
    """
    megabytes = 0.0
    try:
        while True:
            megabytes = max(megabytes, await asyncio.to_thread(_held_by_children))
            await asyncio.sleep(0.005)
    except asyncio.CancelledError:
        return megabytes


def _held_by_children() -> float:
    """The most that any audio process has held so far, in MB; Linux alone shows it."""
    held = 0.0
    with contextlib.suppress(OSError):
        for process in workers():
            told = Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2]
            if told:  # not of one that has just ended
                held = max(held, float(told.split()[0]) * 1.024 / 1000)
    return held


def _mp3(path: Path, seconds: int, hertz: float) -> None:
    """Stereo, 192 kb/s: drums on the one side, and noise with them on the other."""
    left, right = drums(8.0, hertz=hertz), noise(8.0, loudness=0.05)
    pair = array("h", (value for both in zip(left, right, strict=True) for value in both))
    block, kind = pair.tobytes(), Kind("s16", "stereo", RATE)
    with av.open(f"file:{path}", "w", format="mp3") as output:
        stream = output.add_stream("libmp3lame", rate=RATE, layout="stereo")
        if not isinstance(stream, AudioStream):
            raise TypeError(stream)
        stream.bit_rate = 192_000
        for frame in frames_from((block for _ in range(seconds // 8)), kind):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
