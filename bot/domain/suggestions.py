"""What the command offers while a member types: only what goes with the options filled in so far."""

import msgspec
from msgspec.structs import replace

from bot.domain.adjustments import adjusted
from bot.domain.drafts import PICK, moment_meant
from bot.domain.models import MODELS, Model, Offer, folded
from bot.domain.request import ExtensionRequest, VocalGender, genders_meant
from bot.domain.rules import fits_its_model
from bot.domain.text import Seconds, Text, text


class Suggestion(msgspec.Struct, frozen=True):
    name: Text
    value: str


def suggest_models(typed: str, filled_in: ExtensionRequest, offer: Offer) -> list[Suggestion]:
    """The offered models that can take what is filled in and whose name holds `typed`: the default, then the newest.

    A track of Encore's own has one model, its own, whether it is offered or not.
    """
    own = MODELS.get(filled_in.source_model or "")
    default = own or offer.default
    newest_first = offer.models[::-1]
    candidates = [own] if own else sorted(newest_first, key=lambda model: model != default)
    request = adjusted(filled_in)
    wanted = folded(typed)
    return [
        Suggestion(_label(model, is_default=model == default), model.name)
        for model in candidates
        if wanted in folded(model.name) and (own or fits_its_model(replace(request, model=model.name)))
    ]


def suggest_moments(typed: str) -> list[Suggestion]:
    """The moment that is typed, if it is one; and the ways to say it without typing one."""
    moment, unread = moment_meant(typed)
    found = [] if moment is None else [Suggestion(Text("{moment}", {"moment": Seconds(moment)}), typed.strip())]
    ways = [Suggestion(text("Pick it by eye, in a picture of the audio"), PICK), Suggestion(text("The end"), "end")]
    return [*found, *(way for way in ways if unread is None or way.value.startswith(unread.strip().casefold()))]


def suggest_genders(typed: str, filled_in: ExtensionRequest) -> list[Suggestion]:
    """What `typed` could mean; nothing for an instrumental, which has no singer."""
    if filled_in.instrumental:
        return []
    labels = {VocalGender.FEMALE: text("female"), VocalGender.MALE: text("male")}
    return [Suggestion(labels[gender], gender) for gender in genders_meant(typed)]


def _label(model: Model, *, is_default: bool) -> Text:
    length = Seconds(model.source_max_seconds)
    if is_default:
        return text("{model} (default, audio up to {length})", model=model.name, length=length)
    return text("{model} (audio up to {length})", model=model.name, length=length)
