"""Requests from many tasks are handled together."""

import asyncio

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage.batches import BATCH_MAX, Batches, Take


class Doubling:
    """Doubles numbers: a batch may begin if `may_begin` is set, and ends once `may_end` is. Keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self.may_end = asyncio.Event()
        self.error: Exception | None = None
        self.handed_over = 0

    async def handle(self, take: Take[int]) -> list[int]:
        self.handed_over += 1
        await self.may_begin.wait()
        numbers = take()
        self.batches.append(list(numbers))
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return [2 * number for number in numbers]

    def batches_of(self, *, seconds: float = 20) -> Batches[int, int]:
        return Batches(self.handle, seconds=seconds, name="double")


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_items_that_arrive_before_a_batch_begins_go_into_it() -> None:
    doubling = Doubling()
    doubling.may_begin.clear()
    doubling.may_end.set()
    batches = doubling.batches_of()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        tasks = [group.create_task(batches.add(number)) for number in (1, 2)]
        await settled()
        tasks.append(group.create_task(batches.add(3)))
        await settled()
        doubling.may_begin.set()

    assert [task.result() for task in tasks] == [2, 4, 6]
    assert doubling.batches == [[1, 2, 3]]


async def test_the_next_batch_is_handed_over_while_one_is_being_handled() -> None:
    doubling = Doubling()
    batches = doubling.batches_of()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        tasks = [group.create_task(batches.add(1))]
        await settled()
        doubling.may_begin.clear()
        tasks += [group.create_task(batches.add(number)) for number in (2, 3)]
        await settled()

        assert (doubling.handed_over, doubling.batches) == (2, [[1]])
        doubling.may_begin.set()
        doubling.may_end.set()

    assert [task.result() for task in tasks] == [2, 4, 6]
    assert doubling.batches == [[1], [2, 3]]


async def test_a_batch_takes_only_so_many() -> None:
    doubling = Doubling()
    doubling.may_end.set()
    batches = doubling.batches_of()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(batches.add(number) for number in range(BATCH_MAX + 1)))

    assert [len(batch) for batch in doubling.batches] == [BATCH_MAX, 1]


async def test_a_batch_that_fails_before_it_begins_fails_alone() -> None:
    async def handle(take: Take[int]) -> list[int]:
        await asyncio.sleep(0)
        if not failed:
            failed.append(True)
            raise ZeroDivisionError
        return list(take())

    failed: list[bool] = []
    batches = Batches(handle, seconds=20, name="fail once")
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ZeroDivisionError):
            await batches.add(1)
        assert await batches.add(2) == 2


async def test_whatever_has_waited_too_long_for_its_batch_to_begin_is_not_handled_later() -> None:
    doubling = Doubling()
    doubling.may_begin.clear()
    doubling.may_end.set()
    batches = doubling.batches_of(seconds=0.05)
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(TimeoutError):
            await batches.add(1)
        waiting = asyncio.create_task(batches.add(2))
        await settled()
        doubling.may_begin.set()

        assert await waiting == 4
    assert (doubling.batches, doubling.handed_over) == ([[2]], 1)


async def test_an_error_reaches_only_its_own_batch() -> None:
    doubling = Doubling()
    doubling.error = ZeroDivisionError()
    doubling.may_end.set()
    batches = doubling.batches_of()

    failed = await asyncio.gather(batches.add(1), batches.add(2), return_exceptions=True)
    doubling.error = None

    assert [type(error) for error in failed] == [ZeroDivisionError] * 2
    assert await batches.add(3) == 6


async def test_nobody_waits_beyond_the_time_limit_and_work_continues_afterwards() -> None:
    doubling = Doubling()
    batches = doubling.batches_of(seconds=0.05)
    async with asyncio.timeout(PATIENCE_SECONDS):
        waiting = [asyncio.create_task(batches.add(1))]
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(batches.add(2)))

        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [TimeoutError] * 2

        doubling.may_end.set()
        assert await batches.add(3) == 6
        await batches.close()


async def test_a_caller_that_leaves_does_not_hold_up_the_others() -> None:
    doubling = Doubling()
    batches = doubling.batches_of()
    async with asyncio.timeout(PATIENCE_SECONDS):
        first, second = asyncio.create_task(batches.add(1)), asyncio.create_task(batches.add(2))
        await asyncio.sleep(0)
        first.cancel()
        doubling.may_end.set()

        assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
