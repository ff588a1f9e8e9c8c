import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.quota import QuotaBalance, bar, quota_day

DAY = date(2026, 11, 22)


def a_balance(*, limit: int = 10, held: int = 0, spent: int = 0) -> QuotaBalance:
    return QuotaBalance(limit=limit, held=held, spent=spent, day=DAY)


@pytest.mark.parametrize(("held", "spent", "left"), [(0, 0, 10), (1, 2, 7), (10, 0, 0), (0, 10, 0), (5, 6, 0)])
def test_what_is_held_or_spent_is_not_left(held: int, spent: int, left: int) -> None:
    assert a_balance(held=held, spent=spent).left == left


def test_new_units_come_at_midnight_utc() -> None:
    assert a_balance().renews_at == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 22, tzinfo=UTC), DAY),
        (datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC), DAY),
        (datetime(2026, 11, 23, tzinfo=UTC), DAY + timedelta(days=1)),
        (datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=2))), DAY),
        (datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=-5))), DAY + timedelta(days=1)),
    ],
)
def test_a_day_is_the_day_in_utc(at: datetime, day: date) -> None:
    assert quota_day(at) == day


def test_the_time_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("TZ", "XXX-13")  # thirteen hours ahead
        time.tzset()

        assert quota_day(datetime(2026, 11, 22, 20, tzinfo=UTC)) == DAY
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("balance", "blocks"),
    [
        (a_balance(), "░░░░░░░░░░"),
        (a_balance(held=1, spent=2), "██▒░░░░░░░"),
        (a_balance(spent=10), "██████████"),
        (a_balance(held=10), "▒▒▒▒▒▒▒▒▒▒"),
        (a_balance(limit=0), "░░░░░░░░░░"),
        (a_balance(limit=3, spent=5), "██████████"),
        (a_balance(limit=1000, held=1, spent=998), "████████▒░"),
        (a_balance(limit=1000, spent=1), "█░░░░░░░░░"),
        (a_balance(limit=2, held=1, spent=1), "█████▒▒▒▒▒"),
    ],
)
def test_the_bar_shows_each_part(balance: QuotaBalance, blocks: str) -> None:
    assert bar(balance) == blocks


@given(
    limit=st.integers(min_value=0, max_value=10**6),
    held=st.integers(min_value=0, max_value=10**6),
    spent=st.integers(min_value=0, max_value=10**6),
    width=st.integers(min_value=3, max_value=40),
)
def test_a_bar_has_its_width_and_hides_no_part(limit: int, held: int, spent: int, width: int) -> None:
    balance = a_balance(limit=limit, held=held, spent=spent)

    blocks = bar(balance, width=width)

    assert len(blocks) == width
    assert ("█" in blocks, "▒" in blocks) == (spent > 0, held > 0)
    assert ("░" in blocks) == (balance.left > 0 or held + spent == 0)
