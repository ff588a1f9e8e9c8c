from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pace import SlidingWindow, backoff_seconds

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=120))
def test_no_window_ever_holds_more_than_its_limit(rests: list[float]) -> None:
    window = SlidingWindow(limit=20, window_seconds=10)
    now, sent = NOON, [NOON]
    for rest in rests:
        now = window.free_at(sent, now=max(now, now + timedelta(seconds=rest)))
        sent.append(now)

    for index, at in enumerate(sent[20:]):
        assert at - sent[index] >= timedelta(seconds=10)


def test_the_first_ones_do_not_wait() -> None:
    window = SlidingWindow(limit=3, window_seconds=10)

    assert window.free_at([NOON] * 2, now=NOON) == NOON
    assert window.free_at([NOON] * 3, now=NOON) == after(10)
    assert window.free_at([NOON, NOON, NOON, after(1)], now=after(2)) == after(10)
    assert window.free_at([after(1), NOON, after(2)], now=after(3)) == after(10)


def test_only_what_is_young_enough_counts() -> None:
    window = SlidingWindow(limit=2, window_seconds=10)

    assert [window.counts(after(at), now=after(12)) for at in (1, 2, 3)] == [False, False, True]
    assert window.free_at([after(1), after(2), after(5)], now=after(12)) == after(12)


def test_backing_off_doubles_up_to_its_cap_and_is_never_twice_the_same_for_all() -> None:
    waits = {backoff_seconds(3, base_seconds=2, cap_seconds=300) for _ in range(50)}

    assert all(8 <= wait <= 16 for wait in waits)
    assert len(waits) > 1
    assert 150 <= backoff_seconds(1000, base_seconds=2) <= 300


def test_no_pause_is_longer_than_five_minutes_unless_a_longer_one_is_asked_for() -> None:
    longest = max(backoff_seconds(1000, base_seconds=2) for _ in range(2000))

    assert 290 < longest <= 300
    assert backoff_seconds(16, base_seconds=1, cap_seconds=1e9) <= 65_536
    assert backoff_seconds(10_000, base_seconds=1, cap_seconds=1e9) <= 65_536
