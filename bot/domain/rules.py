"""The provider's rules for a request, as data: each with the sentence that a member reads if it is broken.

Source: the "Parameter Usage Guide" of the provider's "Upload and Extend Audio" page. Nothing here is stricter than the
guide: what it does not forbid is sent, and if the provider refuses it, the member reads the provider's own words.
A new rule is a new row in `RULES` and nothing else.
"""

import math
from collections.abc import Callable
from decimal import Decimal

import msgspec

from bot.domain.models import MODELS, WHOLE_TABLE, Offer
from bot.domain.request import ExtensionRequest, Mode, VocalGender
from bot.domain.text import Said, Seconds, Text, text

WEIGHT_STEP = Decimal("0.01")


class Rule(msgspec.Struct, frozen=True):
    """`broken` is asked only where `applies`; `sentence` may rely on both. `option` is the option at fault.

    `of_model`: a limit of the model, which another model may not have.
    """

    name: str
    option: str
    applies: Callable[[ExtensionRequest], bool]
    broken: Callable[[ExtensionRequest], bool]
    sentence: Callable[[ExtensionRequest], Text]
    of_model: bool = False


class BrokenRule(msgspec.Struct, frozen=True):
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
        _model_known,
        lambda r: len(getattr(r, option)) > allowed(r),
        lambda r: sentence(len(getattr(r, option)), allowed(r), r.model),
        of_model=True,
    )


def _weight(option: str) -> tuple[Rule, Rule]:
    """`option` lies between 0 and 1, in steps of 0.01."""

    def value(request: ExtensionRequest) -> Decimal:
        return Decimal(repr(float(getattr(request, option))))

    def said(request: ExtensionRequest) -> Said:
        return Said(str(value(request)))

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
            lambda r: (
                text("`{option}` is not a number. Use one from 0 to 1, like 0.65.", option=option)
                if value(r).is_nan()
                else text("`{option}` is {given}. Use a number from 0 to 1.", option=option, given=said(r))
            ),
        ),
        Rule(
            f"{option}_step",
            option,
            lambda r: given(r) and in_range(r),
            lambda r: value(r) % WEIGHT_STEP != 0,
            lambda r: text("`{option}` is {given}. It goes in steps of 0.01, like 0.65.", option=option, given=said(r)),
        ),
    )


def _tenths(rounded: Callable[[float], int], seconds: float) -> float:
    """`seconds` in the tenths that are shown, away from the limit: nobody reads "8:00 long, at most 8:00"."""
    if not math.isfinite(seconds):
        return seconds
    return rounded(round(seconds * 10, 6)) / 10


RULES: tuple[Rule, ...] = (
    Rule(
        "model_differs",
        "model",
        # "Model version must be consistent with the source music": it has a meaning only where we know the model.
        lambda r: r.source_model is not None,
        lambda r: r.model != r.source_model,
        lambda r: text(
            "This track was made with {source_model}, so only {source_model} can continue it. Leave out `model`.",
            source_model=r.source_model or "",
        ),
    ),
    _missing("style", text("With a `title`, give a `style` too: how should it sound?"), _custom),
    _missing("title", text("With a `style`, give a `title` too: what should it be called?"), _custom),
    _missing(
        "prompt",
        text("With a `style` or a `title`, the lyrics are sung word for word. Write them, or choose `instrumental`."),
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
        "vocal_gender_unknown",
        "vocal_gender",
        lambda r: r.vocal_gender is not None,
        lambda r: r.vocal_gender not in set(VocalGender),
        lambda r: text(
            "I don't know the voice “{given}”. Use `female` or `male`, or leave out `vocal_gender`.",
            given=Said(r.vocal_gender or ""),
        ),
    ),
    *_weight("style_weight"),
    *_weight("weirdness"),
    *_weight("audio_weight"),
    Rule(
        "source_too_long",
        "audio",
        lambda r: _length_known(r) and _model_known(r) and not r.trim,
        lambda r: (r.source_length or 0) > MODELS[r.model].source_max_seconds,
        lambda r: text(
            "The audio is {given} long; {model} takes at most {allowed}.",
            given=Seconds(_tenths(math.ceil, r.source_length or 0)),
            allowed=Seconds(MODELS[r.model].source_max_seconds),
            model=r.model,
        ),
        of_model=True,
    ),
    Rule(
        "continue_at_unreadable",
        "continue_at",
        _always,
        lambda r: r.continue_at_words is not None,
        lambda r: text(
            "I can't read “{given}” as a time. Write it like `1:05` or `65`.", given=Said(r.continue_at_words or "")
        ),
    ),
    Rule(
        "continue_at_not_positive",
        "continue_at",
        lambda r: r.continue_at is not None,
        lambda r: not (r.continue_at or 0) > 0,
        lambda r: text(
            "The audio can't continue from {given}. Pick a moment after the beginning.",
            given=Seconds(r.continue_at or 0),
        ),
    ),
    Rule(
        "continue_at_beyond_the_end",
        "continue_at",
        lambda r: r.continue_at is not None and _length_known(r),
        lambda r: (r.continue_at or 0) >= (r.source_length or 0),
        lambda r: text(
            "The audio ends at {allowed}, so it can't continue from {given}. Pick an earlier moment, or none for the"
            " end.",
            given=Seconds(_tenths(math.ceil, r.continue_at or 0)),
            allowed=Seconds(_tenths(math.floor, r.source_length or 0)),
        ),
    ),
)


def _model_offered(offer: Offer) -> Rule:
    """The one rule that depends on the operator. A track of Encore's own keeps its model, offered or not."""
    return Rule(
        "model_not_offered",
        "model",
        lambda r: r.source_model is None,
        lambda r: r.model not in offer.names,
        lambda r: text(
            "There's no model `{given}` here. The models are {models}.",
            given=Said(r.model),
            models=[Text(f"`{name}`") for name in offer.names],
        ),
    )


def broken_rules(request: ExtensionRequest, offer: Offer = WHOLE_TABLE) -> tuple[BrokenRule, ...]:
    """Every rule that `request` breaks, in the order of the command's options; empty if it may be sent.

    `request` is adjusted (see `bot.domain.adjustments`). The limits of a model that is not offered are left out: the
    member has to choose another one anyway.
    """
    model_matters = request.source_model is not None or request.model in offer.names
    return tuple(
        BrokenRule(rule.name, rule.option, rule.sentence(request))
        for rule in (_model_offered(offer), *RULES)
        if (model_matters or not rule.of_model) and rule.applies(request) and rule.broken(request)
    )


def fits_its_model(request: ExtensionRequest) -> bool:
    """Whether the adjusted `request` keeps within the limits of its model, whatever else is missing or wrong."""
    return not any(rule.applies(request) and rule.broken(request) for rule in RULES if rule.of_model)
