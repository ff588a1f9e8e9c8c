"""Every rule at its limit and one past it, for every model.

The limits here are copied from the provider's parameter usage guide and docs/provider.md 1.3; they are not read
from the code, so that a slip in its table shows.
"""

import math
from collections.abc import Mapping

import pytest
from msgspec.structs import fields, replace

from bot.domain.models import DEFAULT_MODEL, MODELS, Offer
from bot.domain.request import ExtensionRequest, Mode
from bot.domain.rules import RULES, broken_rules, fits_its_model
from bot.text import Catalogue

# model: characters of prompt, style and title, seconds of the source
LIMITS = {
    "V3_5": (3000, 200, 80, 480),
    "V4": (3000, 200, 80, 480),
    "V4_5": (5000, 1000, 100, 480),
    "V4_5PLUS": (5000, 1000, 100, 480),
    "V4_5ALL": (5000, 1000, 80, 60),
    "V5": (5000, 1000, 100, 480),
    "V5_5": (5000, 1000, 100, 480),
    "V6": (5000, 1000, 80, 480),
    "V6_WILD": (5000, 1000, 80, 480),
    "V6_MINI": (5000, 1000, 80, 480),
}
TEXT_LIMITS = [
    (model, option, allowed)
    for model, limits in LIMITS.items()
    for option, allowed in zip(("prompt", "style", "title"), limits, strict=False)
]
SOURCE_LIMITS = [(model, limits[3]) for model, limits in LIMITS.items()]
WEIGHTS = ("style_weight", "weirdness", "audio_weight")

CATALOGUE = Catalogue.load()


def a_request(model: str = "V5") -> ExtensionRequest:
    """Breaks no rule."""
    return ExtensionRequest(
        model=model,
        continue_at=30.0,
        source_length=60.0,
        style="Dream pop",
        title="Paper boats",
        prompt="Sail on",
    )


def changed(request: ExtensionRequest, options: Mapping[str, object]) -> ExtensionRequest:
    return replace(request, **options)  # the options have different types


def names(request: ExtensionRequest, *offer: Offer) -> list[str]:
    return [rule.name for rule in broken_rules(request, *offer)]


def sentence(request: ExtensionRequest, *offer: Offer) -> str:
    """What the member reads about the one rule that is broken."""
    (broken,) = broken_rules(request, *offer)
    return CATALOGUE.render(broken.sentence, "en-US")


def test_every_model_of_the_guide_is_known_and_no_other() -> None:
    assert list(MODELS) == list(LIMITS)
    assert DEFAULT_MODEL == "V5"


@pytest.mark.parametrize("model", LIMITS)
def test_a_good_request_breaks_nothing(model: str) -> None:
    assert names(a_request(model)) == []


@pytest.mark.parametrize(("model", "option", "allowed"), TEXT_LIMITS)
def test_a_text_may_be_as_long_as_the_model_takes(model: str, option: str, allowed: int) -> None:
    request = changed(a_request(model), {option: "ü" * allowed})

    assert names(request) == []
    assert fits_its_model(request)


@pytest.mark.parametrize(("model", "option", "allowed"), TEXT_LIMITS)
def test_a_text_may_not_be_one_character_longer(model: str, option: str, allowed: int) -> None:
    request = changed(a_request(model), {option: "ü" * (allowed + 1)})

    assert names(request) == [f"{option}_too_long"]
    assert broken_rules(request)[0].option == option
    assert not fits_its_model(request)
    words = sentence(request)
    assert f"`{option}` has {allowed + 1:,} characters" in words
    assert f"{model} takes at most {allowed:,}." in words


@pytest.mark.parametrize(("model", "allowed"), SOURCE_LIMITS)
def test_a_source_may_be_as_long_as_the_model_takes(model: str, allowed: int) -> None:
    assert names(replace(a_request(model), source_length=float(allowed))) == []


@pytest.mark.parametrize(("model", "allowed"), SOURCE_LIMITS)
def test_a_source_may_not_be_longer(model: str, allowed: int) -> None:
    limit = f"{allowed // 60}:00"

    assert names(replace(a_request(model), source_length=math.nextafter(allowed, math.inf))) == ["source_too_long"]
    words = sentence(replace(a_request(model), source_length=allowed + 0.01))
    assert words == f"The audio is {limit}.1 long; {model} takes at most {limit}."


@pytest.mark.parametrize("length", [0.02, 0.5, 1.0, 1.5, 2.0])
def test_a_short_source_is_not_refused(length: float) -> None:
    assert names(replace(a_request(), continue_at=None, source_length=length)) == []
    assert names(replace(a_request(), continue_at=length / 2, source_length=length)) == []


def test_a_source_that_could_not_be_measured_has_no_rule_about_its_length() -> None:
    assert names(replace(a_request(), source_length=None, continue_at=100_000.0)) == []


@pytest.mark.parametrize(
    ("given", "mode", "missing"),
    [
        ({}, Mode.DEFAULT, []),
        ({"prompt": "An idea"}, Mode.DEFAULT, []),
        ({"instrumental": True}, Mode.DEFAULT, []),
        ({"instrumental": True, "prompt": "An idea"}, Mode.DEFAULT, []),
        ({"style": "Pop"}, Mode.CUSTOM_VOCAL, ["title_missing", "prompt_missing"]),
        ({"title": "Boats"}, Mode.CUSTOM_VOCAL, ["style_missing", "prompt_missing"]),
        ({"style": "Pop", "title": "Boats"}, Mode.CUSTOM_VOCAL, ["prompt_missing"]),
        ({"style": "Pop", "prompt": "Sail"}, Mode.CUSTOM_VOCAL, ["title_missing"]),
        ({"title": "Boats", "prompt": "Sail"}, Mode.CUSTOM_VOCAL, ["style_missing"]),
        ({"instrumental": True, "style": "Pop"}, Mode.CUSTOM_INSTRUMENTAL, ["title_missing"]),
        ({"instrumental": True, "title": "Boats"}, Mode.CUSTOM_INSTRUMENTAL, ["style_missing"]),
        ({"instrumental": True, "style": "Pop", "title": "Boats"}, Mode.CUSTOM_INSTRUMENTAL, []),
    ],
)
def test_what_is_given_decides_what_is_needed(given: dict[str, object], mode: Mode, missing: list[str]) -> None:
    request = replace(a_request(), style="", title="", prompt="")
    request = changed(request, given)

    assert request.mode is mode
    assert names(request) == missing


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"title": "Boats", "prompt": "Sail"}, "With a `title`, give a `style` too: how should it sound?"),
        ({"style": "Pop", "prompt": "Sail"}, "With a `style`, give a `title` too: what should it be called?"),
        (
            {"style": "Pop", "title": "Boats"},
            "With a `style` or a `title`, the lyrics are sung word for word. Write them, or choose `instrumental`.",
        ),
    ],
)
def test_what_is_missing_is_asked_for(given: dict[str, object], words: str) -> None:
    request = replace(a_request(), style="", title="", prompt="")

    assert sentence(changed(request, given)) == words


def test_an_idea_for_an_instrumental_may_be_as_long_as_any_prompt() -> None:
    request = replace(a_request(), style="", title="", instrumental=True, prompt="x" * 5000)

    assert names(request) == []
    assert names(replace(request, prompt="x" * 5001)) == ["prompt_too_long"]


def test_an_unknown_model_is_named_beside_those_there_are_and_breaks_nothing_else() -> None:
    request = replace(a_request(), model="V9 `x`", title="x" * 9000, source_length=9000.0)
    offer = Offer.of(("V4", "V4_5", "V5"), "V5")

    assert names(request) == ["model_not_offered"]
    assert sentence(request, offer) == (
        "There's no model `V9 \u02cbx\u02cb` here. The models are `V4`, `V4_5`, and `V5`."
    )


def test_a_model_that_the_operator_leaves_out_is_refused_and_its_limits_are_not_told() -> None:
    request = replace(a_request("V3_5"), style="x" * 201, source_length=481.0)
    offer = Offer.of(("V4", "V5"), "V5")

    assert names(request, offer) == ["model_not_offered"]
    assert sentence(request, offer) == "There's no model `V3_5` here. The models are `V4` and `V5`."
    assert [rule.option for rule in broken_rules(request, offer)] == ["model"]


def test_a_track_made_with_a_model_that_is_left_out_by_now_can_still_be_continued() -> None:
    offer = Offer.of(("V5",), "V5")
    request = replace(a_request("V3_5"), source_model="V3_5")

    assert names(request, offer) == []
    assert names(replace(request, style="x" * 201), offer) == ["style_too_long"]
    assert names(replace(request, model="V5"), offer) == ["model_differs"]


def test_a_track_continues_with_its_own_model() -> None:
    request = replace(a_request("V5"), source_model="V4")

    assert names(request) == ["model_differs"]
    assert sentence(request) == "This track was made with V4, so only V4 can continue it. Leave out `model`."
    assert names(replace(request, model="V99")) == ["model_differs"]


def test_the_guide_sets_no_limit_to_what_is_excluded() -> None:
    assert names(replace(a_request(), exclude="x" * 6000)) == []


@pytest.mark.parametrize("gender", ["m", "f"])
def test_the_voice_is_male_or_female(gender: str) -> None:
    assert names(replace(a_request(), vocal_gender=gender)) == []


@pytest.mark.parametrize("gender", ["", "x", "M", "male", "mf", "**m**"])
def test_no_other_voice_is_known(gender: str) -> None:
    request = replace(a_request(), vocal_gender=gender)

    assert names(request) == ["vocal_gender_unknown"]
    shown = gender.replace("*", chr(92) + "*")
    assert (
        sentence(request) == f"I don't know the voice “{shown}”. Use `female` or `male`, or leave out `vocal_gender`."
    )


@pytest.mark.parametrize("option", WEIGHTS)
@pytest.mark.parametrize("weight", [None, 0.0, 1.0, 0.01, 0.99, 0.65, 0.29, 0.57, 0.1, -0.0])
def test_a_weight_goes_from_0_to_1_in_hundredths(option: str, weight: float | None) -> None:
    assert names(changed(a_request(), {option: weight})) == []


@pytest.mark.parametrize("option", WEIGHTS)
@pytest.mark.parametrize(
    ("weight", "written"),
    [
        (-0.01, "-0.01"),
        (1.01, "1.01"),
        (65.0, "65.0"),
        (math.nextafter(1.0, 2.0), "1.0000000000000002"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_a_weight_outside_is_refused(option: str, weight: float, written: str) -> None:
    request = changed(a_request(), {option: weight})

    assert names(request) == [f"{option}_range"]
    assert sentence(request).replace("\\", "") == f"`{option}` is {written}. Use a number from 0 to 1."


@pytest.mark.parametrize("option", WEIGHTS)
def test_a_weight_that_is_no_number_is_refused_as_such(option: str) -> None:
    request = changed(a_request(), {option: math.nan})

    assert names(request) == [f"{option}_range"]
    assert sentence(request) == f"`{option}` is not a number. Use one from 0 to 1, like 0.65."


@pytest.mark.parametrize("option", WEIGHTS)
@pytest.mark.parametrize(
    ("weight", "written"),
    [
        (0.655, "0.655"),
        (0.001, "0.001"),
        (0.999, "0.999"),
        (5e-324, "5E-324"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_weight_between_the_hundredths_is_refused(option: str, weight: float, written: str) -> None:
    request = changed(a_request(), {option: weight})

    assert names(request) == [f"{option}_step"]
    assert sentence(request) == f"`{option}` is {written}. It goes in steps of 0.01, like 0.65."


@pytest.mark.parametrize("continue_at", [0.1, 1.0, 59.99, math.nextafter(60.0, 0), None])
def test_a_moment_lies_inside_the_track(continue_at: float | None) -> None:
    assert names(replace(a_request(), continue_at=continue_at)) == []


@pytest.mark.parametrize(("continue_at", "written"), [(0.0, "0:00"), (-0.0, "0:00"), (-5.0, "0:00"), (math.nan, "?")])
def test_a_moment_is_later_than_the_beginning(continue_at: float, written: str) -> None:
    request = replace(a_request(), continue_at=continue_at)

    assert names(request) == ["continue_at_not_positive"]
    assert sentence(request) == f"The audio can't continue from {written}. Pick a moment after the beginning."


@pytest.mark.parametrize(
    ("continue_at", "written"), [(60.0, "1:00"), (60.04, "1:00.1"), (75.5, "1:15.5"), (math.inf, "?")]
)
def test_a_moment_is_earlier_than_the_end(continue_at: float, written: str) -> None:
    request = replace(a_request(), continue_at=continue_at)

    assert names(request) == ["continue_at_beyond_the_end"]
    assert sentence(request) == (
        f"The audio ends at 1:00, so it can't continue from {written}. Pick an earlier moment, or none for the end."
    )


def test_the_end_that_is_told_is_not_later_than_the_moment_that_is_refused() -> None:
    request = replace(a_request(), continue_at=8.08, source_length=8.06)

    assert sentence(request) == (
        "The audio ends at 0:08, so it can't continue from 0:08.1. Pick an earlier moment, or none for the end."
    )


def test_words_that_name_no_moment_are_shown_again() -> None:
    request = replace(a_request(), continue_at=None, continue_at_words="*later*")

    assert names(request) == ["continue_at_unreadable"]
    assert sentence(request) == "I can't read “\\*later\\*” as a time. Write it like `1:05` or `65`."


def test_all_broken_rules_are_told_at_once() -> None:
    request = ExtensionRequest(
        model="V4",
        source_model="V5",
        continue_at=500.0,
        continue_at_words="soon",
        source_length=490.0,
        title="x" * 81,
        prompt="x" * 3001,
        vocal_gender="x",
        style_weight=2.0,
        weirdness=-1.0,
        audio_weight=0.655,
    )

    assert names(request) == [
        "model_differs",
        "style_missing",
        "prompt_too_long",
        "title_too_long",
        "vocal_gender_unknown",
        "style_weight_range",
        "weirdness_range",
        "audio_weight_step",
        "source_too_long",
        "continue_at_unreadable",
        "continue_at_beyond_the_end",
    ]


def test_every_rule_names_an_option_of_the_command() -> None:
    options = {field.name for field in fields(ExtensionRequest)} | {"audio"}

    assert {rule.name: rule.option for rule in RULES if rule.option not in options} == {}
    assert {rule.name for rule in RULES if not rule.name.startswith((rule.option, "source"))} == set()


def test_every_rule_has_been_seen_broken() -> None:
    worst = ExtensionRequest(model="V3_5", style="x" * 201, title="", prompt="", source_length=1.0, continue_at=0.0)
    requests = [
        worst,
        replace(worst, model="none", source_model="V5", continue_at_words="soon", continue_at=5.0),
        replace(worst, model="none"),
        replace(a_request(), vocal_gender="x", style="", title="x" * 101, source_length=481.0),
        replace(a_request(), prompt="x" * 5001, style_weight=2.0, weirdness=2.0, audio_weight=2.0),
        replace(a_request(), style_weight=0.001, weirdness=0.001, audio_weight=0.001),
    ]

    assert {name for request in requests for name in names(request)} == {
        "model_not_offered",
        *(rule.name for rule in RULES),
    }
