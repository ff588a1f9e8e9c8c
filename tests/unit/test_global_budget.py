"""The whole bot makes fewer than 50 requests in any second, and when they get scarce, results go before edits."""

import random

import pytest

from bot.chat.global_budget import HEAD_START_SECONDS, LIMIT, MAY_USE, WINDOW_SECONDS, GlobalBudget, Urgency

RESULT, MESSAGE, EDIT = Urgency


def full(urgency: Urgency = RESULT, *, at: float = 0.0) -> GlobalBudget:
    """A budget in which this kind has used up its share."""
    budget, granted = GlobalBudget().taken([urgency] * 100, at)
    assert granted == MAY_USE[urgency]
    return budget


@pytest.mark.parametrize("seed", range(5))
def test_discord_never_gets_more_than_fifty_in_a_second(seed: int) -> None:
    """Each request takes up to 0.2 s to arrive."""
    dice = random.Random(seed)
    budget, now, arrivals = GlobalBudget(), 100.0, list[float]()
    while now < 130:
        wanted = dice.choices(list(Urgency), k=dice.choice([1, 2, 60]))
        budget, granted = budget.taken(wanted, now)
        arrivals += [now + dice.uniform(0, WINDOW_SECONDS - 1) for _ in range(granted)]
        now += dice.choice([0.0, 0.01, 0.3])

    assert len(arrivals) > 25 * LIMIT / WINDOW_SECONDS * 0.5
    assert max(sum(at <= each < at + 1 for each in arrivals) for at in arrivals) <= 50


def test_a_burst_after_a_pause_is_sent_at_once() -> None:
    budget, granted = GlobalBudget().taken([RESULT] * 40, 10.0)

    assert granted == 40
    assert budget.free_at(RESULT, 10.0) == 10.0


def test_a_full_window_says_when_there_is_room_again() -> None:
    budget, _ = GlobalBudget().taken([RESULT] * (LIMIT - 1), 10.0)
    budget, _ = budget.taken([RESULT], 10.5)

    assert budget.free_at(RESULT, 10.6) == 10.0 + WINDOW_SECONDS
    assert budget.taken([RESULT], 10.0 + WINDOW_SECONDS)[1] == 1


@pytest.mark.parametrize(("filled_by", "left_for"), [(EDIT, MESSAGE), (EDIT, RESULT), (MESSAGE, RESULT)])
def test_less_urgent_requests_leave_some_for_more_urgent_ones(filled_by: Urgency, left_for: Urgency) -> None:
    budget = full(filled_by)

    assert budget.free_at(filled_by, 0.1) > 0.1
    assert budget.free_at(left_for, 0.1) == 0.1


def test_the_most_urgent_of_several_requests_goes_first() -> None:
    budget, _ = GlobalBudget().taken([RESULT] * (MAY_USE[EDIT] - 1), 0.0)

    assert budget.taken([EDIT, RESULT, EDIT, RESULT], 0.1)[1] == 2


def test_edits_wait_while_posts_do_and_a_moment_longer() -> None:
    budget = full()
    free_at = budget.free_at(RESULT, 0.1)
    budget = budget.waited_for(free_at)

    assert budget.taken([EDIT], free_at)[1] == 0
    assert budget.taken([RESULT], free_at)[1] == 1
    assert budget.taken([EDIT], free_at + HEAD_START_SECONDS)[1] == 1


def test_nothing_is_sent_while_discord_refuses_everything() -> None:
    budget = GlobalBudget().refused(10.0, retry_after=2.0)

    assert budget.taken([RESULT], 11.9)[1] == 0
    assert budget.taken([RESULT], 12.0)[1] == 1
