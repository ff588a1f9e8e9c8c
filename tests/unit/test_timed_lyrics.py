"""When each line is sung: from the provider's words to an `.lrc` file."""

import json

import pytest

from bot.domain.timed_lyrics import LINES_MAX, TimedLine, TimedWord, lines_of, lrc
from bot.suno.timed_lyrics import WORDS_MAX, parse_timed_lyrics
from bot.suno.wire import MalformedRecord


def words(*pairs: tuple[str, float | None]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(text=text, begins_at=at) for text, at in pairs)


def test_a_line_begins_with_its_first_word_and_headings_are_left_out() -> None:
    sung = words(
        ("[Verse]\nWaggin' ", 1.36), ("tails\n", 1.8), ("[Chorus]\nIn ", 4.0), ("the sun\n\n", 4.5), ("Oh", 9.0)
    )

    assert lines_of(sung) == (
        TimedLine(begins_at=1.36, text="Waggin' tails"),
        TimedLine(begins_at=4.0, text="In the sun"),
        TimedLine(begins_at=9.0, text="Oh"),
    )


def test_a_word_without_a_time_leaves_the_line_to_the_next_one_and_no_line_goes_back() -> None:
    sung = words(("Ferry ", None), ("lights\n", 3.0), ("across\n", None), ("early\n", 2.0), ("water", 5.0))

    assert [line.begins_at for line in lines_of(sung)] == [3.0, 3.0, 3.0, 5.0]


@pytest.mark.parametrize("sung", [(), words(("[Intro]\n", 0.0)), words(("la", None))])
def test_without_any_time_there_are_no_lines(sung: tuple[TimedWord, ...]) -> None:
    assert lines_of(sung) == ()


def test_too_many_lines_are_cut() -> None:
    assert len(lines_of(words(("la\n" * 3 * LINES_MAX, 1.0)))) == LINES_MAX
    assert lines_of(words(*[("\n" * LINES_MAX, None)] * 6, ("la", 1.0))) == ()


def test_too_many_words_are_cut() -> None:
    assert len(parse_timed_lyrics(answer(*[{}] * 2 * WORDS_MAX))) == WORDS_MAX


def test_the_file_has_a_head_and_a_stamp_for_each_line() -> None:
    lines = (TimedLine(begins_at=0.0, text="One"), TimedLine(begins_at=65.324, text="Two"))
    last = (TimedLine(begins_at=6001.999, text="Far"),)

    assert lrc(lines, title="Paper\nboats [live]", length_seconds=124.6) == (
        "[ti:Paper boats (live)]\n[length:02:05]\n[re:Encore]\n\n[00:00.00]One\n[01:05.32]Two\n"
    )
    assert lrc(last, title="x", length_seconds=None) == "[ti:x]\n[re:Encore]\n\n[100:02.00]Far\n"


def answer(*raw: object) -> bytes:
    return json.dumps({"code": 200, "msg": "success", "data": {"alignedWords": list(raw)}}).encode()


def test_the_documented_example_is_read() -> None:
    example = {"word": "[Verse]\nWaggin'", "success": True, "startS": 1.36, "endS": 1.79, "palign": 0}

    assert parse_timed_lyrics(answer(example)) == words(("[Verse]\nWaggin'", 1.36))


@pytest.mark.parametrize(
    "odd",
    [
        {"word": "la", "success": False, "startS": 2},
        {"word": "la"},
        {"word": "la", "startS": None},
        {"word": "la", "startS": "soon"},
        {"word": "la", "startS": -1},
        {"word": "la", "startS": 1e300},
    ],
)
def test_a_time_that_says_nothing_is_none(odd: object) -> None:
    assert parse_timed_lyrics(answer(odd)) == words(("la", None))


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":{}}', b'{"data":{"alignedWords":null}}'])
def test_no_words_are_none(body: bytes) -> None:
    assert parse_timed_lyrics(body) == ()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":{"alignedWords":[1]}}', b'{"data":{"alignedWords":"la"}}'])
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_timed_lyrics(body)
