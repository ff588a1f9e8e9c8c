"""`make faults`: all the kills and troubles, with a table at the end."""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from bot.fault_points import POINTS
from bot.sandbox.sounds import compose
from tests.end_to_end.town import Town
from tests.faults.burst import a_town_with_tracks, burst
from tests.faults.database import DATABASE_TROUBLES
from tests.faults.killing import UNANSWERED, Balance, a_town_to_kill_in, count, killed_at, killed_at_random
from tests.faults.troubles import HUNDRED, RECONNECT, TROUBLES, TWO_PROCESSES, hundred_at_once, in_trouble

RANDOM_ROUNDS = 200
TOWNS = 10
"""How many databases the random rounds are spread over."""
BURST_JOBS = 200
TRACK_BYTES = 3_500_000

Act = Callable[[Town, Path], Awaitable[Balance]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the table; `act` works in its own town, on its own database."""

    fault: str
    rounds: int
    act: Act


async def at_a_point(point: str, stopped: bool, town: Town, folder: Path) -> Balance:
    await killed_at(point, town, folder, stopped=stopped)
    return await count(town)


async def at_random(rounds: int, seed: int, town: Town, folder: Path) -> Balance:
    return await killed_at_random(town, folder, rounds=rounds, seed=seed)


def trials(rounds: int, seed: int) -> Iterator[Trial]:
    for point in sorted({*POINTS, UNANSWERED}):
        yield Trial(fault=f"killed {point}", rounds=1, act=partial(at_a_point, point, False))
    for point in sorted({*POINTS, UNANSWERED} - {"inside a migration"}):
        yield Trial(fault=f"stopped {point}", rounds=1, act=partial(at_a_point, point, True))
    for trouble, act in DATABASE_TROUBLES.items():
        yield Trial(fault=trouble, rounds=1, act=act)
    for number in range(seed, seed + TOWNS):
        share = rounds // TOWNS
        yield Trial(fault=f"killed at random, seed {number}", rounds=share, act=partial(at_random, share, number))
    for trouble in (*TROUBLES, RECONNECT, TWO_PROCESSES):
        yield Trial(fault=trouble, rounds=1, act=partial(in_trouble, trouble))
    yield Trial(fault=HUNDRED, rounds=1, act=hundred_at_once)


async def in_a_town(trial: Trial, source: Path) -> Balance:
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        async with a_town_to_kill_in(Path(name), source) as town:
            return await trial.act(town, Path(name))


async def bursting(source: Path) -> Balance:
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        async with a_town_with_tracks(Path(name), source, track_bytes=TRACK_BYTES) as town:
            done = await burst(town, Path(name), jobs=BURST_JOBS)
    if not done.is_whole:
        raise AssertionError(f"the burst: {done.balance}, answered {set(done.answers.statuses)}")
    return done.balance


async def everything(rounds: int, seed: int) -> bool:
    """Print the table; returns whether nothing was lost, doubled or unbalanced."""
    rows: list[tuple[str, int, Balance]] = []
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        source = Path(name) / "piece.mp3"
        await asyncio.to_thread(compose, source, seconds=4)
        for trial in trials(rounds, seed):
            rows.append((trial.fault, trial.rounds, await in_a_town(trial, source)))
            print(".", end="", flush=True)
        rows.append((f"{BURST_JOBS} results at once, 7 MB each", 1, await bursting(source)))
    print("\n\n| fault | rounds | jobs | lost | doubled | ledger difference |\n|---|---|---|---|---|---|")
    for what, times, balance in rows:
        print(f"| {what} | {times} | " + " | ".join(map(str, astuple(balance))) + " |")
    total = [sum(column) for column in zip(*(astuple(balance) for _, _, balance in rows), strict=True)]
    print(f"| **all** | {sum(times for _, times, _ in rows)} | " + " | ".join(map(str, total)) + " |")
    return all(balance.is_whole for _, _, balance in rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=RANDOM_ROUNDS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a killed bot stops in the middle of requests
    return 0 if asyncio.run(everything(options.rounds, options.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
