"""How many callbacks can be recorded durably per second, and how much shared commits gain."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from bot.domain.inbox_entry import Recorded
from storage.inbox import CALLBACKS_PER_JOB
from storage.storage import SqlStorage, open_storage
from tests.benchmarks.rows import Row, table
from tests.support.storage_samples import NOW, a_job

TASKS = 200
TOGETHER = 12_000
ONE_BY_ONE = 300
TURNS = 7
"""How often shared commits and single ones are measured, alternating: one turn alone says little about a disk."""
SHARED = 2_000
SINGLE = 1_000
BODY = b'{"code":200,"msg":"All generated successfully.","data":{"callbackType":"complete"}}' + b" " * 2_000


async def measure() -> list[Row]:
    """Measure rates on one disk; some twenty seconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_storage(Path(folder) / "encore.db") as storage:
            tokens = await _fill(storage)

            async def one_callback(number: int) -> None:
                body = b"%d" % number + BODY
                _expect_new(await storage.record_callback(token=tokens[number % len(tokens)], body=body, at=NOW))

            async def one_transaction(number: int) -> None:
                await storage.write(lambda work: work.memos.put(f"number {number % TASKS}", str(number)))

            together = await _rate(TOGETHER, TASKS, one_callback)
            one_by_one = await _rate(ONE_BY_ONE, 1, lambda number: one_callback(TOGETHER + number))
            shared, alone = [], []
            for _ in range(TURNS):
                shared.append(await _rate(SHARED, TASKS, one_transaction))
                alone.append(await _rate(SINGLE, 1, one_transaction))
    return [
        Row(
            what=f"callbacks recorded, {TASKS} tasks at once",
            measured=together,
            reference=one_by_one,
            unit="/s",
            beside="one callback after the other",
        ),
        Row(
            what=f"transactions that share commits, {TASKS} tasks at once, median of {TURNS} turns",
            measured=median(shared),
            reference=median(alone),
            unit="/s",
            beside="one transaction after the other",
        ),
    ]


async def _fill(storage: SqlStorage) -> list[str]:
    """Add enough jobs for all the callbacks; returns their tokens."""
    jobs = [a_job(member_id=number) for number in range((TOGETHER + ONE_BY_ONE) // CALLBACKS_PER_JOB * 4)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
    return [job.callback_token for job in jobs]


def _expect_new(recorded: Recorded) -> None:
    if recorded is not Recorded.NEW:
        raise AssertionError(f"a callback was not written: {recorded}")


async def _rate(times: int, tasks: int, act: Callable[[int], Awaitable[None]]) -> float:
    """Acts per second, `tasks` of them at any time."""
    numbers = iter(range(times))

    async def run() -> None:
        for number in numbers:
            await act(number)

    begun = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(tasks)))
    return times / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
