"""The event loop adds transactions to the queue, and the connection's thread takes them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from storage.engines.base import Connection
from storage.engines.sqlite_pieces import Part, Queue


async def nothing(connection: Connection) -> None:
    pass


def parts_for(queue: Queue, *, count: int) -> list[Part[None]]:
    return [Part(nothing, deadline=0, queue=queue) for _ in range(count)]


async def test_parts_leave_in_the_order_in_which_they_came() -> None:
    queue = Queue()
    added = parts_for(queue, count=5)
    for part in added:
        queue.add(part)

    assert [*queue.take(3), *queue.take(3)] == added
    assert not queue


async def test_parts_that_are_put_back_go_first() -> None:
    queue = Queue()
    first, second, third = parts_for(queue, count=3)
    for part in (first, second):
        queue.add(part)
    taken = queue.take(2)
    queue.add(third)
    queue.put_back(taken)

    assert queue.take(3) == [first, second, third]


async def test_a_part_that_was_taken_cannot_be_withdrawn() -> None:
    queue = Queue()
    first, second = parts_for(queue, count=2)
    for part in (first, second):
        queue.add(part)
    queue.take(1)

    assert not queue.withdraw(first.answer)
    assert queue.withdraw(second.answer)
    assert not queue


async def test_each_part_is_taken_or_withdrawn_once_whatever_two_threads_do() -> None:
    queue = Queue()
    added = parts_for(queue, count=2_000)

    def take() -> list[Part[None]]:
        taken: list[Part[None]] = []
        while not ended.is_set() or queue:
            taken += queue.take(7)
        return taken

    ended = asyncio.Event()
    with ThreadPoolExecutor(1) as pool:
        taking = asyncio.get_running_loop().run_in_executor(pool, take)
        withdrawn = []
        for number, part in enumerate(added):
            queue.add(part)
            if number % 3 == 0 and queue.withdraw(part.answer):
                withdrawn.append(part)
        ended.set()
        taken = await taking

    assert len(taken) + len(withdrawn) == len(added)
    assert {id(part) for part in [*taken, *withdrawn]} == {id(part) for part in added}
