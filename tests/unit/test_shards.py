"""How shards are shared out among processes."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from bot.domain.shards import Agreed, Moves, Shard, is_live, moves
from tests.support.fakes import BEGINNING

LEASE = timedelta(seconds=30)


def shards(*owners: str | None) -> list[Shard]:
    return [Shard(number=number, owner=owner) for number, owner in enumerate(owners)]


def carried_out(all_now: list[Shard], found: Moves, me: str) -> list[Shard]:
    """After these moves, with the hand-over complete."""
    gained = {*found.claim, *([] if found.take is None else [found.take])}
    return [Shard(number=each.number, owner=me) if each.number in gained else each for each in all_now]


def test_a_process_alone_claims_everything() -> None:
    assert moves(shards(None, None, None), {"a"}, "a", room=16) == Moves(claim=(0, 1, 2))


def test_no_more_are_claimed_than_may_start_together() -> None:
    assert moves(shards(None, None, None), {"a"}, "a", room=1) == Moves(claim=(0,))
    assert moves(shards(None, None, None), {"a"}, "a", room=0) == Moves()
    assert moves(shards(None, None, None), {"a"}, "a", room=-2) == Moves()


def test_no_process_claims_more_than_its_share_rounded_up() -> None:
    assert moves(shards("a", "a", None, None, None), {"a", "b"}, "a", room=16) == Moves(claim=(2,))
    assert moves(shards("a", "a", "a", None, None), {"a", "b"}, "a", room=16) == Moves()


def test_a_dead_process_is_ignored() -> None:
    assert moves(shards("a", "a", None, None), {"a"}, "a", room=16) == Moves(claim=(2, 3))


def test_lapsed_shards_are_claimed_only_by_a_process_that_has_watched() -> None:
    all_now = [*shards("a", None), *(Shard(number=number, is_lapsed=True) for number in (2, 3, 4, 5))]

    assert moves(all_now, {"a"}, "a", room=16, has_watched=False) == Moves(claim=(1,))
    assert moves(all_now, {"a"}, "a", room=16) == Moves(claim=(1, 2, 3, 4, 5))
    assert moves(all_now[:1] + all_now[2:], {"a"}, "a", room=16, has_watched=False) == Moves()


def test_a_new_process_takes_one_shard_from_the_process_with_the_most() -> None:
    assert moves(shards("a", "b", "b", "b"), {"a", "b", "c"}, "c", room=16) == Moves(take=3)


def test_nothing_is_taken_while_shards_are_free() -> None:
    assert moves(shards("a", "a", "a", None), {"a", "b"}, "b", room=16) == Moves(claim=(3,))


def test_nothing_is_taken_while_another_shard_is_being_taken() -> None:
    all_now = [*shards("a", "a", "a"), Shard(number=3, owner="a", successor="b")]

    assert moves(all_now, {"a", "b"}, "b", room=16) == Moves()


def test_a_shard_that_is_being_handed_over_counts_for_its_successor_and_is_not_taken_again() -> None:
    all_now = [*shards("a", "a"), Shard(number=2, owner="a", successor="b")]

    assert moves(all_now, {"a", "b", "c"}, "c", room=16) == Moves(take=1)


def test_shares_that_differ_by_one_are_left_alone() -> None:
    assert moves(shards("a", "a", "b"), {"a", "b"}, "b", room=16) == Moves()


def test_more_processes_than_shards_leave_some_with_none() -> None:
    assert moves(shards("a", "b"), {"a", "b", "c"}, "c", room=16) == Moves()


@pytest.mark.parametrize("seed", range(50))
def test_the_shares_become_fair_and_stay_so_in_whatever_order_processes_look(seed: int) -> None:
    chance = random.Random(seed)
    processes = [f"p{number}" for number in range(chance.randint(1, 7))]
    all_now = shards(*chance.choices([None, *processes], k=chance.randint(1, 40)))

    for _ in range(60 * len(processes)):
        me = chance.choice(processes)
        all_now = carried_out(all_now, moves(all_now, processes, me, room=chance.randint(0, 3)), me)

    held = Counter(each.owner for each in all_now)
    counts = [held[each] for each in processes]
    assert sum(counts) == len(all_now)
    assert max(counts) - min(counts) <= 1
    assert {moves(all_now, processes, each, room=9) for each in processes} == {Moves()}


def test_a_claim_that_ends_later_than_possible_does_not_count() -> None:
    """The database's clock was set back."""
    assert is_live(BEGINNING + LEASE, BEGINNING, longest=LEASE)
    assert not is_live(BEGINNING + LEASE + timedelta(seconds=1), BEGINNING, longest=LEASE)
    assert not is_live(BEGINNING, BEGINNING, longest=LEASE)
    assert not is_live(None, BEGINNING, longest=LEASE)


def test_shards_share_a_bucket_every_max_concurrency_numbers() -> None:
    agreed = Agreed(count=32, max_concurrency=16)

    assert [agreed.bucket(number) for number in (0, 15, 16, 31)] == [0, 15, 0, 15]
    assert {Agreed(count=32, max_concurrency=1).bucket(number) for number in range(32)} == {0}
