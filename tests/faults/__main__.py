"""`make faults`: the whole of the killing, with a table at the end."""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

from bot.fault_points import POINTS
from bot.sandbox.sounds import compose
from tests.faults.killing import Balance, a_town_to_kill_in, count, killed_at, killed_at_random

RANDOM_ROUNDS = 200
TOWNS = 10
"""The random rounds are spread over so many databases."""


async def at_a_point(point: str, source: Path) -> Balance:
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        folder = Path(name)
        async with a_town_to_kill_in(folder, source) as town:
            await killed_at(point, town, folder)
            return await count(town)


async def at_random(rounds: int, seed: int, source: Path) -> Balance:
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        folder = Path(name)
        async with a_town_to_kill_in(folder, source) as town:
            return await killed_at_random(town, folder, rounds=rounds, seed=seed)


async def everything(rounds: int, seed: int) -> bool:
    """Print the table; whether nothing was lost, doubled or unbalanced."""
    rows: list[tuple[str, int, Balance]] = []
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        source = Path(name) / "piece.mp3"
        await asyncio.to_thread(compose, source, seconds=4)
        for point in sorted(POINTS):
            rows.append((point, 1, await at_a_point(point, source)))
            print(".", end="", flush=True)
        for town in range(TOWNS):
            share = rounds // TOWNS
            rows.append((f"random, seed {seed + town}", share, await at_random(share, seed + town, source)))
            print(".", end="", flush=True)
    print("\n\n| killed | rounds | jobs | lost | doubled | ledger difference |\n|---|---|---|---|---|---|")
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
    return 0 if asyncio.run(everything(options.rounds, options.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
