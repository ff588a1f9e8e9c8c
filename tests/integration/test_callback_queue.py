"""When recorded callbacks are applied, and that none gets in another's way."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.domain.inbox_entry import CallbackEntry
from bot.domain.reports import ReportKind, TaskReport
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell
from bot.services.common.worker import Worker
from bot.services.operator.notices import Operator
from bot.services.pipeline.callback_queue import NEW_AT_ONCE, OLD_AT_ONCE, TRIES, CallbackQueue
from storage.errors import StorageUnavailable
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.fakes import FakeMessenger, TurnedClock
from tests.support.storage_samples import a_job


class UnreadableError(ValueError):
    """Raised for a body that this version of the bot does not understand."""


@dataclass
class Town:
    """A queue on a database, with jobs whose callbacks have names; `applied` are the names applied."""

    storage: SqlStorage
    clock: TurnedClock
    messenger: FakeMessenger
    bell: Bell
    tokens: list[str]
    applied: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    can_read_all: bool = False  # what begins with "unreadable"
    errors: dict[str, Exception] = field(default_factory=dict)  # raised for these names every time
    slow: Callable[[str], bool] = lambda _name: False
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # what the slow ones wait for
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def queue(self) -> CallbackQueue:
        operator = Operator(self.storage, self.messenger, self.clock)
        return CallbackQueue(
            self.storage,
            self.parse,
            self.apply,
            operator,
            self.bell,
            self.clock,
            lease_seconds=38,
            backoff_base_seconds=1.0,
        )

    def parse(self, body: bytes) -> TaskReport:
        if body.startswith(b"unreadable") and not self.can_read_all:
            raise UnreadableError("code is no number of an answer")
        return TaskReport(task_id=body.decode(), kind=ReportKind.TEXT)

    async def apply(self, entry: CallbackEntry, told: TaskReport) -> None:
        name = str(told.task_id)
        await self._note(lambda: self.begun.add(name))
        if self.slow(name):
            await self.answered.wait()
        if name in self.errors:
            raise self.errors[name]
        async with self.storage.transaction() as work:
            await work.inbox.mark_applied(entry.id)
        await self._note(lambda: self.applied.append(name))

    async def record(self, *names: str) -> None:
        """Each for another job, as far as there are jobs."""
        await asyncio.gather(
            *(
                self.storage.record_callback(
                    token=self.tokens[number % len(self.tokens)], body=name.encode(), at=self.clock()
                )
                for number, name in enumerate(names)
            )
        )
        self.bell.ring()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(holds)

    async def pending(self) -> list[str]:
        return [entry.body.decode() for entry in await self.storage.reading.inbox.pending(limit=1000)]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[CallbackQueue]:
        """The queue with its worker."""
        queue = self.queue()
        task = asyncio.create_task(Worker("callbacks", queue, self.bell, self.clock).run())
        try:
            yield queue
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _note(self, change: Callable[[], object]) -> None:
        async with self.changed:
            change()
            self.changed.notify_all()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with asyncio.timeout(PATIENCE_SECONDS), open_storage(tmp_path / "encore.db") as storage:
        jobs = [a_job(member_id=number) for number in range(40)]
        async with storage.transaction() as work:
            for job in jobs:
                await work.jobs.insert(job)
        yield Town(storage, TurnedClock(), FakeMessenger(), Bell(), [job.callback_token for job in jobs])


async def run_dry(queue: CallbackQueue) -> None:
    while await queue.step():
        pass


async def test_every_callback_is_applied_once(town: Town) -> None:
    names = [f"callback {number}" for number in range(120)]
    await town.record(*names)
    queue = town.queue()

    await run_dry(queue)
    await town.record("one more")
    await run_dry(queue)

    assert sorted(town.applied) == sorted([*names, "one more"])
    assert await town.pending() == []


async def test_a_new_callback_passes_a_backlog_that_waits_for_slow_answers(town: Town) -> None:
    backlog = [f"old {number}" for number in range(100)]
    await town.record(*backlog)
    town.slow = lambda name: name.startswith("old")
    async with town.working():
        await town.until(lambda: len(town.begun) == OLD_AT_ONCE)

        await town.record("new")
        await town.until(lambda: "new" in town.applied)

        assert town.applied == ["new"]
        assert len(town.begun) == OLD_AT_ONCE + 1
        town.answered.set()
        await town.until(lambda: len(town.applied) == 101)


async def test_one_slow_answer_holds_up_no_other_callback(town: Town) -> None:
    await town.record("slow", *(f"old {number}" for number in range(60)))
    town.slow = lambda name: name.startswith("slow")
    async with town.working():
        await town.until(lambda: len(town.applied) == 60)
        await town.record("slow too", *(f"new {number}" for number in range(60)))
        await town.until(lambda: len(town.applied) == 120)

        town.answered.set()
        await town.until(lambda: len(town.applied) == 122)


async def test_only_a_limited_number_of_callbacks_is_handled_at_a_time(town: Town) -> None:
    town.slow = lambda _name: True
    async with town.working():
        await town.record("first")
        await town.until(lambda: "first" in town.begun)
        await town.record(*(f"new {number}" for number in range(100)))
        await town.until(lambda: len(town.begun) >= NEW_AT_ONCE)
        for _ in range(3):
            town.bell.ring()
            await town.storage.reading.inbox.newest_id()  # enough time to begin more of them

        assert len(town.begun) == NEW_AT_ONCE
        town.answered.set()
        await town.until(lambda: len(town.applied) == 101)


async def test_an_unreadable_callback_is_set_aside_and_the_others_are_applied(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.record("one", "unreadable", "two")

    await run_dry(town.queue())

    assert sorted(town.applied) == ["one", "two"]
    assert await town.pending() == []
    assert await town.storage.reading.inbox.count_set_aside() == 1
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert re.fullmatch(
        r"callback 2 of job \w{8} was set aside, 1 in all; it cannot be read: code is no number of an answer", line
    )
    [[sentence]] = town.messenger.operator
    assert sentence.facts == {"callback": "2", "count": 1}


async def test_the_operator_does_not_get_hundreds_of_notices_of_unreadable_callbacks(town: Town) -> None:
    queue = town.queue()
    await town.record("one", *(f"unreadable {number}" for number in range(150)))
    await run_dry(queue)

    assert town.applied == ["one"]
    assert await town.storage.reading.inbox.count_set_aside() == 150
    assert len(town.messenger.operator) == 1
    town.clock.turn(3700)
    await town.record("unreadable, later")
    await run_dry(queue)
    assert len(town.messenger.operator) == 2


async def test_a_start_retries_callbacks_that_were_set_aside(town: Town) -> None:
    await town.record("unreadable")
    await run_dry(town.queue())
    await run_dry(town.queue())
    assert town.applied == []
    assert len(town.messenger.operator) == 1  # of each callback once

    town.can_read_all = True
    await run_dry(town.queue())

    assert town.applied == ["unreadable"]
    assert await town.storage.reading.inbox.count_set_aside() == 0


async def test_an_unexpected_failure_is_retried_with_growing_pauses_then_set_aside(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town.errors["poisoned"] = ZeroDivisionError("of all things")
    await town.record("poisoned", *(f"callback {number}" for number in range(50)))
    queue = town.queue()
    await run_dry(queue)
    assert len(town.applied) == 50

    pauses = []
    while (due := await queue.next_due()) is not None:
        pauses.append((due - town.clock()).total_seconds())
        assert not await queue.step()  # not early
        town.clock.turn(pauses[-1])
        await run_dry(queue)

    assert len(pauses) == TRIES - 1
    assert pauses[-1] > 4 * pauses[0]
    assert await town.storage.reading.inbox.count_set_aside() == 1
    assert len(town.messenger.operator) == 1
    with_traceback = [record for record in caplog.records if record.exc_info]
    assert len(with_traceback) == 1
    assert with_traceback[0].getMessage() == "callback 1 failed at try 1 (of all things)"


async def test_a_callback_that_fails_for_a_while_is_applied_in_the_end(town: Town) -> None:
    town.errors["odd"] = ZeroDivisionError()
    await town.record("odd")
    queue = town.queue()
    await run_dry(queue)
    town.errors.clear()
    town.clock.turn(60)

    await run_dry(queue)

    assert town.applied == ["odd"]
    assert await queue.next_due() is None


async def test_an_outage_of_the_database_counts_against_no_callback(town: Town) -> None:
    town.errors["one"] = StorageUnavailable("database is locked")
    await town.record("one")
    queue = town.queue()
    for _ in range(3 * TRIES):
        await run_dry(queue)
        town.clock.turn(3)
    town.errors.clear()

    await run_dry(queue)

    assert town.applied == ["one"]
    assert town.messenger.operator == []


@pytest.mark.sqlite  # on PostgreSQL, the clock watch makes all callbacks due
async def test_no_callback_waits_long_after_the_clock_was_set_back(town: Town) -> None:
    town.errors["odd"] = ZeroDivisionError()
    await town.record("odd")
    queue = town.queue()
    await run_dry(queue)
    town.errors.clear()
    town.clock.turn(-86_400)

    await run_dry(queue)

    assert town.applied == ["odd"]


async def test_callbacks_under_way_at_the_stop_are_applied_after_the_next_start(town: Town) -> None:
    await town.record("slow")
    town.slow = lambda _name: True
    async with town.working():
        await town.until(lambda: "slow" in town.begun)
    assert town.applied == []
    assert await town.pending() == ["slow"]
    town.answered.set()

    await run_dry(town.queue())

    assert town.applied == ["slow"]


async def test_restarts_while_callbacks_come_in_miss_none(town: Town) -> None:
    for turn in range(6):
        town.begun.clear()
        async with town.working():
            await town.record(*(f"{turn} {number}" for number in range(40)))
            await town.until(lambda: bool(town.begun))
    await run_dry(town.queue())

    # If the stop came between the write and its note, a name is missing from `applied`.
    assert await town.pending() == []
    assert await town.storage.reading.inbox.count_set_aside() == 0
