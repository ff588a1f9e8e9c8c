"""The provider's models: what each one takes, which of them members may choose, and how people spell their names.

Source of the limits: the provider's "Upload and Extend Audio" page (parameter usage guide) for V3_5 to V5; its later
editions for V4_5ALL, V5_5 and the V6 family. Read 2026-11-22. Units are characters and seconds.
"""

import unicodedata

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the provider and its limits; lengths in characters, `source_max_seconds` in seconds."""

    name: str
    prompt_max: int
    style_max: int
    title_max: int
    source_max_seconds: int = 480  # "ensure uploaded audio does not exceed 8 minutes"; a stray "2 minutes" is older


_TABLE = (
    Model(name="V3_5", prompt_max=3000, style_max=200, title_max=80),
    Model(name="V4", prompt_max=3000, style_max=200, title_max=80),
    Model(name="V4_5", prompt_max=5000, style_max=1000, title_max=100),
    Model(name="V4_5PLUS", prompt_max=5000, style_max=1000, title_max=100),
    Model(name="V4_5ALL", prompt_max=5000, style_max=1000, title_max=80, source_max_seconds=60),
    Model(name="V5", prompt_max=5000, style_max=1000, title_max=100),
    Model(name="V5_5", prompt_max=5000, style_max=1000, title_max=100),
    # The V6 pages differ about titles (80 and 100): the smaller number is right under both.
    Model(name="V6", prompt_max=5000, style_max=1000, title_max=80),
    Model(name="V6_WILD", prompt_max=5000, style_max=1000, title_max=80),
    Model(name="V6_MINI", prompt_max=5000, style_max=1000, title_max=80),
)

MODELS = {model.name: model for model in _TABLE}

DEFAULT_MODEL = "V5"
"""The newest model whose contract (`defaultParamFlag`, `prompt`) is documented on the extend page itself."""

CREDITS_PER_JOB = 12
"""What one extension costs the operator, whatever the model (docs/provider.md 5)."""


def pays_for_a_job(credits_left: float) -> bool:
    return credits_left >= CREDITS_PER_JOB


PROMPT_MAX = max(model.prompt_max for model in _TABLE)
STYLE_MAX = max(model.style_max for model in _TABLE)
TITLE_MAX = max(model.title_max for model in _TABLE)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The models that members may choose, oldest first, and the one they get if they choose none.

    It is the operator's choice (`MODELS`, `DEFAULT_MODEL`). Every other model of the table stays known, so that a track
    made with it can still be continued.
    """

    models: tuple[Model, ...]
    default: Model

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.models)

    @classmethod
    def of(cls, names: tuple[str, ...], default: str) -> "Offer":
        """The offer of the models with these names; each of them is in the table, `default` among them."""
        return cls(models=tuple(MODELS[name] for name in names), default=MODELS[default])


WHOLE_TABLE = Offer.of(tuple(MODELS), DEFAULT_MODEL)


def folded(words: str) -> str:
    """`v4.5 plus`, `V4_5PLUS` and `v4.5+` are the same to someone who types: only letters and digits count."""
    spelled_out = unicodedata.normalize("NFKC", words).casefold().replace("+", "plus")
    return "".join(character for character in spelled_out if character.isalnum())


def model_spelled(words: str) -> Model | None:
    """The model of the table whose whole name `words` are, however it is spelled, with or without the V."""
    wanted = folded(words).removeprefix("v")
    return next((model for model in _TABLE if wanted == folded(model.name).removeprefix("v")), None)


def model_meant(words: str, offer: Offer) -> Model | None:
    """The one model that `words` mean: a whole name, offered or not, or a part that only one offered model has.

    None if they mean no model, or could mean several.
    """
    if (model := model_spelled(words)) is not None:
        return model
    wanted = folded(words)
    candidates = [model for model in offer.models if wanted and wanted in folded(model.name)]
    return candidates[0] if len(candidates) == 1 else None
