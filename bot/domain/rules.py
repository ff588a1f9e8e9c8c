"""The provider's rules for a request, as data: each with the sentence that a member reads when it is broken.

Source: the "Parameter Usage Guide" of the provider's "Upload and Extend Audio" page; where its editions differ, the
reading is named beside the rule. Whoever adds a rule adds a row here and nothing elsewhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.models import MODELS
from bot.domain.request import CONTINUE_AT_MARGIN_SECONDS, ExtensionRequest, Mode, VocalGender
from bot.domain.text import Said, Seconds, Text, text

SOURCE_MIN_SECONDS = 2 * CONTINUE_AT_MARGIN_SECONDS
EXCLUDE_MAX = 200  # the extend page names no limit; the sister pages of the same generation say 200
WEIGHT_STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Rule:
    """`broken` is asked only where `applies`; `sentence` may rely on both. `option` is the option at fault."""

    name: str
    option: str
    applies: Callable[[ExtensionRequest], bool]
    broken: Callable[[ExtensionRequest], bool]
    sentence: Callable[[ExtensionRequest], Text]


@dataclass(frozen=True, slots=True)
class BrokenRule:
    name: str
    option: str
    sentence: Text


def _always(_: ExtensionRequest) -> bool:
    return True


def _custom(request: ExtensionRequest) -> bool:
    return request.mode is not Mode.DEFAULT


def _custom_vocal(request: ExtensionRequest) -> bool:
    return request.mode is Mode.CUSTOM_VOCAL


def _model_known(request: ExtensionRequest) -> bool:
    return request.known_model is not None


def _length_known(request: ExtensionRequest) -> bool:
    return request.source_length is not None


def _missing(option: str, sentence: Text, applies: Callable[[ExtensionRequest], bool]) -> Rule:
    """In custom mode `option` may not be empty."""
    return Rule(f"{option}_missing", option, applies, lambda r: not getattr(r, option), lambda _: sentence)


def _too_long(option: str, sentence: Callable[[int, int, str], Text]) -> Rule:
    """`option` may have as many characters as the model's `<option>_max`."""

    def allowed(request: ExtensionRequest) -> int:
        return int(getattr(MODELS[request.model], f"{option}_max"))

    return Rule(
        f"{option}_too_long",
        option,
        # An instrumental sends no prompt, so none can be too long.
        lambda r: _model_known(r) and not (option == "prompt" and r.instrumental),
        lambda r: len(getattr(r, option)) > allowed(r),
        lambda r: sentence(len(getattr(r, option)), allowed(r), r.model),
    )


def _weight(option: str) -> tuple[Rule, Rule]:
    """`option` lies between 0 and 1, in steps of 0.01."""

    def value(request: ExtensionRequest) -> Decimal:
        return Decimal(repr(float(getattr(request, option))))

    def given(request: ExtensionRequest) -> bool:
        return getattr(request, option) is not None

    def in_range(request: ExtensionRequest) -> bool:
        # Written so that "not a number", which compares with nothing, is out of range.
        return 0.0 <= float(getattr(request, option)) <= 1.0

    return (
        Rule(
            f"{option}_range",
            option,
            given,
            lambda r: not in_range(r),
            lambda r: text("`{option}` is {given}; it goes from 0 to 1.", option=option, given=_number(value(r))),
        ),
        Rule(
            f"{option}_step",
            option,
            lambda r: given(r) and in_range(r),
            lambda r: value(r) % WEIGHT_STEP != 0,
            lambda r: text(
                "`{option}` is {given}; it goes in steps of 0.01, such as 0.65.",
                option=option,
                given=_number(value(r)),
            ),
        ),
    )


def _number(value: Decimal) -> Text:
    return text("{number}", number=Said(str(value)))


def _tenths(rounded: Callable[[float], int], seconds: float) -> float:
    """`seconds` in the tenths that are shown, away from the limit: nobody reads "8:00 long; at most 8:00"."""
    return rounded(round(seconds * 10, 6)) / 10


RULES: tuple[Rule, ...] = (
    Rule(
        "model_unknown",
        "model",
        _always,
        lambda r: r.known_model is None,
        lambda r: text("There is no model `{given}`. Choose one from the list.", given=Said(r.model)),
    ),
    Rule(
        "model_retired",
        "model",
        # A track of Encore's own must go on with its own model, whatever became of it.
        lambda r: _model_known(r) and r.source_model != r.model,
        lambda r: not MODELS[r.model].offered,
        lambda r: text("The provider no longer offers the model {given}.", given=r.model),
    ),
    Rule(
        "model_differs",
        "model",
        # "Model version must be consistent with the source music": it has a meaning only where we know the model.
        lambda r: r.source_model is not None,
        lambda r: r.model != r.source_model,
        lambda r: text(
            "This track was made with {source_model}, so it goes on with {source_model}, not with {given}.",
            source_model=r.source_model or "",
            given=Said(r.model),
        ),
    ),
    _missing(
        "style",
        text("A `style` is needed as soon as you give a `title` or want an instrumental. Say how it should sound."),
        _custom,
    ),
    _missing(
        "title",
        text("A `title` is needed as soon as you give a `style` or want an instrumental."),
        _custom,
    ),
    _missing(
        "prompt",
        text(
            "A `prompt` is needed when you give a `style` or a `title`: it is sung word for word."
            " For no singing, choose `instrumental`."
        ),
        _custom_vocal,
    ),
    _too_long(
        "prompt",
        lambda given, allowed, model: text(
            "The `prompt` has {given} characters; {model} takes at most {allowed}.",
            given=given,
            allowed=allowed,
            model=model,
        ),
    ),
    _too_long(
        "style",
        lambda given, allowed, model: text(
            "The `style` has {given} characters; {model} takes at most {allowed}.",
            given=given,
            allowed=allowed,
            model=model,
        ),
    ),
    _too_long(
        "title",
        lambda given, allowed, model: text(
            "The `title` has {given} characters; {model} takes at most {allowed}.",
            given=given,
            allowed=allowed,
            model=model,
        ),
    ),
    Rule(
        "exclude_too_long",
        "exclude",
        _always,
        lambda r: len(r.exclude) > EXCLUDE_MAX,
        lambda r: text(
            "`exclude` has {given} characters; at most {allowed} are taken.", given=len(r.exclude), allowed=EXCLUDE_MAX
        ),
    ),
    Rule(
        "vocal_gender_unknown",
        "vocal_gender",
        lambda r: r.vocal_gender is not None,
        lambda r: r.vocal_gender not in set(VocalGender),
        lambda r: text(
            "`vocal_gender` is “{given}”; it can be `m` (male) or `f` (female).", given=Said(r.vocal_gender or "")
        ),
    ),
    Rule(
        "vocal_gender_with_instrumental",
        "vocal_gender",
        lambda r: r.vocal_gender is not None,
        lambda r: r.instrumental,
        lambda _: text("An instrumental has no voice: leave out `vocal_gender`, or `instrumental`."),
    ),
    *_weight("style_weight"),
    *_weight("weirdness"),
    *_weight("audio_weight"),
    Rule(
        "source_too_short",
        "audio",
        _length_known,
        lambda r: (r.source_length or 0) < SOURCE_MIN_SECONDS,
        lambda r: text(
            "The audio is {given} long; at least {allowed} are needed to go on from.",
            given=Seconds(_tenths(math.floor, r.source_length or 0)),
            allowed=Seconds(SOURCE_MIN_SECONDS),
        ),
    ),
    Rule(
        "source_too_long",
        "audio",
        lambda r: _length_known(r) and _model_known(r),
        lambda r: (r.source_length or 0) > MODELS[r.model].source_max_seconds,
        lambda r: text(
            "The audio is {given} long; {model} takes at most {allowed}.",
            given=Seconds(_tenths(math.ceil, r.source_length or 0)),
            allowed=Seconds(MODELS[r.model].source_max_seconds),
            model=r.model,
        ),
    ),
    Rule(
        "continue_at_unreadable",
        "continue_at",
        _always,
        lambda r: r.continue_at_words is not None,
        lambda r: text(
            "`continue_at` is “{given}”, which is no moment. Write `1:05`, `65`, `65.5` or `1:02:03`.",
            given=Said(r.continue_at_words or ""),
        ),
    ),
    Rule(
        "continue_at_not_positive",
        "continue_at",
        lambda r: r.continue_at is not None,
        lambda r: not (r.continue_at or 0) > 0,
        lambda r: text("`continue_at` is {given}; it must be later than 0:00.", given=Seconds(r.continue_at or 0)),
    ),
    Rule(
        "continue_at_beyond_the_end",
        "continue_at",
        lambda r: r.continue_at is not None and _length_known(r),
        lambda r: (r.continue_at or 0) >= (r.source_length or 0),
        lambda r: text(
            "`continue_at` is {given}, but the audio ends at {allowed}. Pick a moment before its end.",
            given=Seconds(r.continue_at or 0),
            allowed=Seconds(r.source_length or 0),
        ),
    ),
)


def broken_rules(request: ExtensionRequest) -> tuple[BrokenRule, ...]:
    """Every rule that `request` breaks, in the order of the command's options; empty when it may be sent."""
    return tuple(
        BrokenRule(rule.name, rule.option, rule.sentence(request))
        for rule in RULES
        if rule.applies(request) and rule.broken(request)
    )
