import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.text import escape, in_code, plain

ESCAPABLE = "\\*_~`|<>[]()@:/"


def unescaped(words: str) -> str:
    """What Discord shows: a backslash before punctuation is not shown."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", words)


@pytest.mark.parametrize(
    "words",
    [
        "**bold** _thin_ ~~gone~~ __under__",
        "||the end|| `code` ```py",
        "[click](https://example.com/free)",
        "<https://example.com> https://example.com discord.gg/abc",
        "<@1> <@!1> <@&1> <#1> </extend:1> <t:1:R> <:name:1> <a:name:1> <id:customize>",
        "back\\slash \\*",
        "> quoted >>> all",
    ],
)
def test_markup_is_shown_and_does_nothing(words: str) -> None:
    escaped = escape(words, limit=1000)

    assert unescaped(escaped) == words
    assert not re.search(r"(?<!\\)[*_~`|<>\[\]()@:/]", escaped.replace("\\\\", ""))


@pytest.mark.parametrize("words", ["@everyone", "hey @here!", "@everyone@here", "\\@everyone"])
def test_nobody_is_called_by_everyone_or_here(words: str) -> None:
    for made_harmless in (escape(words), in_code(words)):
        assert "@everyone" not in made_harmless
        assert "@here" not in made_harmless


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("# Loud", "\\# Loud"),
        ("-# small", "\\-# small"),
        ("- item", "\\- item"),
        ("+ item", "\\+ item"),
        ("* item", "\\* item"),
        ("> quote", "\\> quote"),
        ("1. item", "1\\. item"),
        ("2026. A year", "2026\\. A year"),
        ("99.", "99\\."),
        ("#1", "#1"),
        ("-0.5", "-0.5"),
        ("1.5", "1.5"),
        ("Anti-Hero + #1", "Anti-Hero + #1"),
    ],
)
def test_headings_and_lists_are_escaped_where_a_line_begins(words: str, expected: str) -> None:
    assert escape(words) == expected


def test_lines_are_folded_into_one() -> None:
    assert escape(" one\r\n\ttwo\u2028three\x85\n# four ") == "one two three # four"


@pytest.mark.parametrize(
    "invisible",
    [
        *("\u202e", "\u2066", "\u2069", "\u200b", "\u200e", "\u200f", "\u061c", "\ufeff", "\u2060", "\u00ad"),
        *("\x00", "\x1b", "\u3164", "\u200d", "\u200c", "\u200d\u200d", "\U000e0041", "\ud800"),
    ],
)
def test_what_cannot_be_seen_is_removed(invisible: str) -> None:
    assert escape(f"{invisible}so{invisible}ng{invisible}") == "song"
    assert plain(f"{invisible}so{invisible}ng{invisible}") == "song"
    assert escape(invisible * 3) == ""


@pytest.mark.parametrize("words", ["👨\u200d👩\u200d👧", "\u0645\u06cc\u200c\u062e", "क्\u200dष", "❤\ufe0f\u200d🔥"])
def test_joiners_stay_where_they_join(words: str) -> None:
    assert escape(words) == words


def test_words_are_cut_with_an_ellipsis() -> None:
    assert plain("x" * 200) == "x" * 200
    assert plain("x" * 201) == "x" * 199 + "…"
    assert plain("one two", limit=5) == "one…"
    assert escape("a" * 201) == "a" * 199 + "…"
    assert plain("words", limit=0) == ""


def test_no_escape_is_cut_in_half() -> None:
    assert escape("***", limit=6) == "\\*\\*\\*"
    assert escape("****", limit=6) == "\\*\\*…"
    assert escape("x***", limit=6) == "x\\*\\*…"
    assert escape("@everyone", limit=3) == "…"


def test_code_keeps_its_words_and_cannot_be_left() -> None:
    assert in_code("V4_5 *") == "V4_5 *"
    assert "`" not in in_code("a` **b** `c")
    assert in_code("") == " "


@given(words=st.text(), limit=st.integers(min_value=1, max_value=60))
@example(words="\\" * 50, limit=7)
@example(words="1" * 30 + ".", limit=31)
def test_any_words_become_one_harmless_line_within_the_limit(words: str, limit: int) -> None:
    escaped = escape(words, limit=limit)

    assert len(escaped) <= limit
    assert len(escaped.splitlines()) <= 1
    pieces = re.findall(r"\\.|.", escaped)
    assert "\\" not in pieces
    assert not set(pieces) & set(ESCAPABLE)
    escaped.encode()


@given(words=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_what_is_seen_is_what_was_said(words: str) -> None:
    assert unescaped(escape(words)).replace("\u200b", "") == " ".join(words.split())
