"""The stand-in's rate window, its bell, and its background tasks."""

import asyncio

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.suno.clock import Bell, Crew, RateWindow, ScaledClock


def test_a_window_has_room_again_when_its_oldest_has_left() -> None:
    moment = 100.0
    window = RateWindow(2, 10, now=lambda: moment)
    window.take()
    moment = 104.0
    window.take()

    full_at_once = window.has_room()
    moment = 109.9
    full_before = window.has_room()
    moment = 110.0

    assert (full_at_once, full_before, window.has_room()) == (False, False, True)


def test_a_limit_of_0_lets_everything_pass() -> None:
    window = RateWindow(0, 10)

    for _ in range(1000):
        window.take()

    assert window.has_room()


async def test_a_bell_wakes_those_whose_condition_now_holds() -> None:
    bell = Bell()
    seen: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(bell.wait_for(lambda: len(seen) == 2))
        for n in range(2):
            await asyncio.sleep(0)
            seen.append(n)
            bell.ring()


async def test_a_scaled_moment_that_has_passed_is_not_waited_for() -> None:
    clock = ScaledClock(1.0)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await clock.sleep_until(clock.now() - 200, 180)


async def test_an_error_in_the_background_is_raised_at_the_end() -> None:
    crew = Crew()
    ended = asyncio.Event()

    async def breaks() -> None:
        ended.set()
        raise KeyError("a fault")

    async def lasts() -> None:
        await asyncio.Event().wait()

    crew.start(breaks(), name="breaks")
    crew.start(lasts(), name="lasts")
    await ended.wait()

    with pytest.raises(ExceptionGroup, match="the stand-in"):
        await crew.stop()
