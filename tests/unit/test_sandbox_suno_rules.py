"""What the stand-in refuses: every row of its table can be met, and in the documented order."""

import json
from pathlib import Path

import pytest

from bot.sandbox.suno.rules import LIMITS, REFUSALS, Terms, first_refusal

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
PAGE = Path(__file__).parents[2] / "docs" / "sandbox-suno.md"
MISSING = object()


def a_body(**changes: object) -> dict[str, object]:
    body: dict[str, object] = {
        "uploadUrl": "https://files.example.com/loop.mp3",
        "defaultParamFlag": True,
        "instrumental": False,
        "prompt": "[Verse]\nPaper boats",
        "style": "dream pop",
        "title": "Paper Boats",
        "continueAt": 42.5,
        "model": "V5",
        "callBackUrl": "https://bot.example.com/callback/3f9c1d",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not MISSING}


def refused(body: dict[str, object], *, v6: bool = False) -> tuple[str, int] | None:
    row = first_refusal(body, Terms(v6=v6))
    return None if row is None else (row.name, row.code)


BROKEN: dict[str, dict[str, object]] = {
    "callback_missing": {"callBackUrl": MISSING},
    "callback_no_url": {"callBackUrl": "callback"},
    "model_missing": {"model": None},
    "model_unknown": {"model": "V99"},
    "source_missing": {"uploadUrl": ""},
    "source_no_url": {"uploadUrl": "file:///loop.mp3"},
    "continue_at_missing": {"continueAt": MISSING},
    "continue_at_no_number": {"continueAt": "42"},
    "continue_at_below_1": {"continueAt": 0.99},
    "flag_missing": {"defaultParamFlag": MISSING},
    "flag_type": {"defaultParamFlag": "true"},
    "instrumental_type": {"instrumental": 1},
    "prompt_type": {"prompt": ["la"]},
    "style_type": {"style": 7},
    "title_type": {"title": {}},
    "negativeTags_type": {"negativeTags": ["metal"]},
    "vocalGender_type": {"vocalGender": 1},
    "lyrics_type": {"lyrics": 1},
    "personaId_type": {"personaId": 1},
    "personaModel_type": {"personaModel": 1},
    "style_missing": {"style": " "},
    "title_missing": {"title": MISSING},
    "prompt_missing": {"prompt": ""},
    "vocal_gender": {"vocalGender": "x"},
    "styleWeight": {"styleWeight": 0.655},
    "weirdnessConstraint": {"weirdnessConstraint": 1.01},
    "audioWeight": {"audioWeight": "0.5"},
    "persona_model": {"personaModel": "other"},
    "prompt_too_long": {"prompt": "x" * 5001},
    "style_too_long": {"style": "x" * 1001},
    "title_too_long": {"title": "x" * 101},
    "variety": {"variety": 5},
    "lyrics_too_long": {"lyrics": "x" * 5001},
}
ONLY_IN_V6 = {"variety", "lyrics_too_long"}


def test_every_refusal_is_tried_here() -> None:
    assert {row.name for row in REFUSALS} == set(BROKEN)


@pytest.mark.parametrize("name", list(BROKEN))
def test_each_refusal_can_be_met(name: str) -> None:
    answer = refused(a_body(**BROKEN[name]), v6=name in ONLY_IN_V6)

    assert answer == (name, 413 if name.endswith("too_long") else 400)


@pytest.mark.parametrize("name", sorted(ONLY_IN_V6))
def test_rules_of_v6_hold_in_v6_alone(name: str) -> None:
    assert refused(a_body(**BROKEN[name])) is None


@pytest.mark.parametrize(
    "fixture", ["request-custom-vocal", "request-custom-instrumental", "request-default", "request-default-minimal"]
)
def test_the_recorded_requests_pass(fixture: str) -> None:
    body = json.loads((FIXTURES / f"{fixture}.json").read_text(encoding="utf-8"))

    assert refused(body) is None


def test_the_v6_request_passes_under_its_own_contract_alone() -> None:
    body = json.loads((FIXTURES / "request-v6.json").read_text(encoding="utf-8"))

    assert refused(body, v6=True) is None
    assert refused(body) == ("flag_missing", 400)


def test_the_first_row_that_holds_answers() -> None:
    order = ["callBackUrl", "model", "uploadUrl", "continueAt", "defaultParamFlag"]
    body = a_body(**dict.fromkeys(order, MISSING))
    seen = []

    for field in order:
        answer = first_refusal(body)
        assert answer is not None
        seen.append(answer.message)
        body[field] = a_body()[field]

    assert seen == [
        "Please enter callBackUrl.",
        "model cannot be null",
        "uploadUrl cannot be null",
        "continueAt cannot be null",
        "defaultParamFlag cannot be null",
    ]
    assert first_refusal(body) is None


def test_lengths_are_checked_after_the_rules_of_the_mode() -> None:
    assert refused(a_body(style="", title="x" * 101)) == ("style_missing", 400)


@pytest.mark.parametrize("model", list(LIMITS))
@pytest.mark.parametrize("field", ["prompt", "style", "title"])
def test_each_model_takes_its_longest_text_and_not_one_more(model: str, field: str) -> None:
    limit: int = getattr(LIMITS[model], field)

    assert refused(a_body(model=model, **{field: "x" * limit})) is None
    assert refused(a_body(model=model, **{field: "x" * (limit + 1)})) == (f"{field}_too_long", 413)


@pytest.mark.parametrize("model", ["V3_5", "V4", "V4_5", "V4_5PLUS", "V5"])
def test_every_model_of_the_guide_is_taken(model: str) -> None:
    assert refused(a_body(model=model)) is None


def test_a_retired_model_is_refused_like_an_unknown_one() -> None:
    row = first_refusal(a_body(model="V3_5"), Terms(retired={"V3_5"}))

    assert row is not None
    assert (row.code, row.message) == (400, "model is not supported")


def test_instrumental_does_not_affect_what_default_mode_needs() -> None:
    bare = {"style": MISSING, "title": MISSING, "prompt": MISSING, "defaultParamFlag": False}

    assert [refused(a_body(**bare, instrumental=instrumental)) for instrumental in (True, False)] == [None, None]


def test_an_instrumental_needs_no_prompt() -> None:
    assert refused(a_body(instrumental=True, prompt=MISSING)) is None


def test_default_parameters_need_neither_style_nor_title_nor_prompt() -> None:
    body = a_body(defaultParamFlag=False, style=MISSING, title=MISSING, prompt=MISSING, instrumental=MISSING)

    assert refused(body) is None


@pytest.mark.parametrize("weight", [0, 1, 0.0, 1.0, 0.01, 0.29, 0.57, 0.65, 0.99])
def test_weights_go_in_hundredths_from_0_to_1(weight: float) -> None:
    assert refused(a_body(styleWeight=weight, weirdnessConstraint=weight, audioWeight=weight)) is None


@pytest.mark.parametrize("weight", [-0.01, 1.01, 0.001, 0.655, True, "0.5", float("nan"), float("inf")])
def test_other_weights_are_refused(weight: object) -> None:
    assert refused(a_body(styleWeight=weight)) == ("styleWeight", 400)


@pytest.mark.parametrize("moment", [True, "42", [], float("nan")])
def test_a_moment_that_is_no_number_is_refused(moment: object) -> None:
    assert refused(a_body(continueAt=moment)) == ("continue_at_no_number", 400)


def test_unknown_keys_are_tolerated() -> None:
    assert refused(a_body(somethingNew={"a": 1})) is None


def test_observed_texts_are_the_recorded_ones() -> None:
    texts = {row.name: row.message for row in REFUSALS}

    for fixture, name in {
        "submit-error-400-no-callback": "callback_missing",
        "submit-error-400-no-continue-at": "continue_at_missing",
        "submit-error-400-no-model": "model_missing",
        "submit-error-413": "prompt_too_long",
        "kie-submit-error-422-continue-at": "continue_at_below_1",
    }.items():
        assert texts[name] == json.loads((FIXTURES / f"{fixture}.json").read_text(encoding="utf-8"))["msg"]


def test_every_refusal_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert [row.message for row in REFUSALS if f"`{row.message}`" not in page] == []
