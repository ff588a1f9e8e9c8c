"""What a member asks for."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from bot.domain.models import DEFAULT_MODEL, MODELS, Model


class VocalGender(StrEnum):
    FEMALE = "f"
    MALE = "m"


class Mode(StrEnum):
    """The provider's three ways of reading a request."""

    CUSTOM_VOCAL = "custom_vocal"  # style and title given, the prompt is sung word for word
    CUSTOM_INSTRUMENTAL = "custom_instrumental"  # style and title given, no lyrics
    DEFAULT = "default"  # everything is taken from the source; the prompt is an idea


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionRequest:
    """The options of one `/extend`, as typed; texts are stripped, an empty one counts as not given.

    `continue_at` and `source_length` are seconds. `continue_at` None means the end of the track; `source_length` None
    means that the source could not be measured. `weight`s run from 0 to 1 in steps of 0.01.
    `continue_at_words` is set when what the member typed names no moment.
    `source_model` is the model that made the source where the source is a track of Encore's.
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

    @property
    def mode(self) -> Mode:
        """Custom as soon as style or title is given or no singing is wanted; otherwise the source decides."""
        if self.instrumental:
            return Mode.CUSTOM_INSTRUMENTAL
        if self.style or self.title:
            return Mode.CUSTOM_VOCAL
        return Mode.DEFAULT

    @property
    def known_model(self) -> Model | None:
        return MODELS.get(self.model)


CONTINUE_AT_MARGIN_SECONDS = 1.0
"""How far from either end of the source `continueAt` is kept when it is sent: the provider was seen to refuse less
than 1 ("cannot be empty or less than 1") and fails later when it is too near to the end (fact sheet, conflict C4)."""


def effective_continue_at(continue_at: float | None, source_length: float) -> float:
    """The second that is sent: what was asked for, or just before the end, a margin away from both ends.

    Seconds in hundredths, rounded down. `source_length` is at least twice the margin (see the rules).
    """
    latest = source_length - CONTINUE_AT_MARGIN_SECONDS
    moment = latest if continue_at is None else min(continue_at, latest)
    # In decimals, so that 0.29 stays 0.29 and nothing is rounded past the end.
    return max(CONTINUE_AT_MARGIN_SECONDS, float(Decimal(repr(moment)).quantize(Decimal("0.01"), ROUND_DOWN)))
