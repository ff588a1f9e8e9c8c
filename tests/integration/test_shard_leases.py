"""Leases of shards and turns to identify, for several processes on one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.domain.shards import MARGIN_SECONDS, TAKE_SECONDS, Agreed
from bot.services.gateway.shard_leases import IDENTIFY_SECONDS, Look, ShardLeases, ShardsDiffer
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.fakes import BEGINNING, TurnedClock

LEASE_SECONDS = 30.0
FOUR = Agreed(count=4, max_concurrency=16)
ONE_BY_ONE = Agreed(count=4, max_concurrency=1)
ROOM = 16


@dataclass
class Processes:
    storages: list[SqlStorage]
    clock: TurnedClock

    async def join(self, number: int, recommended: Agreed = FOUR, *, wanted: int | None = None) -> ShardLeases:
        leases = ShardLeases(self.storages[number], self.clock, lease_seconds=LEASE_SECONDS)
        await leases.agree(wanted, recommended=recommended)
        return leases


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        storages = [
            await stack.enter_async_context(open_storage(tmp_path / "encore.db", busy_seconds=20)) for _ in range(3)
        ]
        yield Processes(storages, TurnedClock())


async def with_all(processes: Processes, number: int = 0) -> ShardLeases:
    leases = await processes.join(number)
    assert (await leases.look([], room=ROOM)).owned == {0, 1, 2, 3}
    return leases


async def test_each_shard_has_one_owner_among_processes_that_start_together(processes: Processes) -> None:
    leases = [await processes.join(number) for number in range(3)]

    looks = await asyncio.gather(*(each.look([], room=1) for each in leases * 4))

    latest = {id(each): look for each, look in zip(leases * 4, looks, strict=True)}
    owned = [number for look in latest.values() for number in look.owned]
    assert sorted(owned) == [0, 1, 2, 3]


async def test_the_shards_of_a_dead_process_are_claimed_once_its_lease_is_over(processes: Processes) -> None:
    await with_all(processes)
    other = await processes.join(1)
    assert (await other.look([], room=ROOM)).taking == 3  # and now the first one dies

    processes.clock.turn(LEASE_SECONDS - 1)
    assert not (await other.look([], room=ROOM)).owned
    processes.clock.turn(2)

    assert (await other.look([], room=ROOM)).owned == {0, 1, 2, 3}


async def test_a_process_that_looks_in_time_keeps_its_shards(processes: Processes) -> None:
    first, other = await with_all(processes), await processes.join(1)
    for _ in range(10):
        processes.clock.turn(LEASE_SECONDS - 1)
        assert len((await first.look([], room=ROOM)).owned) >= 2
        assert len((await other.look([], room=ROOM)).numbers) <= 2


async def test_a_frozen_process_finds_its_shards_gone(processes: Processes) -> None:
    frozen = await with_all(processes)
    processes.clock.turn(LEASE_SECONDS + 1)
    await with_all(processes, 1)

    look = await frozen.look([0, 1, 2, 3], room=0)

    assert look.owned == frozenset()
    assert await frozen.take_turn(0) is None


async def test_shards_that_are_given_back_are_free_at_once(processes: Processes) -> None:
    first, other = await with_all(processes), await processes.join(1)

    await first.leave()

    assert (await other.look([], room=ROOM)).owned == {0, 1, 2, 3}


async def test_a_new_process_takes_over_shards_one_at_a_time_once_it_serves_them(processes: Processes) -> None:
    first, newcomer = await with_all(processes), await processes.join(1)

    assert await newcomer.look([], room=ROOM) == Look(owned=frozenset(), taking=3, has_taken=False)
    assert (await first.look([0, 1, 2, 3], room=ROOM)).owned == {0, 1, 2, 3}  # still serves all
    assert await newcomer.look([3], room=ROOM) == Look(owned=frozenset({3}), taking=2, has_taken=True)
    assert (await first.look([0, 1, 2, 3], room=ROOM)).owned == {0, 1, 2}
    assert await newcomer.look([3, 2], room=ROOM) == Look(owned=frozenset({2, 3}), taking=None, has_taken=True)
    assert (await first.look([0, 1, 2], room=ROOM)).owned == {0, 1}


async def test_during_a_hand_over_only_the_successor_may_identify(processes: Processes) -> None:
    first, newcomer = await with_all(processes), await processes.join(1)
    await newcomer.look([], room=ROOM)

    assert await first.take_turn(3) is None
    assert await newcomer.take_turn(3) is not None
    assert await first.take_turn(2) is not None
    assert await newcomer.take_turn(2) is None


async def test_a_hand_over_that_takes_too_long_is_called_off(processes: Processes) -> None:
    first, newcomer = await with_all(processes), await processes.join(1)
    await newcomer.look([], room=ROOM)
    for _ in range(3):
        processes.clock.turn(TAKE_SECONDS / 3 + 1)
        await first.look([], room=ROOM)

    assert await first.take_turn(3) is not None
    assert await newcomer.take_turn(3) is None


async def test_a_successor_takes_the_shard_at_once_from_an_owner_that_dies(processes: Processes) -> None:
    await with_all(processes)
    newcomer = await processes.join(1)
    await newcomer.look([], room=ROOM)
    processes.clock.turn(LEASE_SECONDS - 1)
    await newcomer.look([], room=ROOM)
    processes.clock.turn(2)

    assert 3 in (await newcomer.look([], room=0)).owned


async def test_all_processes_keep_their_shards_through_an_outage_of_the_database(processes: Processes) -> None:
    first, newcomer = await with_all(processes), await processes.join(1)
    for connected in ([], [3], [3, 2]):
        await newcomer.look(connected, room=ROOM)
    processes.clock.turn(10 * LEASE_SECONDS)

    assert (await newcomer.look([3, 2], room=ROOM)).numbers == {2, 3}
    assert (await first.look([0, 1], room=ROOM)).numbers == {0, 1}
    assert (await newcomer.look([3, 2], room=ROOM)).numbers == {2, 3}


async def test_a_process_that_dies_in_an_outage_is_replaced_one_lease_after_it(processes: Processes) -> None:
    await with_all(processes)
    newcomer = await processes.join(1)
    processes.clock.turn(10 * LEASE_SECONDS)
    for _ in range(3):
        assert not (await newcomer.look([], room=ROOM)).owned
        processes.clock.turn(LEASE_SECONDS / 3)

    assert (await newcomer.look([], room=ROOM)).owned == {0, 1, 2, 3}


async def test_a_refused_successor_ends_the_hand_over_itself(processes: Processes) -> None:
    first, newcomer = await with_all(processes), await processes.join(1)
    await newcomer.look([], room=ROOM)

    await newcomer.take_now(3)
    await newcomer.take_now(1)  # not this one

    assert (await first.look([], room=ROOM)).owned == {0, 1, 2}


async def test_claims_from_before_the_clock_was_set_back_do_not_last(processes: Processes) -> None:
    await with_all(processes)
    processes.clock.jump(-3600)

    other = await processes.join(1)

    assert (await other.look([], room=ROOM)).owned == {0, 1, 2, 3}


async def test_all_processes_have_the_number_that_the_first_one_found(processes: Processes) -> None:
    first = await processes.join(0, Agreed(count=4, max_concurrency=1))
    later = await processes.join(1, Agreed(count=8, max_concurrency=16))
    same = await processes.join(2, FOUR, wanted=4)

    assert first.agreed == later.agreed == same.agreed == Agreed(count=4, max_concurrency=1)


async def test_another_number_is_refused_while_others_are_at_work(processes: Processes) -> None:
    first = await processes.join(0, wanted=4)
    with pytest.raises(ShardsDiffer, match="SHARDS is 8, but the gateway processes at work have 4 shards"):
        await processes.join(1, wanted=8)

    await first.leave()

    assert (await processes.join(1, wanted=8)).agreed.count == 8


async def test_a_process_that_slept_through_a_change_of_the_number_stops(processes: Processes) -> None:
    frozen = await with_all(processes)
    processes.clock.turn(LEASE_SECONDS + 1)
    await processes.join(1, wanted=8)

    with pytest.raises(ShardsDiffer, match="changed the number of shards from 4"):
        await frozen.look([0, 1, 2, 3], room=0)


async def test_a_process_that_is_alone_does_not_wait_for_earlier_leases(processes: Processes) -> None:
    await with_all(processes)

    alone = ShardLeases(processes.storages[1], processes.clock, lease_seconds=LEASE_SECONDS, is_alone=True)
    await alone.agree(8, recommended=FOUR)

    assert (await alone.look([], room=ROOM)).owned == {*range(8)}


async def turns_of(leases: ShardLeases, *numbers: int) -> list[datetime]:
    turns = [await leases.take_turn(number) for number in numbers]
    return [turn for turn in turns if turn is not None]


async def test_turns_in_one_bucket_are_five_seconds_apart_across_processes(processes: Processes) -> None:
    leases = [await processes.join(number, ONE_BY_ONE) for number in range(2)]
    for each in leases:
        await each.look([], room=2)

    taken = await asyncio.gather(turns_of(leases[0], 0, 1), turns_of(leases[1], 2, 3))

    turns = sorted(turn for turns in taken for turn in turns)
    assert turns[0] == BEGINNING
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(turns)]
    assert gaps == [IDENTIFY_SECONDS + MARGIN_SECONDS] * 3


async def test_turns_in_different_buckets_do_not_wait_for_each_other(processes: Processes) -> None:
    leases = await with_all(processes)

    assert await turns_of(leases, 0, 1, 2, 3) == [BEGINNING] * 4


async def test_the_first_turn_after_a_pause_is_due_at_once(processes: Processes) -> None:
    leases = await with_all(processes)
    await turns_of(leases, 0)
    processes.clock.turn(3600)
    await leases.look([], room=ROOM)

    assert await turns_of(leases, 0, 0) == [
        BEGINNING + timedelta(seconds=3600),
        BEGINNING + timedelta(seconds=3600 + IDENTIFY_SECONDS + MARGIN_SECONDS),
    ]


async def test_turns_do_not_wait_for_a_clock_that_was_set_back(processes: Processes) -> None:
    leases = await with_all(processes)
    await turns_of(leases, 0)
    processes.clock.jump(-3600)
    await leases.look([], room=ROOM)

    assert await turns_of(leases, 0) == [processes.clock()]
