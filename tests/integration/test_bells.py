import asyncio

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell, Bells


async def resting(bell: Bell) -> "asyncio.Task[None]":
    task = asyncio.create_task(bell.wait(seen=bell.rung, timeout_seconds=60))
    await asyncio.sleep(0)
    return task


async def test_a_ring_wakes_one_worker_and_that_one_may_wake_another() -> None:
    bell = Bell()
    first, second = await resting(bell), await resting(bell)

    bell.ring()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [first.done(), second.done()] == [True, False]
    bell.wake_another()
    await asyncio.wait_for(second, PATIENCE_SECONDS)


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
