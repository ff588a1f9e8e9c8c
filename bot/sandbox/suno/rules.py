"""What is refused, in which order, and how that is known. One row for each refusal; the first that holds answers.

Order: inferred. Codes: docs/provider.md 1.4; it is sunoapi.org's side that is played, so a bad
parameter is 400 where kie.ai says 422. `source` begins with how sure it is: observed, documented or inferred.
Keys that no row names are tolerated.
"""

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal

from yarl import URL

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Limits:
    """In characters; `source_seconds` is the longest source."""

    prompt: int
    style: int
    title: int
    source_seconds: int = 480


# docs/provider.md 1.3. The guide names V3_5 to V5; old names were still accepted when V3_5 had left the lists
# (docs/provider.md 8). `SunoOptions.retired_models` removes them.
LIMITS: Mapping[str, Limits] = {
    "V3_5": Limits(3000, 200, 80),
    "V4": Limits(3000, 200, 80),
    "V4_5": Limits(5000, 1000, 100),
    "V4_5PLUS": Limits(5000, 1000, 100),
    "V4_5ALL": Limits(5000, 1000, 80, source_seconds=60),
    "V5": Limits(5000, 1000, 100),
    "V5_5": Limits(5000, 1000, 100),
    "V6": Limits(5000, 1000, 80),
    "V6_WILD": Limits(5000, 1000, 80),
    "V6_MINI": Limits(5000, 1000, 80),
}

# Answers carry the names of the models behind (docs/provider.md 0); which one belongs to which is inferred.
MODEL_NAMES: Mapping[str, str] = {
    "V3_5": "chirp-v3-5",
    "V4": "chirp-v4",
    "V4_5": "chirp-auk",
    "V4_5PLUS": "chirp-auk",
    "V4_5ALL": "chirp-auk",
    "V5": "chirp-crow",
}
MODEL_NAME_OF_LATER = "chirp-fenix"

LYRICS_MAX = 5000
WEIGHT_STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the provider offers now. `v6`: the contract of the V6 generation; `retired`: models it no longer accepts."""

    v6: bool = False
    retired: AbstractSet[str] = frozenset()


Holds = Callable[[Body, Terms], bool]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answers `code` and `message` if it `holds`. Each row may rely on those above it."""

    name: str
    code: int
    message: str
    source: str
    holds: Holds


def _missing(field: str) -> Holds:
    return lambda body, _: body.get(field) is None or body.get(field) == ""


def _no_url(field: str) -> Holds:
    return lambda body, _: not is_web_address(body.get(field))


def _wrong_type(field: str, kind: type) -> Holds:
    return lambda body, _: body.get(field) is not None and not isinstance(body[field], kind)


def _blank_in_custom(field: str) -> Holds:
    return lambda body, _: body.get("defaultParamFlag") is True and not str(body.get(field) or "").strip()


def _prompt_missing(body: Body, terms: Terms) -> bool:
    if body.get("instrumental") is True or (terms.v6 and body.get("lyrics")):
        return False
    return _blank_in_custom("prompt")(body, terms)


def _model_unknown(body: Body, terms: Terms) -> bool:
    return body["model"] not in tuple(LIMITS) or body["model"] in terms.retired


def _too_long(field: str) -> Holds:
    return lambda body, _: len(str(body.get(field) or "")) > getattr(LIMITS[str(body["model"])], field)


def _bad_weight(field: str) -> Holds:
    def holds(body: Body, _: Terms) -> bool:
        value = body.get(field)
        if value is None:
            return False
        if not is_number(value):
            return True
        number = Decimal(str(value))
        return not 0 <= number <= 1 or number % WEIGHT_STEP != 0

    return holds


def is_web_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        url = URL(value)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)


def is_number(value: object) -> bool:
    """Whether it is a JSON number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _below_one(body: Body, _: Terms) -> bool:
    return float(str(body["continueAt"])) < 1


def _bad_variety(body: Body, terms: Terms) -> bool:
    value = body.get("variety")
    return terms.v6 and value is not None and (type(value) is not int or not 0 <= value <= 4)


_TYPED = "inferred: the type in the field table (docs/provider.md 1.2)"
_LENGTH = "documented: 413, text and limits by model (docs/provider.md 1.3, 1.4)"
_WEIGHT = "documented: 0 to 1, a multiple of 0.01 (docs/provider.md 1.2); text inferred"
_CUSTOM = "documented: required when defaultParamFlag is true (docs/provider.md 1.2); text inferred"
_NULL = "inferred: worded as the observed `customMode cannot be null` (docs/provider.md 1.4)"

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "callback_missing", 400, "Please enter callBackUrl.", "observed: docs/provider.md 1.4", _missing("callBackUrl")
    ),
    Refusal("callback_no_url", 400, "callBackUrl is not a valid URL", _TYPED, _no_url("callBackUrl")),
    Refusal(
        "model_missing", 400, "model cannot be null", "observed: docs/provider.md 1.4; code inferred", _missing("model")
    ),
    Refusal(
        "model_unknown",
        400,
        "model is not supported",
        "documented: an enum (docs/provider.md 1.2); text inferred",
        _model_unknown,
    ),
    Refusal("source_missing", 400, "uploadUrl cannot be null", _NULL, _missing("uploadUrl")),
    Refusal("source_no_url", 400, "uploadUrl is not a valid URL", _TYPED, _no_url("uploadUrl")),
    Refusal(
        "continue_at_missing",
        400,
        "continueAt cannot be null",
        "observed: with defaultParamFlag false too (docs/provider.md 1.4 and 1.5); code inferred",
        lambda body, _: body.get("continueAt") is None,
    ),
    Refusal(
        "continue_at_no_number",
        400,
        "continueAt must be a number",
        _TYPED,
        lambda body, _: not is_number(body["continueAt"]),
    ),
    Refusal(
        "continue_at_below_1",
        400,
        "continueAt cannot be empty or less than 1",
        "observed: docs/provider.md 1.4 (at kie.ai with 422)",
        _below_one,
    ),
    Refusal(
        "flag_missing",
        400,
        "defaultParamFlag cannot be null",
        "documented: required up to V5_5 (docs/provider.md 1.2); text worded as `customMode cannot be null`",
        lambda body, terms: not terms.v6 and body.get("defaultParamFlag") is None,
    ),
    Refusal("flag_type", 400, "defaultParamFlag must be a boolean", _TYPED, _wrong_type("defaultParamFlag", bool)),
    Refusal("instrumental_type", 400, "instrumental must be a boolean", _TYPED, _wrong_type("instrumental", bool)),
    *(
        Refusal(f"{name}_type", 400, f"{name} must be a string", _TYPED, _wrong_type(name, str))
        for name in ("prompt", "style", "title", "negativeTags", "vocalGender", "lyrics", "personaId", "personaModel")
    ),
    Refusal("style_missing", 400, "style cannot be empty", _CUSTOM, _blank_in_custom("style")),
    Refusal("title_missing", 400, "title cannot be empty", _CUSTOM, _blank_in_custom("title")),
    Refusal(
        "prompt_missing",
        400,
        "prompt cannot be empty",
        "documented: required in custom mode with vocals (docs/provider.md 1.5); text inferred",
        _prompt_missing,
    ),
    Refusal(
        "vocal_gender",
        400,
        "vocalGender must be m or f",
        "documented: an enum (docs/provider.md 1.2); text inferred",
        lambda body, _: body.get("vocalGender") not in {None, "m", "f"},
    ),
    *(
        Refusal(name, 400, f"{name} must be between 0 and 1 in steps of 0.01", _WEIGHT, _bad_weight(name))
        for name in ("styleWeight", "weirdnessConstraint", "audioWeight")
    ),
    Refusal(
        "persona_model",
        400,
        "personaModel is not supported",
        "documented: an enum (docs/provider.md 1.2); text inferred",
        lambda body, _: body.get("personaModel") not in {None, "style_persona", "voice_persona"},
    ),
    Refusal(
        "variety",
        400,
        "variety must be an integer from 0 to 4",
        "documented: V6 generation (docs/provider.md 1.2), with the option `v6` alone; text inferred",
        _bad_variety,
    ),
    *(
        Refusal(f"{name}_too_long", 413, "Theme or prompt too long", _LENGTH, _too_long(name))
        for name in ("prompt", "style", "title")
    ),
    Refusal(
        "lyrics_too_long",
        413,
        "Theme or prompt too long",
        "documented: V6 generation (docs/provider.md 1.2), with the option `v6` alone",
        lambda body, terms: terms.v6 and len(str(body.get("lyrics") or "")) > LYRICS_MAX,
    ),
)

UNAUTHORIZED = (401, "You do not have access permissions")
NOT_FOUND = (404, "Not Found")
NOT_JSON = (400, "Request body is not valid JSON")
NO_CREDITS = (429, "The current credits are insufficient. Please top up.")
TOO_FREQUENT = (430, "Your call frequency is too high. Please try again later.")


def first_refusal(body: Body, terms: Terms = Terms()) -> Refusal | None:  # it never changes
    """The first row that `body` breaks; None if only credits and rate are left to check."""
    return next((row for row in REFUSALS if row.holds(body, terms)), None)
