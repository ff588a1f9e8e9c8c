"""Requests from many tasks are handled together."""

import asyncio
from collections.abc import Sequence

import pytest

from storage.batches import Batches


class Doubling:
    """Doubles numbers once allowed; keeps the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def handle(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [2 * number for number in numbers]

    def batches_of(self, *, seconds: float = 20) -> Batches[int, int]:
        return Batches(self.handle, seconds=seconds, name="double")


async def test_items_that_arrive_during_a_batch_go_into_the_next() -> None:
    doubling = Doubling()
    batches = doubling.batches_of()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [group.create_task(batches.add(1))]
        await asyncio.sleep(0)
        tasks += [group.create_task(batches.add(number)) for number in (2, 3)]
        asyncio.get_running_loop().call_soon(doubling.gate.set)

    assert [task.result() for task in tasks] == [2, 4, 6]
    assert doubling.batches == [[1], [2, 3]]


async def test_an_error_reaches_only_its_own_batch() -> None:
    doubling = Doubling()
    doubling.error = ZeroDivisionError()
    doubling.gate.set()
    batches = doubling.batches_of()

    failed = await asyncio.gather(batches.add(1), batches.add(2), return_exceptions=True)
    doubling.error = None

    assert [type(error) for error in failed] == [ZeroDivisionError] * 2
    assert await batches.add(3) == 6


async def test_nobody_waits_beyond_the_time_limit_and_work_continues_afterwards() -> None:
    doubling = Doubling()
    batches = doubling.batches_of(seconds=0.05)
    async with asyncio.timeout(10):
        waiting = [asyncio.create_task(batches.add(1))]
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(batches.add(2)))

        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [TimeoutError] * 2

        doubling.gate.set()
        assert await batches.add(3) == 6
        await batches.close()


async def test_a_caller_that_leaves_does_not_hold_up_the_others() -> None:
    doubling = Doubling()
    batches = doubling.batches_of()
    async with asyncio.timeout(10):
        first, second = asyncio.create_task(batches.add(1)), asyncio.create_task(batches.add(2))
        await asyncio.sleep(0)
        first.cancel()
        doubling.gate.set()

        assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
