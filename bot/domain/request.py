"""What a member asks for."""

import re
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

import msgspec

from bot.domain.models import DEFAULT_MODEL, MODELS, Model


class VocalGender(StrEnum):
    FEMALE = "f"
    MALE = "m"


_GENDER_WORDS = {
    VocalGender.FEMALE: ("female", "feminine", "woman", "women", "girl"),
    VocalGender.MALE: ("male", "masculine", "man", "men", "boy"),
}


_VOICE = r"\s+(voice|vocals?|singer)$"  # compiled at its first use, not at the start


def genders_meant(words: str) -> list[VocalGender]:
    """The genders that `words` could mean: `f`, `Female voice` or `wom`, whole or begun; both if nothing is typed."""
    wanted = re.sub(_VOICE, "", words.strip().casefold())
    return [gender for gender, known in _GENDER_WORDS.items() if any(word.startswith(wanted) for word in known)]


def gender_meant(words: str | None) -> str | None:
    """The gender that matches, or the input if none or both do; None for no words."""
    if not (typed := (words or "").strip()):
        return None
    genders = genders_meant(typed)
    return genders[0] if len(genders) == 1 else typed


class Mode(StrEnum):
    """The provider's three ways of reading a request."""

    CUSTOM_VOCAL = "custom_vocal"  # style and title given, the prompt is sung word for word
    CUSTOM_INSTRUMENTAL = "custom_instrumental"  # style and title given, no lyrics
    DEFAULT = "default"  # style and title are the source's, with or without singing; the prompt is an idea


class ExtensionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one `/extend`, as typed; texts are stripped, an empty one counts as not given.

    `continue_at` and `source_length` are seconds. `continue_at` None means the end of the track; `source_length` None
    means that the source could not be measured. `weight`s run from 0 to 1 in steps of 0.01.
    `model`, `vocal_gender` and `continue_at_words` hold the member's own words if no model, voice or moment is meant
    by them.
    `source_model` is the model that made the source if the source is a track of Encore's.
    `trim`: a source that is longer than the model takes is trimmed to the part before `continue_at`. Then
    `source_began_at` is where that part began, in seconds of the source; the other times stay the source's own.
    """

    model: str = DEFAULT_MODEL
    continue_at: float | None = None
    continue_at_words: str | None = None
    source_length: float | None = None
    source_model: str | None = None
    instrumental: bool = False
    style: str = ""
    title: str = ""
    prompt: str = ""
    vocal_gender: str | None = None
    exclude: str = ""
    style_weight: float | None = None
    weirdness: float | None = None
    audio_weight: float | None = None
    trim: bool = False
    source_began_at: float = 0.0

    @property
    def mode(self) -> Mode:
        """Custom as soon as a style or a title is given; `instrumental` alone takes both from the source.

        Guide: in default mode `instrumental` "does not affect required fields".
        """
        if not (self.style or self.title):
            return Mode.DEFAULT
        return Mode.CUSTOM_INSTRUMENTAL if self.instrumental else Mode.CUSTOM_VOCAL

    @property
    def known_model(self) -> Model | None:
        return MODELS.get(self.model)


EARLIEST_SECONDS = 1.0
"""The guide takes any `continueAt` above 0, but the provider was seen to refuse less than this ("cannot be empty or
less than 1"; docs/provider.md 1.5). An earlier moment is sent as this one."""

END_MARGIN_SECONDS = 1.0
"""How long before the end an extension begins if the member names no moment: the end itself would be refused."""


def is_longer_than_its_model_takes(request: ExtensionRequest, source_length: float) -> bool:
    return request.known_model is not None and source_length > request.known_model.source_max_seconds


def trimmed_until(request: ExtensionRequest, source_length: float) -> float:
    """Where the part that is kept of a long source ends: a little after the moment, which must lie inside of it."""
    if request.continue_at is None:
        return source_length
    return min(source_length, request.continue_at + END_MARGIN_SECONDS)


def moment_in_part(request: ExtensionRequest) -> float | None:
    """`continue_at` in the time of what is sent."""
    return None if request.continue_at is None else request.continue_at - request.source_began_at


def sent_continue_at(asked_for: float | None, source_length: float) -> float:
    """The second that is sent: the moment asked for, or just before the end.

    Always above 0 and below `source_length`, as the guide wants it; at least `EARLIEST_SECONDS` if the source is longer
    than that. Seconds in hundredths, rounded down. `asked_for` lies inside the source (see the rules).
    """
    moment = max(EARLIEST_SECONDS, source_length - END_MARGIN_SECONDS if asked_for is None else asked_for)
    if moment >= source_length:
        moment = source_length / 2 if asked_for is None else asked_for
    # In decimals, so that 0.29 stays 0.29 and nothing is rounded past the end.
    hundredths = float(Decimal(repr(moment)).quantize(Decimal("0.01"), ROUND_DOWN))
    return hundredths or moment
