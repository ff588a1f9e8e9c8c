"""Requests pass in the order of urgency, and those that cannot wait are turned away at once."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from bot.chat.global_budget import LIMIT, MAY_USE, WINDOW_SECONDS, Urgency
from bot.chat.global_limit import EDIT_SPACING_SECONDS, GlobalLimit
from bot.sandbox.patience import PATIENCE_SECONDS

RESULT, MESSAGE, EDIT = Urgency


def a_limit(clock: Callable[[], float] = time.monotonic) -> GlobalLimit:
    return GlobalLimit(clock, None)


async def settled() -> None:
    """Every task has come as far as it can without time passing."""
    for _ in range(5):
        await asyncio.sleep(0)


async def used_up(limit: GlobalLimit, urgency: Urgency = RESULT) -> None:
    for _ in range(MAY_USE[urgency]):
        await limit.pass_through(urgency)


async def test_a_full_window_is_waited_for() -> None:
    limit = a_limit()
    began = time.monotonic()
    await asyncio.gather(*(limit.pass_through(RESULT) for _ in range(LIMIT + 1)))

    assert time.monotonic() - began > WINDOW_SECONDS - 0.01


async def test_results_pass_messages_that_came_earlier() -> None:
    limit, passed = a_limit(), list[Urgency]()
    await used_up(limit)

    async def one(urgency: Urgency) -> None:
        await limit.pass_through(urgency)
        passed.append(urgency)

    waiting = [asyncio.create_task(one(MESSAGE)) for _ in range(MAY_USE[MESSAGE] + 2)]
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(one(RESULT)) for _ in range(3)]
    await asyncio.gather(*waiting)

    assert passed[:3] == [RESULT] * 3


async def test_a_result_takes_what_messages_must_leave_while_they_wait() -> None:
    limit = a_limit()
    await used_up(limit, MESSAGE)
    waiting = asyncio.create_task(limit.pass_through(MESSAGE))
    await settled()

    await limit.pass_through(RESULT)

    assert not waiting.done()
    await waiting


async def test_edits_are_turned_away_at_once_and_come_back_one_by_one() -> None:
    now = [100.0]
    limit = a_limit(lambda: now[0])
    await used_up(limit, EDIT)

    assert not await limit.edit_passes()
    put_off = [limit.put_off_seconds() for _ in range(10)]

    assert put_off[0] == pytest.approx(WINDOW_SECONDS)
    assert [late - early for early, late in pairwise(put_off)] == pytest.approx([EDIT_SPACING_SECONDS] * 9)
    now[0] += put_off[0]
    assert await limit.edit_passes()


async def test_edits_stay_away_while_a_post_waits() -> None:
    limit = a_limit()
    await used_up(limit)
    waiting = asyncio.create_task(limit.pass_through(MESSAGE))
    await settled()

    assert limit.edits_wait_seconds
    await waiting
    assert limit.edits_wait_seconds


@pytest.mark.parametrize("first", [True, False])
async def test_a_cancelled_request_makes_room_for_the_next(first: bool) -> None:
    limit = a_limit()
    await used_up(limit)
    waiting = [asyncio.create_task(limit.pass_through(RESULT)) for _ in range(2)]
    await settled()

    waiting[0 if first else 1].cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await waiting[1 if first else 0]


async def test_everything_waits_after_a_refusal_of_everything() -> None:
    now = [100.0]
    limit = a_limit(lambda: now[0])
    await limit.refused(retry_after=3.0)

    assert not await limit.edit_passes()
    now[0] = 103.0
    assert await limit.edit_passes()
