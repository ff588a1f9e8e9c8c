import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.request import sent_continue_at
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
        ("65sec", 65),
        ("65 seconds", 65),
        ("1 second", 1),
        ("1m5s", 65),
        ("1M 5S", 65),
        ("1m5", 65),
        ("1 min 5", 65),
        ("1 min 5 sec", 65),
        ("1 minute and 5 seconds", 65),
        ("2 minutes, 30 seconds", 150),
        ("1m", 60),
        ("2 min.", 120),
        ("65 min", 3900),
        ("1.5 min", 90),
        ("1.15 min", 69),
        ("1'05\"", 65),
        ("1\N{PRIME}05\N{DOUBLE PRIME}", 65),
        ("1\N{RIGHT SINGLE QUOTATION MARK}05\N{RIGHT DOUBLE QUOTATION MARK}", 65),
        ("1:05 min", 65),
        ("1:05s", 65),
        (":05", 5),
        (".5", 0.5),
        ("5.", 5),
        ("1.05", 1.05),
        ("1,05", 1.05),
        ("1.23456789", 1.23456789),
        ("01:05", 65),
        ("1:5", 65),
        ("0:65", 65),
        ("0:99.9", 99.9),
        ("0m65s", 65),
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
        "-5",
        "+1",
        "0:100",
        "0m100s",
        "1m75s",
        "0:00:65",
        "1h",
        "m5",
        "min",
        "'",
        "-0:05",
        "1:60",
        "1:99.5",
        "1:60:00",
        "1:00:60",
        "1:2:3:4",
        "1:",
        "1::05",
        "1.2.3",
        "1,234.5",
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
        "65x",
        "65ss",
        "1:05\n2:00",
        "²",
        "½",
        "Ⅻ",
        "1:05 please",
        "1.1234567890",
        "ending",
    ],
)
def test_these_words_name_none(words: str) -> None:
    with pytest.raises(NotAMoment) as error:
        parse_moment(words)

    assert error.value.args == (words,)


@pytest.mark.parametrize("words", ["end", "End", " THE END ", "ｅｎｄ"])  # noqa: RUF001  # full-width letters are the point
def test_the_end_is_no_second_but_the_end(words: str) -> None:
    assert parse_moment(words) is None


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
    assert seconds is None or 0 <= seconds < 100 * 3600 + 60e6


@given(minutes=st.integers(0, 999), seconds=st.integers(0, 59), tenth=st.integers(0, 9))
def test_a_moment_reads_the_same_however_it_is_written(minutes: int, seconds: int, tenth: int) -> None:
    moment = float(f"{minutes * 60 + seconds}.{tenth}")

    assert parse_moment(f"{minutes}:{seconds:02}.{tenth}") == moment
    assert parse_moment(f"{minutes}m{seconds}.{tenth}s") == moment
    assert parse_moment(f" {minutes} min {seconds},{tenth} ") == moment
    assert parse_moment(f"{minutes * 60 + seconds}.{tenth} sec") == moment


@given(
    continue_at=st.none() | st.floats(min_value=0, exclude_min=True, max_value=480),
    length=st.floats(min_value=0.0001, max_value=480),
)
def test_what_is_sent_lies_inside_the_source_and_is_what_was_asked_for(
    continue_at: float | None, length: float
) -> None:
    assume(continue_at is None or continue_at < length)

    sent = sent_continue_at(continue_at, length)

    assert 0 < sent < length
    assert sent >= 1 or length <= 1
    if continue_at is not None and continue_at >= 1:
        assert continue_at - 0.01 < sent <= continue_at
    if length > 1:
        assert sent == round(sent, 2)


@pytest.mark.parametrize(
    ("continue_at", "length", "sent"),
    [
        (None, 180.0, 179.0),
        (None, 60.299, 59.29),
        (None, 2.0, 1.0),
        (None, 1.5, 1.0),
        (None, 1.0, 0.5),
        (None, 0.5, 0.25),
        (None, 0.01, 0.005),
        (60.0, 180.0, 60.0),
        (0.29, 180.0, 1.0),
        (0.29, 0.8, 0.29),
        (0.004, 0.8, 0.004),
        (1.29, 180.0, 1.29),
        (1.1, 180.0, 1.1),
        (65.999, 180.0, 65.99),
        (179.5, 180.0, 179.5),
        (179.999, 180.0, 179.99),
        (0.001, 2.0, 1.0),
    ],
)
def test_the_second_that_is_sent(continue_at: float | None, length: float, sent: float) -> None:
    assert sent_continue_at(continue_at, length) == sent


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e307, -1e307, 360_000.0])
def test_what_is_no_length_of_music_is_shown_as_unknown(seconds: float) -> None:
    assert clock(seconds) == "?"
