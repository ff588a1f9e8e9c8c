from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pace import SlidingWindow, backoff_seconds


@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=120))
def test_no_window_ever_holds_more_than_its_limit(rests: list[float]) -> None:
    window = SlidingWindow(limit=20, window_seconds=10)
    now, sent = 0.0, []
    for rest in rests:
        now += rest
        sent.append(now + window.take(now))

    for index, at in enumerate(sent[20:]):
        assert at - sent[index] >= 10 - 1e-6


def test_the_first_ones_do_not_wait() -> None:
    window = SlidingWindow(limit=3, window_seconds=10)

    assert [window.take(100.0) for _ in range(4)] == [0, 0, 0, 10]


def test_backing_off_doubles_up_to_its_cap_and_is_never_twice_the_same_for_all() -> None:
    waits = {backoff_seconds(3, base_seconds=2, cap_seconds=300) for _ in range(50)}

    assert all(8 <= wait <= 16 for wait in waits)
    assert len(waits) > 1
    assert 150 <= backoff_seconds(1000, base_seconds=2) <= 300
