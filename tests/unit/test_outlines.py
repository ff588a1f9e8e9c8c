"""A picture in words."""

import pytest

from bot.domain.outlines import Level, Outline, Part, described, in_words, moment_in_words
from bot.text import LOCALES, Catalogue

ENGLISH = Catalogue(LOCALES)


def words(outline: Outline) -> str:
    return " ".join(ENGLISH.render(sentence, "en-GB") for sentence in described(outline))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 seconds"),
        (1.0, "1 second"),
        (59.6, "1 minute"),
        (65.4, "1 minute 5 seconds"),
        (121.0, "2 minutes 1 second"),
        (3600.0, "60 minutes"),
    ],
)
def test_times_are_said_in_words(seconds: float, said: str) -> None:
    assert ENGLISH.render(in_words(seconds), "en-GB") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "0.5 seconds"),
        (1.0, "1 second"),
        (20.24, "20.2 seconds"),
        (59.96, "1 minute"),
        (65.5, "1 minute 5.5 seconds"),
        (120.1, "2 minutes 0.1 seconds"),
    ],
)
def test_a_moment_is_said_to_the_tenth_as_it_is_written(seconds: float, said: str) -> None:
    assert ENGLISH.render(moment_in_words(seconds), "en-GB") == said


def test_the_points_are_said_with_their_numbers() -> None:
    outline = Outline(length_seconds=100.0, points=(12.5, 71.0))

    assert words(outline) == (
        "Waveform of a piece 1 minute 40 seconds long. Numbered points where a phrase ends: 1 at 12.5 seconds "
        "and 2 at 1 minute 11 seconds."
    )


def test_loud_and_quiet_parts_and_the_seam_are_said() -> None:
    parts = (
        Part(begins_at=0.0, ends_at=30.0, level=Level.QUIET),
        Part(begins_at=30.0, ends_at=60.0, level=Level.MIDDLE),
        Part(begins_at=60.0, ends_at=70.0, level=Level.LOUD),
        Part(begins_at=70.0, ends_at=74.0, level=Level.SILENT),
    )

    assert words(Outline(length_seconds=74.0, parts=parts, seam=60.0)) == (
        "Waveform of a piece 1 minute 14 seconds long. The continuation begins at 1 minute. "
        "Loud: 1 minute to 1 minute 10 seconds. Quiet: 0 seconds to 30 seconds. "
        "Silent: 1 minute 10 seconds to 1 minute 14 seconds."
    )


def test_the_magnified_end_is_said() -> None:
    assert words(Outline(length_seconds=240.0)).endswith("The last minute is shown a second time, larger.")


def test_the_longest_description_fits_into_discords_limit() -> None:
    levels = (Level.LOUD, Level.QUIET, Level.SILENT, Level.MIDDLE)
    parts = tuple(Part(begins_at=at * 59.0, ends_at=(at + 1) * 59.0, level=levels[at % 4]) for at in range(60))
    points = tuple(613.0 + 59.0 * number for number in range(5))

    assert len(words(Outline(length_seconds=3599.0, points=points, parts=parts, seam=1799.0))) < 1024
