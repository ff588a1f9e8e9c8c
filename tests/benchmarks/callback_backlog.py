"""100,000 callbacks are pending when the bot starts: how long new ones wait, and how fast the backlog shrinks.

Once with a provider that takes 200 ms per answer, once with one that never answers.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from bot.domain.inbox_entry import CallbackEntry
from bot.domain.jobs import JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.services.common.bells import Bells
from bot.services.common.clock import utc_now
from bot.services.common.worker import Worker
from bot.services.operator.notices import Operator
from bot.services.pipeline.apply_callbacks import Callbacks
from bot.services.pipeline.callback_queue import OLD_AT_ONCE, CallbackQueue
from bot.suno.wire import parse_callback
from storage.storage import SqlStorage, open_storage
from tests.benchmarks.rows import Goal, Row, table
from tests.support.fakes import FakeMessenger, FakeProvider
from tests.support.pipeline import TRACKS
from tests.support.storage_samples import a_job

PENDING = 100_000
KINDS = ("text", "first", "complete")
JOBS = PENDING // len(KINDS) + 1
NEW_JOBS = 300
ANSWER_SECONDS = 0.2
MEASURED_SECONDS = 15.0
EVERY_SECONDS = 0.05  # a new callback
IN_TIME_MS = 1000


@dataclass
class SlowProvider(FakeProvider):
    """Answers after `ANSWER_SECONDS` that a task is complete, or never answers."""

    hangs: bool = False
    answered: int = 0

    async def report(self, task_id: str) -> TaskReport:
        await asyncio.sleep(3600 if self.hangs else ANSWER_SECONDS)
        self.answered += 1
        return TaskReport(task_id=task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)


@dataclass
class Waits:
    """How long each new callback waited to be applied."""

    seconds: list[float] = field(default_factory=list)
    since: dict[str, float] = field(default_factory=dict)  # by job

    def watching(
        self, apply: Callable[[CallbackEntry, TaskReport], Awaitable[None]]
    ) -> Callable[[CallbackEntry, TaskReport], Awaitable[None]]:
        async def watched(entry: CallbackEntry, told: TaskReport) -> None:
            await apply(entry, told)
            if (since := self.since.pop(entry.job_id, None)) is not None:
                self.seconds.append(time.perf_counter() - since)

        return watched


async def measure() -> list[Row]:
    """About two minutes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encore.db"
        new_jobs = await fill(path)
        answering = await worked(path, SlowProvider(), new_jobs[::2])
        hanging = await worked(path, SlowProvider(hangs=True), new_jobs[1::2])
    async with asyncio.TaskGroup() as group:
        plain = SlowProvider()
        askers = [group.create_task(ask_for_ever(plain)) for _ in range(OLD_AT_ONCE)]
        await asyncio.sleep(MEASURED_SECONDS / 3)
        for asker in askers:
            asker.cancel()
    return [
        wait_row("the longest wait of a new callback", answering),
        wait_row("the same, at a provider that never answers", hanging),
        Row(
            what=f"tasks of the backlog confirmed, {ANSWER_SECONDS:g} s an answer",
            measured=answering.rate,
            reference=plain.answered / (MEASURED_SECONDS / 3),
            unit="/s",
            beside=f"the answers alone, {OLD_AT_ONCE} at a time",
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    longest_ms: float
    without_backlog_ms: float
    rate: float  # answers from the provider per second


def wait_row(what: str, done: Worked) -> Row:
    return Row(
        what=f"{PENDING:,} callbacks pending: {what}",
        measured=done.longest_ms,
        reference=done.without_backlog_ms,
        unit="ms",
        beside="an empty inbox",
        goal=Goal(below=IN_TIME_MS),
    )


async def worked(path: Path, provider: SlowProvider, new_jobs: list[tuple[str, str]]) -> Worked:
    """Start on the backlog in `path` while new callbacks come in; then add some to an empty inbox."""
    async with open_storage(path) as storage:
        waits = await with_new_callbacks(storage, provider, new_jobs, seconds=MEASURED_SECONDS)
        rate = provider.answered / MEASURED_SECONDS
    with tempfile.TemporaryDirectory() as folder:
        async with open_storage(Path(folder) / "encore.db") as empty:
            jobs = await insert(empty, 40)
            alone = await with_new_callbacks(empty, provider, jobs, seconds=2)
    return Worked(longest_ms=max(waits) * 1000, without_backlog_ms=max(alone) * 1000, rate=rate)


async def with_new_callbacks(
    storage: SqlStorage, provider: SlowProvider, jobs: list[tuple[str, str]], *, seconds: float
) -> list[float]:
    """Run the worker that long, recording a new `text` callback every `EVERY_SECONDS`; returns how long each waited."""
    bells, waits = Bells(), Waits()
    queue = CallbackQueue(
        storage,
        parse_callback,
        waits.watching(Callbacks(storage, provider, silence_seconds=lambda: 90, bells=bells, clock=utc_now).apply),
        Operator(storage, FakeMessenger(), utc_now),
        bells.callbacks,
        utc_now,
        lease_seconds=38,
    )
    worker = asyncio.create_task(Worker("callbacks", queue, bells.callbacks, utc_now).run())
    ends_at = time.perf_counter() + seconds
    await asyncio.sleep(seconds / 10)  # callbacks recorded before the first look belong to the backlog
    for job_id, token in jobs:
        if time.perf_counter() > ends_at:
            break
        body = callback("text", f"task of {job_id}")
        waits.since[job_id] = time.perf_counter()
        await storage.record_callback(token=token, body=body, at=utc_now())
        bells.callbacks.ring()
        await asyncio.sleep(EVERY_SECONDS)
    await asyncio.sleep(max(0.0, ends_at - time.perf_counter()))
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return waits.seconds + [time.perf_counter() - since for since in waits.since.values()]


async def ask_for_ever(provider: SlowProvider) -> None:
    while True:
        await provider.report("any")


async def fill(path: Path) -> list[tuple[str, str]]:
    """Add running jobs with all callbacks pending, and further running jobs; returns the latter's ids and tokens."""
    async with open_storage(path) as storage:
        [(template, _)] = await insert(storage, 1)
        new_jobs = await insert(storage, NEW_JOBS)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        columns = [str(row[1]) for row in connection.execute("PRAGMA table_info(job)")]
        own = {
            "id": "printf('%032x', 1000000 + n)",
            "callback_token": "printf('%043d', n)",
            "task_id": "'task-' || n",
            "interaction_id": "n",
            "seat": "1000000 + n",
        }
        values = ", ".join(own.get(column, column) for column in columns)
        connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"  # noqa: S608  # our own columns
            f" INSERT INTO job SELECT {values} FROM job CROSS JOIN numbers WHERE id = ?",
            (JOBS, template),
        )
        for number in range(PENDING):
            kind, job = KINDS[number % len(KINDS)], number // len(KINDS) + 1
            connection.execute(
                "INSERT INTO callback SELECT ?, id, ?, 0 FROM job WHERE callback_token = printf('%043d', ?)",
                (number + 1, number.to_bytes(32, "big"), job),
            )
            body = callback(kind, f"task-{job}")
            connection.execute("INSERT INTO callback_body (callback_id, body) VALUES (?, ?)", (number + 1, body))
        connection.execute("UPDATE inbox SET newest_id = ?", (PENDING,))
        connection.execute("COMMIT")
    return new_jobs


async def insert(storage: SqlStorage, count: int) -> list[tuple[str, str]]:
    """Insert running jobs; returns their ids and callback tokens."""
    now = utc_now()
    jobs = [replace(a_job(member_id=number, accepted_at=now)) for number in range(count)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
            await work.jobs.save(
                replace(
                    job,
                    state=JobState.RUNNING,
                    task_id=f"task of {job.id}",
                    submitted_at=now,
                    due_at=now + timedelta(days=1),
                )
            )
    return [(job.id, job.callback_token) for job in jobs]


def callback(kind: str, task_id: str) -> bytes:
    tracks = [{"id": f"{task_id}-{track.id}", "audio_url": track.audio_url} for track in TRACKS]
    data = {"callbackType": kind, "task_id": task_id, "data": tracks if kind == "complete" else None}
    return json.dumps({"code": 200, "msg": "success", "data": data}).encode()


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
