"""What the command offers while a member types: only what fits with what is already filled in."""

from dataclasses import dataclass

from bot.domain.models import DEFAULT_MODEL, MODELS, Model
from bot.domain.request import VocalGender
from bot.domain.text import Seconds, Text, text


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledIn:
    """The other options so far; `source_model` where the source is a track of Encore's."""

    style: str = ""
    title: str = ""
    prompt: str = ""
    instrumental: bool = False
    source_model: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: Text
    value: str


def suggest_models(typed: str, filled_in: FilledIn) -> list[Suggestion]:
    """The models that can take what is filled in and whose name holds `typed`, the default first, then the newest."""
    default = filled_in.source_model or DEFAULT_MODEL
    fitting = [model for model in reversed(MODELS.values()) if _fits(model, filled_in)]
    fitting.sort(key=lambda model: model.name != default)
    wanted = _folded(typed)
    return [
        Suggestion(_model_name(model, is_default=model.name == default), model.name)
        for model in fitting
        if wanted in _folded(model.name)
    ]


def suggest_genders(typed: str, filled_in: FilledIn) -> list[Suggestion]:
    """None for an instrumental; otherwise what begins like `typed`."""
    if filled_in.instrumental:
        return []
    wanted = typed.strip().lower()
    names = {VocalGender.FEMALE: "female", VocalGender.MALE: "male"}
    labels = {VocalGender.FEMALE: text("female"), VocalGender.MALE: text("male")}
    return [Suggestion(labels[gender], gender) for gender, name in names.items() if name.startswith(wanted)]


def _fits(model: Model, filled_in: FilledIn) -> bool:
    if filled_in.source_model is not None:
        return model.name == filled_in.source_model
    return (
        model.offered
        and len(filled_in.style) <= model.style_max
        and len(filled_in.title) <= model.title_max
        and (filled_in.instrumental or len(filled_in.prompt) <= model.prompt_max)
    )


def _folded(words: str) -> str:
    """`v4.5 plus` and `V4_5PLUS` are the same to whoever types."""
    return "".join(character for character in words.lower() if character.isalnum())


def _model_name(model: Model, *, is_default: bool) -> Text:
    length = Seconds(model.source_max_seconds)
    if is_default:
        return text("{model} (default, audio up to {length})", model=model.name, length=length)
    return text("{model} (audio up to {length})", model=model.name, length=length)
