"""A state that several processes change: no change is lost, and an outage of the database delays nobody."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from bot.chat.shared_state import ANSWER_SECONDS, AWAY_SECONDS, Kept, Shared
from storage.errors import StorageUnavailable


class Count(msgspec.Struct, frozen=True):
    number: int = 0


@dataclass
class Database:
    """Texts by name, as the database keeps them."""

    texts: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    is_away: bool = False
    hangs: bool = False

    async def get(self, name: str) -> str | None:
        await self._answer()
        return self.texts.get(name)

    async def put(self, name: str, *, old: str | None, new: str) -> str:
        await self._answer()
        if self.texts.get(name, old) == old:
            self.texts[name] = new
        return self.texts[name]

    async def _answer(self) -> None:
        self.asked += 1
        if self.is_away:
            raise StorageUnavailable("stopped")
        if self.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(0)


def a_process(database: Database, steady: Callable[[], float] = lambda: 0.0) -> Kept[Count]:
    return Kept("songs", Count(), Shared(database, lambda: 100.0, steady=steady))


def one_more(count: Count) -> Count:
    return Count(count.number + 1)


async def test_no_change_is_lost_however_many_processes_make_them() -> None:
    database = Database()
    processes = [a_process(database) for _ in range(4)]

    await asyncio.gather(*(process.change(one_more) for process in processes for _ in range(50)))
    await processes[0].change(one_more)

    assert processes[0].state == Count(201)


async def test_one_process_alone_asks_once_for_each_change() -> None:
    database = Database()
    process = a_process(database)
    for _ in range(10):
        await process.change(one_more)

    assert database.asked == 10


async def test_a_change_that_changes_nothing_is_not_written() -> None:
    database = Database()

    assert await a_process(database).change(lambda count: count)
    assert database.asked == 0


async def test_a_refusal_counts_only_with_the_latest_state() -> None:
    database = Database()
    process, other = a_process(database), a_process(database)
    await process.change(lambda _: Count(10))
    await other.change(lambda _: Count(3))

    def take(count: Count) -> Count | None:
        return Count(count.number - 1) if count.number else None

    assert [await process.change(take) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("trouble", ["is_away", "hangs"])
async def test_in_an_outage_each_process_relies_on_what_it_knew(trouble: str) -> None:
    database = Database()
    process = a_process(database)
    await process.change(lambda _: Count(5))
    setattr(database, trouble, True)

    async with asyncio.timeout(ANSWER_SECONDS + 1):
        for _ in range(20):
            assert await process.change(one_more)

    assert process.state == Count(25)
    assert database.asked == 2


async def test_the_database_is_tried_again_once_the_outage_may_be_over() -> None:
    database, now = Database(is_away=True), [0.0]
    process, other = a_process(database, lambda: now[0]), a_process(database)
    await process.change(one_more)
    database.is_away = False
    await other.change(lambda _: Count(40))
    now[0] = AWAY_SECONDS
    await process.change(one_more)

    assert process.state == Count(41)


@pytest.mark.parametrize("text", ['a-1 200.000 {"number":7}', 'a-1 100.000 {"number":"many"}', "unreadable"])
async def test_a_state_from_a_wrong_clock_or_another_release_is_replaced(text: str) -> None:
    database = Database({"songs": text})
    process = a_process(database)
    await process.change(one_more)

    assert process.state == Count(1)
    assert database.texts["songs"].endswith('{"number":1}')


@pytest.mark.parametrize("is_away", [True, False])
async def test_what_was_known_before_the_clock_was_set_back_is_forgotten(*, is_away: bool) -> None:
    """Its times would hold everything up until the clock shows them again."""
    database, now = Database(), [5000.0]
    process = Kept("songs", Count(), Shared(database, lambda: now[0]))
    await process.change(lambda _: Count(7))
    now[0] -= 3600
    database.is_away = is_away
    await process.change(one_more)

    assert process.state == Count(1)


async def test_one_process_alone_keeps_it_in_memory() -> None:
    kept = Kept("songs", Count(), None)

    assert await kept.change(one_more)
    assert not await kept.change(lambda _: None)
    assert kept.state == Count(1)
