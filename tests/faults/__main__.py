"""`make faults` and `make faults-cluster`: all the kills and troubles, one row of a table each."""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bot.fault_points import BESIDE_JOBS, POINTS
from bot.sandbox.cluster import Size
from bot.sandbox.postgres import NoServer, PostgresServer, running_server
from bot.sandbox.sounds import compose
from tests.end_to_end.town import Town
from tests.faults.backups import BACKUP_TROUBLES
from tests.faults.burst import a_town_with_tracks, burst
from tests.faults.clocks import CLOCK_TROUBLES
from tests.faults.clusters import a_town_over_http, a_town_with_shards, struck_at_random
from tests.faults.killing import (
    UNANSWERED,
    Balance,
    a_town_to_kill_in,
    count,
    killed_at,
    killed_at_random,
    killed_beside_jobs,
)
from tests.faults.troubles import HUNDRED, RECONNECT, TROUBLES, TWO_PROCESSES, hundred_at_once, in_trouble
from tests.faults.unreadable_rows import UNREADABLE_ROWS
from tests.support import database

RANDOM_ROUNDS = 200
CLUSTER_ROUNDS = 100
CLUSTER_SHARE = 10
"""How many of them strike one cluster."""
TOWNS = 10
"""How many databases the random kills are spread over."""
TOWNS_TO_STOP_IN = 2
BURST_JOBS = 200
TRACK_BYTES = 3_500_000

Act = Callable[[Town, Path], Awaitable[Balance]]
ATown = Callable[[Path, Path], AbstractAsyncContextManager[Town]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One row of the table; `act` gets the piece of music that members send."""

    fault: str
    rounds: int
    act: Callable[[Path], Awaitable[Balance]]


async def at_a_point(point: str, stopped: bool, town: Town, folder: Path) -> Balance:
    await killed_at(point, town, folder, stopped=stopped)
    return await count(town)


async def beside_jobs(point: str, stopped: bool, town: Town, folder: Path) -> Balance:
    return await count(town, await killed_beside_jobs(point, town, folder, stopped=stopped))


async def at_random(rounds: int, seed: int, stopped: bool, town: Town, folder: Path) -> Balance:
    return await killed_at_random(town, folder, rounds=rounds, seed=seed, stopped=stopped)


def trials(rounds: int, seed: int) -> Iterator[Trial]:
    for point in sorted({*POINTS, UNANSWERED}):
        yield in_a_town(f"killed {point}", partial(at_a_point, point, False))
    for point in sorted({*POINTS, UNANSWERED}):
        yield in_a_town(f"stopped {point}", partial(at_a_point, point, True))
    for point in sorted(BESIDE_JOBS):
        yield in_a_town(f"killed {point}", partial(beside_jobs, point, False))
        yield in_a_town(f"stopped {point}", partial(beside_jobs, point, True))
    for trouble, act in {**BACKUP_TROUBLES, **CLOCK_TROUBLES, **UNREADABLE_ROWS}.items():
        yield in_a_town(trouble, act)
    share = rounds // TOWNS
    for number in range(seed, seed + TOWNS):
        yield in_a_town(f"killed at random, seed {number}", partial(at_random, share, number, False), rounds=share)
    for number in range(seed, seed + TOWNS_TO_STOP_IN):
        yield in_a_town(f"stopped at random, seed {number}", partial(at_random, share, number, True), rounds=share)
    for trouble in (*TROUBLES, RECONNECT, TWO_PROCESSES):
        yield in_a_town(trouble, partial(in_trouble, trouble))
    yield in_a_town(HUNDRED, hundred_at_once)
    yield Trial(fault=f"{BURST_JOBS} results at once, 7 MB each", rounds=1, act=bursting)


def cluster_trials(
    rounds: int, seed: int, size: Size, server: PostgresServer, *, over_http: bool = False
) -> Iterator[Trial]:
    """The rounds are spread over several databases."""
    name, a_town = ("a cluster over HTTP", a_town_over_http) if over_http else ("a cluster", a_town_with_shards)

    async def struck(number: int, times: int, town: Town, folder: Path) -> Balance:
        return await struck_at_random(town, folder, rounds=times, seed=number, size=size, server=server)

    for number, before in enumerate(range(0, rounds, CLUSTER_SHARE), seed):
        times = min(CLUSTER_SHARE, rounds - before)
        yield in_a_town(f"{name}, seed {number}", partial(struck, number, times), rounds=times, a_town=a_town)


def in_a_town(fault: str, act: Act, *, rounds: int = 1, a_town: ATown = a_town_to_kill_in) -> Trial:
    """`act` in a town of its own, on a database of its own."""

    async def act_there(source: Path) -> Balance:
        with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
            async with a_town(Path(name), source) as town:
                return await act(town, Path(name))

    return Trial(fault=fault, rounds=rounds, act=act_there)


async def bursting(source: Path) -> Balance:
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        async with a_town_with_tracks(Path(name), source, track_bytes=TRACK_BYTES) as town:
            done = await burst(town, Path(name), jobs=BURST_JOBS)
    if not done.is_whole:
        raise AssertionError(f"the burst: {done.balance}, answered {set(done.answers.statuses)}")
    return done.balance


async def everything(trials: Iterable[Trial], only: str) -> bool:
    """Print each row of the table once it is known; returns whether nothing was lost, doubled or unbalanced."""
    rows: list[tuple[int, Balance]] = []
    is_whole = True
    print("| fault | rounds | jobs | lost | doubled | ledger difference |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="encore-faults-") as name:
        source = Path(name) / "piece.mp3"
        await asyncio.to_thread(compose, source, seconds=4)
        for trial in trials:
            if only not in trial.fault:
                continue
            try:
                balance = await trial.act(source)
            except Exception:  # noqa: BLE001  # the rows after it still count
                is_whole = False
                print(f"| {trial.fault} | {trial.rounds} | failed | | | |", flush=True)
                traceback.print_exc()
            else:
                rows.append((trial.rounds, balance))
                show(trial.fault, trial.rounds, balance)
    show("**all**", sum(times for times, _ in rows), total([balance for _, balance in rows]))
    return is_whole and all(balance.is_whole for _, balance in rows)


def show(fault: str, times: int, balance: Balance) -> None:
    print(f"| {fault} | {times} | " + " | ".join(map(str, astuple(balance))) + " |", flush=True)


def total(balances: Sequence[Balance]) -> Balance:
    return Balance(
        jobs=sum(balance.jobs for balance in balances),
        lost=sum(balance.lost for balance in balances),
        doubled=sum(balance.doubled for balance in balances),
        ledger_difference=sum(balance.ledger_difference for balance in balances),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, help=f"at random; {RANDOM_ROUNDS}, or {CLUSTER_ROUNDS} in a cluster")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="run only the rows whose name contains this")
    parser.add_argument("--cluster", action="store_true", help="several processes on a PostgreSQL of their own")
    for role in ("gateways", "web", "workers"):
        parser.add_argument(f"--{role}", type=int, default=2, help="in the cluster")
    parser.add_argument("--over-http", action="store_true", help="no gateways; commands come to the web processes")
    options = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a killed bot stops in the middle of requests
    if not options.cluster:
        return as_status(everything(trials(options.rounds or RANDOM_ROUNDS, options.seed), options.only))
    gateways = 0 if options.over_http else options.gateways
    size = Size(gateways=gateways, web=options.web, workers=options.workers)
    try:
        with running_server(durable=True) as server:
            os.environ[database.SERVER] = server.url_of("postgres")
            rounds = options.rounds or CLUSTER_ROUNDS
            rows = cluster_trials(rounds, options.seed, size, server, over_http=options.over_http)
            return as_status(everything(rows, options.only))
    except NoServer as error:
        print(error, file=sys.stderr)
        return 1


def as_status(work: Coroutine[Any, Any, bool]) -> int:
    return 0 if asyncio.run(work) else 1


if __name__ == "__main__":
    sys.exit(main())
