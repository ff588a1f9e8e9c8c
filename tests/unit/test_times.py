import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.request import effective_continue_at
from bot.domain.times import NotAMoment, clock, parse_moment


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("1:05", 65),
        ("65", 65),
        ("65.5", 65.5),
        ("65,5", 65.5),
        ("65.125", 65.125),
        ("65s", 65),
        ("65 s", 65),
        ("1:05.5", 65.5),
        ("1:05,25", 65.25),
        (" 1:05 ", 65),
        ("0:00", 0),
        ("0", 0),
        ("0:59.9", 59.9),
        ("59:59", 3599),
        ("90:00", 5400),
        ("1:02:03", 3723),
        ("1:2:3", 3723),
        ("1:59:59.5", 7199.5),
        ("999999", 999_999),
        ("٦٥", 65),  # digits of any script, as some keyboards write them
        ("１:０５", 65),  # noqa: RUF001  # full-width digits are the point
    ],
)
def test_these_words_name_a_moment(words: str, seconds: float) -> None:
    assert parse_moment(words) == seconds


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        "s",
        "-1",
        "+1",
        "-0:05",
        "1:60",
        "1:99.5",
        "1:60:00",
        "1:00:60",
        "1:2:3:4",
        ":05",
        "1:",
        "1::05",
        ".5",
        "5.",
        "1.2.3",
        "1,234.5",
        "1.2345",
        "1 05",
        "1e3",
        "nan",
        "NaN",
        "inf",
        "infinity",
        "0x10",
        "1_000",
        "10000000",
        "9" * 5000,
        "65 seconds",
        "65x",
        "65ss",
        "1:05\n2:00",
        "²",
        "½",
        "Ⅻ",
        "the end",
        "1:05 please",
    ],
)
def test_these_words_name_none(words: str) -> None:
    with pytest.raises(NotAMoment):
        parse_moment(words)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0:00"),
        (0.5, "0:00.5"),
        (9, "0:09"),
        (65, "1:05"),
        (59.94, "0:59.9"),
        (59.96, "1:00"),
        (3599.99, "1:00:00"),
        (3723.5, "1:02:03.5"),
        (-3, "0:00"),
        (math.nan, "?"),
        (math.inf, "?"),
        (-math.inf, "?"),
    ],
)
def test_moments_are_written_as_a_clock_shows_them(seconds: float, written: str) -> None:
    assert clock(seconds) == written


@given(tenths=st.integers(min_value=0, max_value=359_999_9))
def test_what_is_written_is_read_back(tenths: int) -> None:
    assert parse_moment(clock(tenths / 10)) == pytest.approx(tenths / 10, abs=1e-9)


@given(seconds=st.floats(min_value=0, max_value=359_999))
def test_what_is_written_is_right_to_the_tenth(seconds: float) -> None:
    assert parse_moment(clock(seconds)) == pytest.approx(seconds, abs=0.05 + 1e-6)


@given(words=st.text(max_size=20))
def test_any_words_are_a_moment_or_none(words: str) -> None:
    try:
        seconds = parse_moment(words)
    except NotAMoment:
        return
    assert 0 <= seconds < 100 * 3600 + 1e6


@given(
    continue_at=st.none() | st.floats(min_value=0, exclude_min=True, max_value=480),
    length=st.floats(min_value=2, max_value=480),
)
def test_what_is_sent_stays_a_second_away_from_both_ends(continue_at: float | None, length: float) -> None:
    assume(continue_at is None or continue_at < length)

    sent = effective_continue_at(continue_at, length)

    assert 1 <= sent <= length - 1
    assert sent == round(sent, 2)
    if continue_at is not None and 1 <= continue_at <= length - 1:
        assert continue_at - 0.01 < sent <= continue_at


@pytest.mark.parametrize(
    ("continue_at", "length", "sent"),
    [
        (None, 180.0, 179.0),
        (None, 60.299, 59.29),
        (None, 2.0, 1.0),
        (60.0, 180.0, 60.0),
        (0.29, 180.0, 1.0),
        (1.29, 180.0, 1.29),
        (1.1, 180.0, 1.1),
        (65.999, 180.0, 65.99),
        (179.5, 180.0, 179.0),
        (0.001, 2.0, 1.0),
    ],
)
def test_the_second_that_is_sent(continue_at: float | None, length: float, sent: float) -> None:
    assert effective_continue_at(continue_at, length) == sent
