"""What each of the provider's models allows: each limit once, with its source.

Source: the provider's "Upload and Extend Audio" page (parameter usage guide) for V3_5 to V5; its later editions for
V4_5ALL, V5_5 and the V6 family. Read 2026-11-22. Units are characters and seconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of the provider and its limits; lengths in characters, `source_max_seconds` in seconds."""

    name: str
    prompt_max: int
    style_max: int
    title_max: int
    source_max_seconds: int = 480  # "ensure uploaded audio does not exceed 8 minutes"; a stray "2 minutes" is older
    offered: bool = True  # False: the provider took it out of its list; known here for the jobs that were made with it


_TABLE = (
    Model(name="V3_5", prompt_max=3000, style_max=200, title_max=80, offered=False),
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

PROMPT_MAX = max(model.prompt_max for model in _TABLE)
STYLE_MAX = max(model.style_max for model in _TABLE)
TITLE_MAX = max(model.title_max for model in _TABLE)
