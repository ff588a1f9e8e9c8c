"""The body sent in each mode, compared with the recorded requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bot.domain.models import MODELS
from bot.domain.request import ExtensionRequest
from bot.domain.rules import broken_rules
from bot.suno.body import extend_body

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
SOURCE = "https://files.example.com/uploads/demo-loop.mp3"
CALLBACK = "https://bot.example.com/suno/callback/3f9c1d"
VOCAL = ExtensionRequest(
    model="V5",
    style="dream pop, soft drums",
    title="Paper Boats (Extended)",
    prompt="[Verse]\nPaper boats on a silver stream\n[Chorus]\nRow me back into the dream",
    vocal_gender="f",
    exclude="heavy metal, harsh noise",
    style_weight=0.65,
    weirdness=0.3,
    audio_weight=0.7,
)
INSTRUMENTAL = replace(
    VOCAL, instrumental=True, style="ambient piano, slow", title="Paper Boats (Instrumental)", vocal_gender=None
)
DEFAULT = ExtensionRequest(model="V5", prompt="Keep the same mood and add a bright final chorus")


def recorded(name: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((FIXTURES / name).read_bytes())
    return message


def sent(request: ExtensionRequest, continue_at: float = 42.0) -> dict[str, object]:
    body = extend_body(request, source_url=SOURCE, sent_continue_at=continue_at, callback_url=CALLBACK)
    as_sent: dict[str, object] = json.loads(json.dumps(body))
    return as_sent


@pytest.mark.parametrize(
    ("request_", "continue_at", "name"),
    [
        (VOCAL, 42.5, "request-custom-vocal.json"),
        (INSTRUMENTAL, 42.5, "request-custom-instrumental.json"),
        (DEFAULT, 42.0, "request-default.json"),
    ],
)
def test_each_mode_is_sent_as_it_was_recorded(request_: ExtensionRequest, continue_at: float, name: str) -> None:
    assert broken_rules(request_) == ()
    assert sent(request_, continue_at) == recorded(name)


def test_even_the_smallest_request_says_whether_it_is_instrumental() -> None:
    assert sent(ExtensionRequest(model="V4_5")) == recorded("request-default-minimal.json") | {"instrumental": False}


def test_an_instrumental_carries_neither_words_nor_a_voice() -> None:
    body = sent(replace(INSTRUMENTAL, prompt="la la", vocal_gender="m"))

    assert "prompt" not in body
    assert "vocalGender" not in body
    assert (body["defaultParamFlag"], body["instrumental"]) == (True, True)


def test_instrumental_alone_is_default_mode_without_singing() -> None:
    body = sent(ExtensionRequest(model="V4_5", instrumental=True, vocal_gender="m"))

    assert body == recorded("request-default-minimal.json") | {"instrumental": True}


def test_in_default_mode_the_idea_is_sent_with_an_instrumental_too() -> None:
    assert sent(replace(DEFAULT, instrumental=True)) == recorded("request-default.json") | {"instrumental": True}


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("request_", [VOCAL, INSTRUMENTAL, DEFAULT])
def test_every_model_gets_the_same_field_names(request_: ExtensionRequest, model: str) -> None:
    assert sent(replace(request_, model=model)) == sent(request_) | {"model": model}


def test_numbers_are_sent_as_numbers_and_a_weight_of_zero_is_sent() -> None:
    body = sent(replace(DEFAULT, style_weight=0.0, weirdness=1.0, audio_weight=0.07), 61.25)

    assert {name: body[name] for name in ("styleWeight", "weirdnessConstraint", "audioWeight", "continueAt")} == {
        "styleWeight": 0.0,
        "weirdnessConstraint": 1.0,
        "audioWeight": 0.07,
        "continueAt": 61.25,
    }
    assert all(isinstance(body[name], float) for name in ("styleWeight", "audioWeight", "continueAt"))
