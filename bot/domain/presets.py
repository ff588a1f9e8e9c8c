"""Presets: a member's own sets of options for `/extend`, under names of their own."""

from collections.abc import Collection, Sequence

import msgspec
from msgspec.structs import replace

from bot.domain.models import Offer
from bot.domain.request import ExtensionRequest
from bot.domain.rules import BrokenRule, broken_rules
from bot.domain.tracks import folded

NAME_MAX = 40
PRESETS_MAX = 15
"""For each member: as many as one message can list."""


class PresetOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a request that a preset can hold, as there. None or empty: the preset says nothing about it.

    Stored as JSON, so later fields need a default.
    """

    model: str = ""
    instrumental: bool | None = None
    style: str = ""
    vocal_gender: str | None = None
    exclude: str = ""
    style_weight: float | None = None
    weirdness: float | None = None
    audio_weight: float | None = None

    @property
    def given(self) -> dict[str, str | bool | float]:
        """The options that it holds, by name, in the order of the command."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value not in ("", None)}


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """`is_in_use`: it counts wherever its member names none."""

    member_id: int
    name: str
    options: PresetOptions
    is_in_use: bool = False


def name_key(name: str) -> str:
    """What two names have in common if they mean the same preset."""
    return folded(" ".join(name.split()))


def with_preset(request: ExtensionRequest, options: PresetOptions, *, typed: Collection[str]) -> ExtensionRequest:
    """`request` with the preset's options, except where the member typed something; `typed` are those options' names.

    A typed voice also overrules a preset without singing, and a typed instrumental the preset's voice.
    """
    kept = set(typed)
    if "vocal_gender" in kept:
        kept.add("instrumental")
    if "instrumental" in kept and request.instrumental:
        kept.add("vocal_gender")
    return replace(request, **{name: value for name, value in options.given.items() if name not in kept})


def is_offered(options: PresetOptions, offer: Offer) -> bool:
    """Whether the preset's model can still be chosen; a preset without one goes with any."""
    return not options.model or options.model in offer.names


def broken_by(options: PresetOptions, offer: Offer) -> Sequence[BrokenRule]:
    """The rules that the preset's own options break, whatever will be typed beside them."""
    request = ExtensionRequest(model=offer.default.name)
    request = with_preset(request, options, typed=())
    return [rule for rule in broken_rules(request, offer) if rule.option in options.given]
