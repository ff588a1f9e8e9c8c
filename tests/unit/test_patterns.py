"""Words of strangers are searched in time that grows with their length and no faster."""

import re

import pytest

from bot import logs
from bot.domain import reports
from tests.support.patterns import costly_repeats


@pytest.mark.parametrize("pattern", ["a+b", "[a-z]*://", "(?:a+)b", "(?:x|a+)b", "(?:a+)+", "a+(?=b)", r"\d+?/"])
def test_a_repeat_that_has_to_be_followed_is_costly(pattern: str) -> None:
    assert costly_repeats(re.compile(pattern))


@pytest.mark.parametrize("pattern", ["a+", "a{0,20}://b*", "(?:x|a+)", "(?<=a)b+", "a(?=b+)", "a{43}(?!a)"])
def test_one_that_is_bounded_or_comes_last_is_not(pattern: str) -> None:
    assert not costly_repeats(re.compile(pattern))


@pytest.mark.parametrize("pattern", [reports.URL, logs.WORD, *logs.SHAPES], ids=lambda pattern: pattern.pattern)
def test_what_searches_through_foreign_words_is_not_costly(pattern: re.Pattern[str]) -> None:
    assert not costly_repeats(pattern)
