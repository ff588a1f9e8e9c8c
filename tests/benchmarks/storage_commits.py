"""How many callbacks can be recorded durably in a second, and what committing them together gains."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.domain.callbacks import Recorded
from storage.database import open_database
from storage.inbox import CALLBACKS_PER_JOB, CallbackToRecord, Inbox
from storage.storage import SqliteStorage, open_storage
from tests.benchmarks.rows import Row, table
from tests.support.storage_samples import NOW, a_job

TASKS = 200
TOGETHER = 12_000
ONE_BY_ONE = 300
SHARED = 3_000
ONE_BY_ONE_IS = "one transaction after the other"
BODY = b'{"code":200,"msg":"All generated successfully.","data":{"callbackType":"complete"}}' + b" " * 2_000


async def measure() -> list[Row]:
    """Rates on one disk; a few seconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_storage(Path(folder) / "encore.db") as storage:
            tokens = await _fill(storage)
            together = await _rate(TOGETHER, TASKS, lambda number: _record(storage, tokens, number))
        async with open_database(Path(folder) / "encore.db") as database:

            async def one_transaction(number: int) -> None:
                async with database.transaction() as connection:
                    recorded = await Inbox(connection).record([_callback(tokens, TOGETHER + number)])
                _expect_new(recorded[0])

            one_by_one = await _rate(ONE_BY_ONE, 1, one_transaction)
            shared = await _rate(SHARED, TASKS, lambda number: one_transaction(ONE_BY_ONE + number))
    return [
        Row(
            what=f"callbacks recorded, {TASKS} tasks at once",
            measured=together,
            reference=one_by_one,
            unit="/s",
            beside=ONE_BY_ONE_IS,
        ),
        Row(
            what=f"transactions that share commits, {TASKS} tasks at once",
            measured=shared,
            reference=one_by_one,
            unit="/s",
            beside=ONE_BY_ONE_IS,
        ),
    ]


async def _fill(storage: SqliteStorage) -> list[str]:
    """Enough jobs for all the callbacks; their tokens."""
    jobs = [a_job(member_id=number) for number in range((TOGETHER + ONE_BY_ONE + SHARED) // CALLBACKS_PER_JOB * 4)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
    return [job.callback_token for job in jobs]


def _callback(tokens: list[str], number: int) -> CallbackToRecord:
    return CallbackToRecord(token=tokens[number % len(tokens)], digest=number.to_bytes(32, "big"), body=BODY, at=NOW)


async def _record(storage: SqliteStorage, tokens: list[str], number: int) -> None:
    callback = _callback(tokens, number)
    _expect_new(
        await storage.record_callback(token=callback.token, digest=callback.digest, body=callback.body, at=callback.at)
    )


def _expect_new(recorded: Recorded) -> None:
    if recorded is not Recorded.NEW:
        raise AssertionError(f"a callback was not written: {recorded}")


async def _rate(times: int, tasks: int, act: Callable[[int], Awaitable[None]]) -> float:
    """Acts in a second, `tasks` of them at any time."""
    numbers = iter(range(times))

    async def run() -> None:
        for number in numbers:
            await act(number)

    begun = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(tasks)))
    return times / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(table(asyncio.run(measure())))
