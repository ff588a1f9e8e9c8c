from datetime import UTC, date, datetime

import discord
import pytest

from bot.domain.text import Day, Fact, Megabytes, Said, Seconds, Text, Verbatim, counted, text
from bot.text import Catalogue

CATALOGUE = Catalogue.load()


def english(sentence: Text) -> str:
    return CATALOGUE.render(sentence, "en-US")


@pytest.mark.parametrize(
    ("fact", "locale", "expected"),
    [
        (80, "en-US", "80"),
        (5000, "en-US", "5,000"),
        (5000, "de", "5.000"),
        (5000, "sv-SE", "5 000"),
        (12345.5, "pl", "12 345,5"),
        (-3, "en-US", "-3"),
        (Seconds(65.5), "de", "1:05.5"),
        (Seconds(3723), "en-US", "1:02:03"),
        (Megabytes(12_300_000), "en-US", "12.3 MB"),
        (Megabytes(12_300_000), "de", "12,3 MB"),
        (Megabytes(12_300_000), "fr", "12,3 Mo"),
        (Megabytes(100_000_000), "en-US", "100 MB"),
        (Megabytes(100_000_001), "en-US", "100.1 MB"),
        (Megabytes(1), "en-US", "0.1 MB"),
        (Megabytes(0), "en-US", "0 MB"),
        (Megabytes(2_000_000_000), "en-US", "2,000 MB"),
        (datetime(2026, 11, 22, tzinfo=UTC), "de", "<t:1795305600:R>"),
        (Day(date(2026, 11, 24)), "en-US", "24 Nov"),
        (Day(date(2026, 3, 1)), "en-GB", "1 Mar"),
        (Day(date(2026, 11, 24)), "de", "24. Nov."),
        (Day(date(2026, 11, 24)), "pt-BR", "24 de nov."),
        (Day(date(2026, 11, 24)), "ja", "11月24日"),
        (Day(date(2026, 11, 24)), "no such locale", "24 Nov"),
        ("V4_5PLUS", "de", "V4_5PLUS"),
        (Said("*V4_5*"), "en-US", "\\*V4\\_5\\*"),
        (Verbatim("<@1> **b**"), "en-US", "<@1> **b**"),
        (text("waiting"), "en-US", "waiting"),
        ([text("a")], "en-US", "a"),
        ([text("a"), text("b"), text("c")], "en-US", "a, b, and c"),
        ([], "en-US", ""),
    ],
)
def test_facts_are_written_as_the_reader_writes_them(fact: Fact, locale: str, expected: str) -> None:
    rendered = CATALOGUE.render(text("{fact}", fact=fact), locale)

    # Locales have several spaces that do not break.
    assert rendered.replace("\u00a0", " ").replace("\u202f", " ") == expected


@pytest.mark.parametrize("locale", [locale.value for locale in discord.Locale])
def test_every_language_of_discord_writes_a_day(locale: str) -> None:
    assert "24" in CATALOGUE.render(text("{day}", day=Day(date(2026, 11, 24))), locale)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_do_not_break_a_sentence(number: float) -> None:
    assert english(text("{a} of {b}", a=number, b=Seconds(number))).endswith(" of ?")


def test_the_count_chooses_the_form() -> None:
    def tracks(count: int) -> Text:
        return counted("{count} track", "{count} tracks", count=count)

    assert [english(tracks(count)) for count in (0, 1, 2, 1000)] == ["0 tracks", "1 track", "2 tracks", "1,000 tracks"]


def test_foreign_words_in_code_are_neither_escaped_nor_able_to_leave_it() -> None:
    sentence = text("There is no model `{given}`. Not {given}.", given=Said("V4_6`"))

    assert english(sentence) == "There is no model `V4_6\u02cb`. Not V4\\_6\\`."


def test_foreign_words_are_not_read_as_placeholders() -> None:
    assert english(text("{a} {b}", a=Said("{b}"), b="x")) == "{b} x"


def test_a_fact_that_is_missing_leaves_its_placeholder() -> None:
    assert english(text("Hello {name}")) == "Hello {name}"


@pytest.mark.parametrize("locale", ["", "xx", "garbage", "en", "en-GB", "../../etc", "a-b-c-d-e-f", "x" * 500, "日本"])
def test_an_unknown_locale_gets_english(locale: str) -> None:
    assert CATALOGUE.render(text("{n} words", n=1000), locale) == "1,000 words"


def test_a_reader_keeps_their_locale() -> None:
    say = CATALOGUE.for_reader("de")

    assert say(text("{n}", n=1.5)) == "1,5"
