"""What is left out of a request instead of refusing it, and what its member reads about that."""

import pytest
from msgspec.structs import replace

from bot.domain.adjustments import adjusted, notes_on
from bot.domain.request import ExtensionRequest, VocalGender, genders_meant
from bot.domain.source import SourceChoice, SourceKind
from bot.text import Catalogue

CUSTOM = ExtensionRequest(style="folk", title="Boats", prompt="la la", vocal_gender="f", source_length=60.0)
DEFAULT = replace(CUSTOM, style="", title="")
FILE = SourceChoice(kind=SourceKind.ATTACHMENT, name="boats.mp3", locator="https://files.invalid/boats.mp3")
TRACK = SourceChoice(kind=SourceKind.TRACK, name="*Boats*", locator="https://files.invalid/1.mp3")

NO_LYRICS = "An instrumental has no lyrics, so I left out your `prompt`."
NO_SINGER = "An instrumental has no singer, so I left out `vocal_gender`."
VERY_SHORT = "This is very short: the music service may want more than a second of audio."
TOO_EARLY = "The music service can't start before 0:01, so I moved `continue_at` there."


def notes(request: ExtensionRequest, source: SourceChoice = FILE) -> list[str]:
    render = Catalogue.load().for_reader("en-US")
    return [render(note) for note in notes_on(request, source)]


@pytest.mark.parametrize("request_", [CUSTOM, DEFAULT, replace(DEFAULT, vocal_gender=None, instrumental=True)])
def test_a_request_that_is_sent_whole_has_no_notes(request_: ExtensionRequest) -> None:
    assert adjusted(request_) == request_
    assert notes(request_) == []


def test_an_instrumental_leaves_out_the_lyrics_and_the_singer() -> None:
    request = replace(CUSTOM, instrumental=True)

    assert adjusted(request) == replace(request, prompt="", vocal_gender=None)
    assert notes(request) == [NO_LYRICS, NO_SINGER]


def test_in_default_mode_an_instrumental_keeps_its_prompt_which_is_an_idea() -> None:
    request = replace(DEFAULT, instrumental=True)

    assert adjusted(request) == replace(request, vocal_gender=None)
    assert notes(request) == [NO_SINGER]


def test_a_voice_that_cannot_be_read_is_left_out_of_an_instrumental_too() -> None:
    assert adjusted(replace(CUSTOM, instrumental=True, vocal_gender="soprano")).vocal_gender is None


@pytest.mark.parametrize(
    ("continue_at", "length", "told"),
    [
        (0.5, 60.0, [TOO_EARLY]),
        (0.99, 1.01, [TOO_EARLY]),
        (1.0, 60.0, []),
        (59.9, 60.0, []),
        (None, 60.0, []),
        (0.5, 1.0, [VERY_SHORT]),
        (None, 0.3, [VERY_SHORT]),
        (0.5, None, []),
    ],
)
def test_a_moment_in_the_first_second_is_moved_to_its_end_and_a_source_that_ends_there_is_sent_with_a_note(
    continue_at: float | None, length: float | None, told: list[str]
) -> None:
    request = replace(CUSTOM, continue_at=continue_at, source_length=length)

    assert adjusted(request) == request
    assert notes(request) == told


def test_a_title_with_several_takes_tells_which_was_chosen() -> None:
    assert notes(CUSTOM, TRACK) == []
    assert notes(CUSTOM, replace(TRACK, takes=2)) == [
        "“\\*Boats\\*” has 2 takes, and I chose the first. For another one, add its number: `*Boats* take 2`."
    ]


def test_an_adjusted_request_needs_no_more() -> None:
    request = replace(CUSTOM, instrumental=True)

    assert adjusted(adjusted(request)) == adjusted(request)
    assert notes(adjusted(request)) == []


@pytest.mark.parametrize(
    "words",
    ["f", "F", "female", " Female ", "FEMALE", "fem", "woman", "Women", "girl", "female voice", "female vocals"],
)
def test_these_words_mean_a_female_voice(words: str) -> None:
    assert genders_meant(words) == [VocalGender.FEMALE]


@pytest.mark.parametrize("words", ["m", "Male", "man", "men", "masculine", "boy", "male singer", "MALE VOCAL"])
def test_these_words_mean_a_male_voice(words: str) -> None:
    assert genders_meant(words) == [VocalGender.MALE]


@pytest.mark.parametrize("words", ["x", "soprano", "femalex", "male or female", "not female", "voice", "mf"])
def test_these_words_mean_neither(words: str) -> None:
    assert genders_meant(words) == []


@pytest.mark.parametrize("words", ["", "  "])
def test_no_words_could_mean_both(words: str) -> None:
    assert genders_meant(words) == [VocalGender.FEMALE, VocalGender.MALE]
