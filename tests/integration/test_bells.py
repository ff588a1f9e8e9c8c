import asyncio

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell, Bells


async def resting(bell: Bell, *, seconds: float = 60) -> "asyncio.Task[None]":
    task = asyncio.create_task(bell.wait(seen=bell.rung, timeout_seconds=seconds))
    await asyncio.sleep(0)
    return task


async def ended(*tasks: "asyncio.Task[None]") -> list[bool]:
    """Which have ended, once everything that was about to happen has happened."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_a_ring_wakes_one_worker_and_that_one_may_wake_another() -> None:
    bell = Bell()
    both = await resting(bell), await resting(bell)

    bell.ring()
    assert sorted(await ended(*both)) == [False, True]
    bell.wake_another()
    assert await ended(*both) == [True, True]


async def test_the_time_wakes_one_of_several_workers_and_that_one_may_wake_another() -> None:
    bell = Bell()
    first = await resting(bell, seconds=0.01)
    others = [await resting(bell, seconds=0.01) for _ in range(3)]

    await asyncio.wait_for(first, PATIENCE_SECONDS)
    assert await ended(*others) == [False, False, False]
    bell.wake_another()
    assert await ended(*others) == [True, False, False]


async def test_a_worker_with_an_earlier_time_than_the_others_keeps_it() -> None:
    bell = Bell()
    late, early = await resting(bell), await resting(bell, seconds=0.01)

    await asyncio.wait_for(early, PATIENCE_SECONDS)

    assert await ended(late) == [False]
    bell.ring()
    assert await ended(late) == [True]


async def test_the_others_do_not_oversleep_when_the_one_that_keeps_the_time_is_cancelled() -> None:
    bell = Bell()
    gone, *others = [await resting(bell) for _ in range(3)]
    gone.cancel()

    assert await ended(gone, *others) == [True, True, False]


async def test_a_ring_between_the_look_and_the_sleep_is_not_missed() -> None:
    bell = Bell()
    seen = bell.rung
    bell.ring()

    await asyncio.wait_for(bell.wait(seen=seen, timeout_seconds=60), PATIENCE_SECONDS)


async def test_a_cancelled_worker_takes_no_ring_from_the_others() -> None:
    bell = Bell()
    gone, other = await resting(bell), await resting(bell)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    bell.ring()

    await asyncio.wait_for(other, PATIENCE_SECONDS)


def test_each_ring_is_passed_on_by_name_but_one_from_elsewhere_is_not() -> None:
    passed_on: list[str] = []
    bells = Bells(passed_on.append)

    bells.submit.ring()
    bells.all_due()
    bells.ring_here("deliver")
    bells.ring_here("of a newer version")
    bells.ring_all_here()

    assert passed_on == ["submit", "submit", "watch", "deliver", "progress", "intake", "votes", "relays", "lyrics"]
    assert (bells.submit.rung, bells.deliver.rung, bells.callbacks.rung) == (3, 3, 1)
