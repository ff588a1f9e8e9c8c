"""A channel's few requests are shared out: results first, edits when nothing else needs them, hardly ever a 429."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.chat.channel_budget import CALM_SECONDS, Kind
from bot.chat.global_budget import LIMIT as LIMIT_OF_ALL
from bot.chat.global_budget import Urgency
from bot.chat.pacing import EXPECTED_SECONDS, Pacer
from bot.chat.shared_state import Shared
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import RouteBusy
from tests.unit.test_shared_state import Database

SONGS = 300
WINDOW_SECONDS = 0.4
LIMIT = 5


@dataclass
class Bucket:
    """A channel that takes `LIMIT` requests per window, which slides or begins with its first request.

    `apart`: posts and edits are counted separately.
    """

    pacer: Pacer
    slides: bool
    apart: bool
    used: dict[Kind | None, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    refused: int = 0
    taken: list[str] = field(default_factory=list)

    async def ask(self, name: str, kind: Kind = Kind.POST) -> None:
        """Like discord.py: repeat a refused request after the time that the answer names."""
        used = self.used[kind if self.apart else None]
        while True:
            await asyncio.sleep(0.005)
            now = time.monotonic()
            if self.slides:
                while used and used[0] <= now - WINDOW_SECONDS:
                    used.popleft()
            elif used and used[0] <= now - WINDOW_SECONDS:
                used.clear()
            reset_after = WINDOW_SECONDS - (now - used[0]) if used else WINDOW_SECONDS
            is_taken = len(used) < LIMIT
            if is_taken:
                used.append(now)
                self.taken.append(name)
            headers = {
                "X-RateLimit-Limit": str(LIMIT),
                "X-RateLimit-Remaining": str(LIMIT - len(used)),
                "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            }
            await asyncio.sleep(0.005)
            await self.pacer.heard(SONGS, kind, 200 if is_taken else 429, headers)
            if is_taken:
                return
            self.refused += 1
            await asyncio.sleep(reset_after)


@asynccontextmanager
async def a_bucket(*, slides: bool = False, apart: bool = False) -> AsyncIterator[tuple[Pacer, Bucket]]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        pacer = Pacer()
        yield pacer, Bucket(pacer, slides, apart)


def posting(pacer: Pacer, bucket: Bucket, name: str, urgency: Urgency = Urgency.RESULT) -> Awaitable[None]:
    async def post() -> None:
        async with pacer.post(SONGS, urgency):
            await bucket.ask(name)

    return asyncio.create_task(post())


async def edit(pacer: Pacer, bucket: Bucket, name: str) -> None:
    """Like the progress workers: if busy, try again when it should be free."""
    while True:
        try:
            async with pacer.edit(SONGS):
                await bucket.ask(name, Kind.EDIT)
        except RouteBusy as busy:
            await asyncio.sleep(busy.seconds)
        else:
            return


@pytest.mark.parametrize("slides", [True, False])
@pytest.mark.parametrize("apart", [True, False])
async def test_many_results_and_edits_at_once_are_never_refused(slides: bool, apart: bool) -> None:
    async with a_bucket(slides=slides, apart=apart) as (pacer, bucket):
        results = [posting(pacer, bucket, f"result {number}") for number in range(12)]
        edits = [asyncio.create_task(edit(pacer, bucket, "edit")) for _ in range(3)]
        await asyncio.gather(*results, *edits)

        assert bucket.refused == 0
        assert bucket.taken[:12] == [f"result {number}" for number in range(12)]


async def test_other_programs_requests_are_noticed_after_one_refusal() -> None:
    async with a_bucket(slides=True) as (pacer, bucket):
        bucket.used[None].extend([time.monotonic()] * LIMIT)

        await asyncio.gather(*(posting(pacer, bucket, "result") for _ in range(6)))

        assert bucket.refused == 1


async def test_results_overtake_other_waiting_messages() -> None:
    async with a_bucket() as (pacer, bucket):
        others = [posting(pacer, bucket, "reading", Urgency.MESSAGE) for _ in range(LIMIT + 2)]
        await asyncio.gather(*others[:LIMIT])
        result = posting(pacer, bucket, "result")
        await asyncio.gather(*others[LIMIT:], result)

        assert bucket.taken == ["reading"] * LIMIT + ["result"] + ["reading"] * 2


async def test_an_edit_waits_while_a_result_waits_and_shortly_after_it() -> None:
    async with a_bucket() as (pacer, bucket):
        for _ in range(LIMIT):
            await posting(pacer, bucket, "result")
        waiting = posting(pacer, bucket, "result")
        await asyncio.sleep(0)

        assert await is_busy(pacer)
        await waiting
        assert await is_busy(pacer)
        await asyncio.sleep(CALM_SECONDS)
        assert not await is_busy(pacer)


async def test_an_edit_waits_for_a_result_that_is_being_fetched_but_not_for_ever() -> None:
    now = [0.0]
    pacer = Pacer(clock=lambda: now[0])
    pacer.expect(SONGS)

    assert await is_busy(pacer)
    now[0] = EXPECTED_SECONDS
    assert not await is_busy(pacer)


async def test_no_result_and_no_edit_waits_for_a_time_from_before_the_clock_was_set_back() -> None:
    now = [5000.0]
    pacer = Pacer(shared=Shared(Database(), lambda: now[0]))
    used_up = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "4"}
    async with pacer.post(SONGS, Urgency.RESULT):
        await pacer.heard(SONGS, Kind.POST, 200, used_up)
    for _ in range(LIMIT_OF_ALL):
        await pacer._everything.pass_through(Urgency.RESULT)
    assert await is_busy(pacer)
    now[0] -= 3600

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert not await is_busy(pacer)
        async with pacer.post(SONGS, Urgency.RESULT):
            await pacer._everything.pass_through(Urgency.RESULT)


async def test_edits_leave_some_requests_for_results_and_return_one_by_one() -> None:
    async with a_bucket() as (pacer, bucket):
        put_off: list[float] = []
        for _ in range(LIMIT + 1):
            try:
                async with pacer.edit(SONGS):
                    await bucket.ask("edit", Kind.EDIT)
            except RouteBusy as busy:
                put_off.append(busy.seconds)

        assert len(bucket.taken) == LIMIT - 2
        assert put_off == sorted(put_off)
        assert put_off[-1] - put_off[0] >= (len(put_off) - 1) * WINDOW_SECONDS / LIMIT * 0.9
        assert len(set(put_off)) == len(put_off)


async def test_another_channel_is_not_held_up() -> None:
    async with a_bucket() as (pacer, bucket):
        for _ in range(LIMIT):
            await posting(pacer, bucket, "result")
        full = posting(pacer, bucket, "result")

        async with asyncio.timeout(WINDOW_SECONDS / 4), pacer.post(SONGS + 1, Urgency.RESULT):
            pass

        await full


async def test_a_cancelled_post_gives_its_place_to_the_next() -> None:
    async with a_bucket() as (pacer, bucket):
        for _ in range(LIMIT):
            await posting(pacer, bucket, "result")
        first, second = posting(pacer, bucket, "first"), posting(pacer, bucket, "second")
        await asyncio.sleep(0)
        assert isinstance(first, asyncio.Task)

        first.cancel()
        await second

        assert bucket.taken[-1] == "second"


async def test_an_answer_that_never_came_does_not_block_a_channel() -> None:
    async with a_bucket() as (pacer, bucket):
        with pytest.raises(ConnectionError):
            async with pacer.post(SONGS, Urgency.RESULT):
                raise ConnectionError

        await posting(pacer, bucket, "result")

        assert bucket.taken == ["result"]


async def test_how_long_a_post_would_wait_is_known_from_the_latest_answer() -> None:
    pacer = Pacer(clock=lambda: 1000.0)
    assert await pacer.post_wait_seconds(SONGS) == 0

    headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "4.000"}
    async with pacer.post(SONGS, Urgency.RESULT):
        await pacer.heard(SONGS, Kind.POST, 200, headers)

    assert await pacer.post_wait_seconds(SONGS) == 4
    assert await pacer.post_wait_seconds(SONGS + 1) == 0


async def is_busy(pacer: Pacer) -> bool:
    try:
        async with pacer.edit(SONGS):
            return False
    except RouteBusy:
        return True


async def test_quiet_channels_are_forgotten() -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731  # a clock that the test sets
    pacer = Pacer(clock=clock)
    for channel_id in range(1500):
        async with pacer.post(channel_id, Urgency.MESSAGE):
            pass
    now[0] = 100.0
    async with pacer.post(5000, Urgency.MESSAGE):
        pass

    assert len(pacer._channels) == 1


async def test_refused_edits_of_old_messages_do_not_delay_results() -> None:
    """Discord allows few edits of messages older than an hour, and may refuse them for as long (30046)."""
    async with a_bucket() as (pacer, bucket):
        async with pacer.edit(SONGS):
            headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "0.4"}
            await pacer.heard(SONGS, Kind.EDIT, 429, {**headers, "Retry-After": "3600"})

        assert await is_busy(pacer)
        async with asyncio.timeout(WINDOW_SECONDS):
            await posting(pacer, bucket, "result")
