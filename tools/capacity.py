"""What one, three and thirty machines carry: `python tools/capacity.py --write` puts the tables into docs/capacity.md.

Every limit is turned into jobs per second; the smallest is the bottleneck. The figures come from
`python -m tests.benchmarks per_job storage_commits` on two cores; replace them with your own.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "capacity.md"
TABLE = re.compile(r"^\| (?:machines|were) .*\n(?:\|.*\n)+", re.MULTILINE)
SECONDS_PER_DAY = 86_400
DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Measured; CPU in milliseconds for each job."""

    sqlite_cpu_ms: float = 94
    gateway_cpu_ms: float = 7.2
    web_cpu_ms: float = 11
    workers_cpu_ms: float = 106
    audio_cpu_ms: float = 674  # in processes of its own; 20 with JOIN_PREVIEW=off
    transactions_per_job: float = 35
    transactions_per_second: float = 1_000  # on PostgreSQL, durable, one at a time
    discord_requests_per_job: float = 6.7
    stored_kb_per_job: float = 18.4
    servers_per_gateway_process: int = 1_000  # memory allows more, but Discord wants a shard for every 2,500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Set by others, for one bot and one account."""

    discord_requests_per_second: float = 50
    provider_jobs_per_second: float = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a community does. The busiest second of the day has `peak` times its average."""

    jobs_per_member_per_day: float = 0.1
    members_per_server: int = 50  # who use the bot at all
    peak: float = 4
    cores_per_machine: int = 2
    used: float = 0.7  # of a core, so that bursts have room


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`machines` with their CPU limit in jobs per second; `servers` as their gateway processes hold."""

    machines: int
    what: str
    cpu_jobs_per_second: float
    database_jobs_per_second: float | None


def sizes(figures: Figures, assumed: Assumptions) -> Iterator[Size]:
    """One machine: one process on SQLite, which uses one core. More: PostgreSQL has one of them to itself.

    Audio is read and joined on all cores.
    """
    used_ms = assumed.used * 1000  # of a second of each core
    whole_ms = figures.sqlite_cpu_ms + figures.audio_cpu_ms
    yield Size(
        machines=1,
        what="one process, SQLite",
        cpu_jobs_per_second=used_ms * min(1 / figures.sqlite_cpu_ms, assumed.cores_per_machine / whole_ms),
        database_jobs_per_second=None,
    )
    cpu_ms = figures.gateway_cpu_ms + figures.web_cpu_ms + figures.workers_cpu_ms + figures.audio_cpu_ms
    for machines in (3, 30):
        cores = (machines - 1) * assumed.cores_per_machine
        yield Size(
            machines=machines,
            what=f"PostgreSQL, and {cores} processes on the others",
            cpu_jobs_per_second=used_ms * cores / cpu_ms,
            database_jobs_per_second=figures.transactions_per_second / figures.transactions_per_job,
        )


def limits_of(size: Size, figures: Figures, limits: Limits) -> dict[str, float]:
    """Jobs per second, by what limits them."""
    found = {
        "the provider's rate": limits.provider_jobs_per_second,
        "Discord's requests": limits.discord_requests_per_second / figures.discord_requests_per_job,
        "CPU": size.cpu_jobs_per_second,
    }
    if size.database_jobs_per_second is not None:
        found["the database"] = size.database_jobs_per_second
    return found


def rows(figures: Figures, limits: Limits, assumed: Assumptions) -> Iterator[list[str]]:
    yield ["machines", "with", *("provider", "Discord", "database", "CPU"), "first", "next"]
    for size in sizes(figures, assumed):
        found = limits_of(size, figures, limits)
        ordered = sorted(found, key=found.__getitem__)
        yield [
            str(size.machines),
            size.what,
            *(_rate(found.get(name)) for name in ("the provider's rate", "Discord's requests", "the database", "CPU")),
            ordered[0],
            ordered[1],
        ]


def yearly(figures: Figures, limits: Limits, assumed: Assumptions) -> Iterator[list[str]]:
    """How many members each limit would allow if it were the only one."""
    yield ["were this the only limit", "jobs/s", "jobs a day", "members", "servers", "gateway processes", "GB a year"]
    largest = list(sizes(figures, assumed))[-1]
    for name, per_second in sorted(limits_of(largest, figures, limits).items(), key=lambda each: each[1]):
        per_day = per_second / assumed.peak * SECONDS_PER_DAY
        members = per_day / assumed.jobs_per_member_per_day
        servers = members / assumed.members_per_server
        gigabytes = per_day * DAYS_PER_YEAR * figures.stored_kb_per_job / 1e6
        processes = -(-servers // figures.servers_per_gateway_process)
        amounts = (per_day, members, servers, processes, gigabytes)
        yield [name, _rate(per_second), *(f"{_round(each):,}" for each in amounts)]


def table(lines: Iterator[list[str]]) -> str:
    head, *body = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def _rate(per_second: float | None) -> str:
    return "-" if per_second is None else f"{per_second:.1f}"


def _round(number: float) -> int:
    """To two digits: more would claim a precision that the assumptions don't have."""
    digits = max(0, len(str(int(number))) - 2)
    return round(round(number / 10**digits) * 10**digits)


def tables() -> tuple[str, str]:
    figures, limits, assumed = Figures(), Limits(), Assumptions()
    return table(rows(figures, limits, assumed)), table(yearly(figures, limits, assumed))


def with_tables(page: str) -> str:
    """The page with these tables in the place of its own."""
    parts = iter(tables())
    return TABLE.sub(lambda _: f"{next(parts)}\n", page)


def main() -> None:
    if "--write" in sys.argv:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(*tables(), sep="\n\n")


if __name__ == "__main__":
    main()
