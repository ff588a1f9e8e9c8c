"""`make bench`: every benchmark, or the named ones: `python -m tests.benchmarks start_up`.

The exit status says nothing about the goals: a timing is not a test.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

from tests.benchmarks import (
    acknowledge,
    bells,
    burst,
    callback_backlog,
    callback_rate,
    clicks,
    discord_limits,
    history,
    metrics,
    per_job,
    pictures,
    polling,
    progress,
    shards,
    start_up,
    storage_commits,
)
from tests.benchmarks.rows import Row, table

PARTS: Mapping[str, Callable[[], Awaitable[list[Row]]]] = {
    "start_up": start_up.measure,
    "acknowledge": acknowledge.measure,
    "clicks": clicks.measure,
    "callback_rate": callback_rate.measure,
    "callback_backlog": callback_backlog.measure,
    "storage_commits": storage_commits.measure,
    "bells": bells.measure,
    "discord_limits": discord_limits.measure,
    "per_job": per_job.measure,
    "polling": polling.measure,
    "progress": progress.measure,
    "burst": burst.measure,
    "history": history.measure,
    "metrics": metrics.measure,
    "shards": shards.measure,
    "pictures": pictures.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speeds and sizes, as ratios.")
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all of them if none is named")
    names: list[str] = parser.parse_args().part or list(PARTS)
    if unknown := set(names) - PARTS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += asyncio.run(_measured(PARTS[name]))
    print("Measured in one run with the stated reference:\n")
    print(table(rows))


async def _measured(part: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
    return await part()


if __name__ == "__main__":
    main()
