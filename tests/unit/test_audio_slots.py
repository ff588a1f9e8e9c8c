"""Who waits for whom in front of the audio processes."""

import asyncio

import pytest

from bot.audio.slots import Slots


class Work:
    """Work that goes on until it is told to end."""

    def __init__(self, slots: Slots) -> None:
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.task = asyncio.create_task(self._run(slots))

    async def _run(self, slots: Slots) -> None:
        async with slots.one():
            self.has_begun.set()
            await self.may_end.wait()

    async def end(self) -> None:
        self.may_end.set()
        await self.task


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_work_is_done_at_once_than_there_are_places() -> None:
    slots = Slots(2)
    first, second, third = (Work(slots) for _ in range(3))
    await settled()
    assert [work.has_begun.is_set() for work in (first, second, third)] == [True, True, False]

    await second.end()
    await settled()

    assert third.has_begun.is_set()
    for work in (first, third):
        await work.end()


async def test_nobody_begins_while_somebody_waits_who_goes_first() -> None:
    first = Slots(1)
    later = Slots(2, after=first)
    running, waiting = Work(first), Work(first)
    await settled()
    picture = Work(later)
    await settled()
    assert not waiting.has_begun.is_set()
    assert not picture.has_begun.is_set()

    await running.end()
    await settled()

    assert waiting.has_begun.is_set()
    assert picture.has_begun.is_set()
    for work in (waiting, picture):
        await work.end()


async def test_those_who_go_first_never_wait_for_the_others() -> None:
    first = Slots(1)
    picture = Work(Slots(1, after=first))
    await settled()

    probe = Work(first)
    await settled()

    assert probe.has_begun.is_set()
    for work in (picture, probe):
        await work.end()


@pytest.mark.parametrize("when", ["waiting", "let in", "running"])
async def test_a_cancelled_one_gives_its_place_back(when: str) -> None:
    slots = Slots(1)
    running, cancelled = Work(slots), Work(slots)
    await settled()
    if when == "let in":  # in the same moment as its turn comes
        running.may_end.set()
        await asyncio.sleep(0)
    elif when == "running":
        await running.end()
        await settled()

    cancelled.task.cancel()
    await asyncio.wait({cancelled.task})
    running.may_end.set()
    await asyncio.wait({running.task})
    following = Work(slots)
    await settled()

    assert following.has_begun.is_set()
    await following.end()


async def test_a_cancelled_probe_lets_the_pictures_begin() -> None:
    first = Slots(1)
    later = Slots(1, after=first)
    running, waiting = Work(first), Work(first)
    await settled()
    picture = Work(later)
    await settled()

    waiting.task.cancel()
    await asyncio.wait({waiting.task})
    await settled()

    assert picture.has_begun.is_set()
    for work in (running, picture):
        await work.end()
