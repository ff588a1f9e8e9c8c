"""What progress messages cost while many jobs wait: a pass with nothing new, and each change to a job.

The bot's service on a real database; its messages go nowhere. The reference is the same with ten waiting jobs.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from bot.domain.jobs import JobEvent, JobState
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.operator.notices import Operator
from bot.services.pipeline.progress import Progress, ProgressTimes
from storage.storage import SqlStorage, open_storage
from tests.benchmarks.rows import Goal, Row
from tests.support.fakes import FakeMessenger, TurnedClock
from tests.support.storage_samples import a_job

WAITING = 10_000
PASSES = 100
WAITING_BESIDE_CHANGES = 1_000
CHANGES = 200
FEW = 10
CHANGE_SECONDS = 0.5
"""The provider takes two jobs per second."""
HEARTBEAT_SECONDS = 0.001


async def measure() -> list[Row]:
    """About a minute, mostly for filling the databases."""
    many_ms, many_stall_ms = await passes(WAITING)
    few_ms, few_stall_ms = await passes(FEW)
    return [
        Row(
            what=f"a progress pass with {WAITING:,} jobs waiting and nothing new",
            measured=many_ms,
            reference=few_ms,
            unit="ms",
            beside=f"the same with {FEW} waiting",
            goal=Goal(below=100),
        ),
        Row(
            what=f"the longest that {PASSES} such passes held up the event loop",
            measured=many_stall_ms,
            reference=few_stall_ms,
            unit="ms",
            beside=f"the same with {FEW} waiting",
            goal=Goal(below=20),
        ),
        Row(
            what=f"CPU for each change of a job with {WAITING_BESIDE_CHANGES:,} waiting",
            measured=await changes(WAITING_BESIDE_CHANGES),
            reference=await changes(CHANGES + FEW),
            unit="ms",
            beside=f"the same with {CHANGES + FEW} waiting at first",
            goal=Goal(below=10),
        ),
    ]


async def passes(waiting: int) -> tuple[float, float]:
    """Milliseconds for a pass (median) and for the longest stall during all of them."""
    async with a_queue(waiting) as (_, progress, messenger, _):
        messenger.shown.clear()
        times, stalls = [], Stalls()
        async with stalls.watched():
            for _ in range(PASSES):
                began_at = time.perf_counter()
                is_behind = await progress.step()
                times.append(time.perf_counter() - began_at)
                if is_behind or messenger.shown:
                    raise AssertionError("something was new")
    return median(times) * 1000, stalls.longest * 1000


async def changes(waiting: int) -> float:
    """Milliseconds of CPU for submitting one job and for all the edits that follow."""
    async with a_queue(waiting) as (storage, progress, messenger, clock):
        messenger.shown.clear()
        began_at = time.process_time()
        for _ in range(CHANGES):
            await submit(storage, clock)
            while await progress.step():
                pass
            clock.turn(CHANGE_SECONDS)
        spent = time.process_time() - began_at
        if len(messenger.shown) < CHANGES:
            raise AssertionError("the changes were not shown")
    return spent / CHANGES * 1000


async def submit(storage: SqlStorage, clock: TurnedClock) -> None:
    """Submit like the submitting workers."""
    async with storage.transaction() as work:
        job = await work.jobs.claim_turn(now=clock(), until=clock() + timedelta(seconds=30))
    if job is None or job.state is not JobState.SUBMITTING:
        raise AssertionError("nothing is waiting")
    async with storage.transaction() as work:
        at = clock()
        started = replace(job, submitted_at=at).after(JobEvent.STARTED, task_id=f"task-{job.id}", due_at=at)
        await settle.save(work, started, before=job, at=at)


@asynccontextmanager
async def a_queue(waiting: int) -> AsyncIterator[tuple[SqlStorage, Progress, FakeMessenger, TurnedClock]]:
    """This many jobs, each of another member, with all messages up to date."""
    clock, messenger = TurnedClock(), FakeMessenger()
    with tempfile.TemporaryDirectory(prefix="encore-progress-") as folder:
        async with open_storage(Path(folder) / "encore.db") as storage:
            async with storage.transaction() as work:
                for number in range(waiting):
                    job = replace(a_job(member_id=number + 1, accepted_at=clock()), progress_message_id=number + 1)
                    await settle.insert(work, job, at=clock())
            operator = Operator(storage, messenger, clock)
            progress = Progress(
                storage, messenger, operator, quota_per_day=10, times=ProgressTimes(every=4), bells=Bells(), clock=clock
            )
            while await progress.step():
                pass
            clock.turn(60)
            yield storage, progress, messenger, clock


class Stalls:
    """How long the loop delayed a task that wants to run every millisecond."""

    def __init__(self) -> None:
        self.longest = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            began_at = time.perf_counter()
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self.longest = max(self.longest, time.perf_counter() - began_at - HEARTBEAT_SECONDS)
