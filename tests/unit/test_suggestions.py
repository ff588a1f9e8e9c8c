import pytest

from bot.domain.models import WHOLE_TABLE, Offer
from bot.domain.request import ExtensionRequest
from bot.domain.suggestions import suggest_genders, suggest_models
from bot.text import Catalogue

NEWEST_FIRST = ["V6_MINI", "V6_WILD", "V6", "V5_5", "V5", "V4_5ALL", "V4_5PLUS", "V4_5", "V4", "V3_5"]


def values(typed: str, offer: Offer = WHOLE_TABLE, **filled_in: object) -> list[str]:
    request = ExtensionRequest(**filled_in)  # type: ignore[arg-type]  # the options have different types
    return [each.value for each in suggest_models(typed, request, offer)]


def without(*names: str) -> list[str]:
    """All of them, the default first."""
    return [name for name in ["V5", *NEWEST_FIRST[:4], *NEWEST_FIRST[5:]] if name not in names]


def test_the_default_comes_first_then_the_newest() -> None:
    assert values("") == without()


def test_each_suggestion_says_what_it_takes_and_the_default_that_it_is_one() -> None:
    render = Catalogue.load().for_reader("en-US")
    names = {each.value: render(each.name) for each in suggest_models("", ExtensionRequest(), WHOLE_TABLE)}

    assert names["V5"] == "V5 (default, audio up to 8:00)"
    assert names["V4"] == "V4 (audio up to 8:00)"
    assert names["V4_5ALL"] == "V4_5ALL (audio up to 1:00)"


def test_only_what_the_operator_offers_is_suggested_with_the_operators_default_first() -> None:
    offer = Offer.of(("V3_5", "V4", "V5"), "V4")

    assert values("", offer) == ["V4", "V5", "V3_5"]
    assert values("3", offer) == ["V3_5"]
    assert values("6", offer) == []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("v4.5 plus", ["V4_5PLUS"]),
        ("4.5+", ["V4_5PLUS"]),
        ("v5", ["V5", "V5_5"]),
        ("V4_5", ["V4_5ALL", "V4_5PLUS", "V4_5"]),
        ("6", ["V6_MINI", "V6_WILD", "V6"]),
        ("v", without()),
        ("nonsense", []),
    ],
)
def test_typing_filters_however_it_is_spelled(typed: str, found: list[str]) -> None:
    assert values(typed) == found


@pytest.mark.parametrize(
    ("option", "most", "too_small"),
    [
        ("style", 200, {"V3_5", "V4"}),
        ("title", 80, {"V3_5", "V4", "V4_5ALL", "V6", "V6_WILD", "V6_MINI"}),
        ("prompt", 3000, {"V3_5", "V4"}),
    ],
)
def test_models_that_cannot_take_what_is_filled_in_are_left_out(option: str, most: int, too_small: set[str]) -> None:
    assert values("", WHOLE_TABLE, **{option: "x" * most}) == without()
    assert values("", WHOLE_TABLE, **{option: "x" * (most + 1)}) == without(*too_small)


def test_lyrics_that_an_instrumental_leaves_out_rule_out_no_model() -> None:
    lyrics = "x" * 3001

    assert values("", prompt=lyrics, style="folk", title="Boats", instrumental=True) == without()
    assert values("", prompt=lyrics, instrumental=True) == without("V3_5", "V4")  # an idea, which is sent


def test_a_track_of_ones_own_continues_with_its_own_model_even_if_it_is_not_offered() -> None:
    offer = Offer.of(("V5",), "V5")

    assert values("", source_model="V4_5") == ["V4_5"]
    assert values("", offer, source_model="V3_5", style="x" * 500) == ["V3_5"]
    assert values("v5", source_model="V4_5") == []


def test_the_model_of_ones_own_track_is_its_default() -> None:
    (only,) = suggest_models("", ExtensionRequest(source_model="V4"), WHOLE_TABLE)

    assert Catalogue.load().render(only.name, "en-US") == "V4 (default, audio up to 8:00)"


@pytest.mark.parametrize(
    ("typed", "found"), [("", ["f", "m"]), (" Fe", ["f"]), ("woman", ["f"]), ("m", ["m"]), ("x", [])]
)
def test_voices_are_suggested_as_they_are_typed(typed: str, found: list[str]) -> None:
    assert [each.value for each in suggest_genders(typed, ExtensionRequest())] == found


def test_a_voice_is_called_by_its_name() -> None:
    assert [each.name.message for each in suggest_genders("", ExtensionRequest())] == ["female", "male"]


def test_an_instrumental_offers_no_voice() -> None:
    assert suggest_genders("", ExtensionRequest(instrumental=True)) == []
