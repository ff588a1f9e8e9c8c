"""One round of polls of 5,000 running jobs, at a provider that takes 200 ms per answer."""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.parts.pipeline import WATCHERS
from bot.services.common.bells import Bells
from bot.services.common.clock import utc_now
from bot.services.common.patience import Patience
from bot.services.common.worker import Worker
from bot.services.operator.isolation import Isolation
from bot.services.operator.notices import Operator
from bot.services.pipeline.watch import AT_ONCE, Watch, WatchTimes
from storage.storage import SqlStorage, open_storage
from tests.benchmarks.rows import Goal, Row, table
from tests.support.fakes import FakeMessenger, FakeProvider
from tests.support.storage_samples import a_job

JOBS = 5_000
ANSWER_SECONDS = 0.2
CYCLE_SECONDS = 30.0


@dataclass
class SlowProvider(FakeProvider):
    """Counts the polls; `all_asked` is set once every job has been polled."""

    all_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def report(self, task_id: str) -> TaskReport:
        await asyncio.sleep(ANSWER_SECONDS)
        self.asked.append(task_id)
        if len(self.asked) >= JOBS:
            self.all_asked.set()
        return TaskReport(task_id=task_id, kind=ReportKind.WAITING)


async def measure() -> list[Row]:
    """Half a minute."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_storage(Path(folder) / "encore.db") as storage:
            await _fill(storage)
            seconds, provider = await _cycle(storage)
    if len(set(provider.asked)) < JOBS:
        raise AssertionError(f"only {len(set(provider.asked))} of {JOBS} jobs were polled")
    return [
        Row(
            what=f"one polling cycle over {JOBS} running jobs, {ANSWER_SECONDS:g} s an answer",
            measured=seconds,
            reference=JOBS * ANSWER_SECONDS / (WATCHERS * AT_ONCE),
            unit="s",
            beside=f"the answers alone, {WATCHERS * AT_ONCE} at a time",
            goal=Goal(below=CYCLE_SECONDS),
        )
    ]


async def _cycle(storage: SqlStorage) -> tuple[float, SlowProvider]:
    """Seconds until every job has been polled once."""
    provider, bells = SlowProvider(), Bells()
    watch = Watch(
        storage,
        provider,
        Isolation(
            storage, Operator(storage, FakeMessenger(), utc_now), backoff_base_seconds=2, bells=Bells(), clock=utc_now
        ),
        times=WatchTimes(poll_every=3600, overdue=86400, give_up=864000),
        patience=Patience(spread_seconds=60),
        long_patience=Patience(spread_seconds=864000),
        silence_seconds=lambda: 90,
        bells=bells,
        clock=utc_now,
    )
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        workers = [
            group.create_task(Worker(f"watching {number}", watch, bells.watch, utc_now).run())
            for number in range(WATCHERS)
        ]
        await provider.all_asked.wait()
        seconds = time.perf_counter() - begun
        for worker in workers:
            worker.cancel()
    return seconds, provider


async def _fill(storage: SqlStorage) -> None:
    now = utc_now()
    async with storage.transaction() as work:
        for number in range(JOBS):
            job = replace(a_job(member_id=number, accepted_at=now), due_at=now - timedelta(seconds=1))
            await work.jobs.insert(job)
            await work.jobs.save(
                replace(job, state=JobState.RUNNING, task_id=f"task-{number}", submitted_at=now, heard_at=now)
            )


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
