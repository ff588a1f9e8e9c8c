import asyncio
import re
from pathlib import Path

import pytest

from bot import fault_points
from bot.fault_points import BESIDE_JOBS, HOLDABLE, POINTS, hold, pause_at
from bot.sandbox.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
CALLED = re.compile(r'fault_points\.(reach|pause_at)\("([^"]+)"\)')


async def test_a_held_point_stops_a_task_until_it_is_released() -> None:
    steps = []

    async def walk() -> None:
        steps.append("before")
        await pause_at("before the post")
        steps.append("after")

    async with hold("before the post") as point:
        walking = asyncio.create_task(walk())
        await point.reached()
        assert steps == ["before"]

        point.release()
        await walking

    assert steps == ["before", "after"]


async def test_a_released_point_stops_nobody_else() -> None:
    async with hold("before the post") as point:
        point.release()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await pause_at("before the post")


async def test_each_wait_is_for_one_more_task() -> None:
    async with hold("before the post") as point:
        walking = [asyncio.create_task(pause_at("before the post")) for _ in range(2)]
        await point.reached()
        await point.reached()
        with pytest.raises(TimeoutError):
            await point.reached(timeout=0.01)

        point.release()
        await asyncio.gather(*walking)


async def test_leaving_the_block_releases_the_point_even_after_an_error() -> None:
    walking = asyncio.create_task(asyncio.sleep(0))

    async def fail() -> None:
        nonlocal walking
        async with hold("before the post") as point:
            walking = asyncio.create_task(pause_at("before the post"))
            await point.reached()
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await walking


async def test_only_the_held_point_stops() -> None:
    async with hold("before the post"), asyncio.timeout(PATIENCE_SECONDS):
        await pause_at("after the post")


@pytest.mark.parametrize("name", ["before lunch", "inside a migration"])
async def test_an_unknown_point_cannot_be_held(name: str) -> None:
    with pytest.raises(ValueError, match=f"no point '{name}' to hold"):
        async with hold(name):
            pass


async def test_a_point_is_held_by_one_test_at_a_time() -> None:
    async with hold("before the post"):
        with pytest.raises(ValueError, match="held already"):
            async with hold("before the post"):
                pass


def test_an_unknown_point_cannot_be_armed() -> None:
    with pytest.raises(ValueError, match="no fault point 'before lunch'"):
        fault_points.arm("before lunch")


def test_every_point_is_in_the_code() -> None:
    """And the code names no others; points that can be held use `pause_at`."""
    called = [
        (how, name)
        for folder in ("bot", "cogs", "storage")
        for path in (ROOT / folder).rglob("*.py")
        for how, name in CALLED.findall(path.read_text(encoding="utf-8"))
    ]

    assert {name for _, name in called} == POINTS | HOLDABLE
    assert {name for how, name in called if how == "reach"} == (POINTS | BESIDE_JOBS) - HOLDABLE
