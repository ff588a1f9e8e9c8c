import asyncio

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import HANDOVER_SECONDS, Bell, Bells


async def resting(bell: Bell, *, seconds: float = 60, looked_at: float | None = None) -> "asyncio.Task[None]":
    if looked_at is not None:
        bell.let_others_rest(seen=bell.rung, seconds=seconds, looked_at=looked_at)
    task = asyncio.create_task(bell.wait(seen=bell.rung, timeout_seconds=seconds, looked_at=looked_at))
    await asyncio.sleep(0)
    return task


async def ended(*tasks: "asyncio.Task[None]") -> list[bool]:
    """Which have ended, once everything that was about to happen has happened."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_a_ring_wakes_one_worker_and_that_one_may_wake_another() -> None:
    bell = Bell()
    first, second = await resting(bell), await resting(bell)

    bell.ring()
    assert await ended(first, second) == [True, False]
    bell.wake_another()
    assert await ended(second) == [True]


async def test_the_time_wakes_one_of_several_workers_and_that_one_may_wake_another() -> None:
    bell = Bell()
    first, *others = [await resting(bell, seconds=0.01) for _ in range(4)]

    await asyncio.wait_for(first, PATIENCE_SECONDS)
    assert await ended(*others) == [False, False, False]
    bell.wake_another()
    assert await ended(*others) == [True, False, False]


async def test_the_next_worker_looks_soon_if_the_one_that_the_time_has_woken_is_held_up() -> None:
    bell = Bell()
    for worker in [await resting(bell, seconds=0.01) for _ in range(3)]:
        await asyncio.wait_for(worker, PATIENCE_SECONDS)


async def test_the_next_worker_looks_soon_if_the_one_that_a_ring_has_woken_is_held_up() -> None:
    bell, now = Bell(), asyncio.get_running_loop().time()
    both = [await resting(bell, seconds=3600, looked_at=now) for _ in range(2)]

    bell.ring()

    for worker in both:
        await asyncio.wait_for(worker, PATIENCE_SECONDS)


async def test_the_next_worker_need_not_look_if_the_one_that_was_woken_has_done_so() -> None:
    bell, now = Bell(), asyncio.get_running_loop().time()
    woken, deputy = [await resting(bell, seconds=3600, looked_at=now) for _ in range(2)]
    bell.ring()
    await asyncio.wait_for(woken, PATIENCE_SECONDS)

    looked_at = asyncio.get_running_loop().time()
    again = await resting(bell, seconds=2 * HANDOVER_SECONDS, looked_at=looked_at)

    await asyncio.wait([again, deputy], timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    assert asyncio.get_running_loop().time() >= looked_at + 2 * HANDOVER_SECONDS


async def test_a_worker_that_is_woken_and_cancelled_at_once_passes_the_ring_on() -> None:
    bell = Bell()
    gone, other = [await resting(bell, seconds=3600) for _ in range(2)]
    bell.ring()
    gone.cancel()

    assert await ended(gone, other) == [True, True]


async def test_a_worker_sleeps_as_long_as_the_latest_look_allows() -> None:
    bell, now = Bell(), asyncio.get_running_loop().time()
    outdated = await resting(bell, seconds=2.02, looked_at=now - 2)
    newest = await resting(bell, seconds=1.04, looked_at=now - 1)

    await asyncio.wait_for(outdated, PATIENCE_SECONDS)

    assert asyncio.get_running_loop().time() >= now + 0.04
    await asyncio.wait_for(newest, PATIENCE_SECONDS)


async def test_an_earlier_look_puts_off_no_later_one() -> None:
    bell, now = Bell(), asyncio.get_running_loop().time()
    newest = await resting(bell, seconds=1.01, looked_at=now - 1)
    earlier = await resting(bell, seconds=3600, looked_at=now - 2)

    await asyncio.wait_for(newest, PATIENCE_SECONDS)
    assert await ended(earlier) == [False]


async def test_a_worker_that_could_not_look_puts_off_nobody() -> None:
    bell, now = Bell(), asyncio.get_running_loop().time()
    other = await resting(bell, seconds=1.01, looked_at=now - 1)
    failed = await resting(bell, seconds=3600)

    await asyncio.wait_for(other, PATIENCE_SECONDS)
    assert await ended(failed) == [False]


async def test_the_time_wakes_the_others_when_the_first_of_them_is_cancelled() -> None:
    bell = Bell()
    gone, other = [await resting(bell, seconds=0.01) for _ in range(2)]
    gone.cancel()

    await asyncio.wait_for(other, PATIENCE_SECONDS)


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
