"""What `/preset` shows: pure, and within Discord's limits whatever the names are."""

from collections.abc import Callable, Sequence

from bot.chat.cards import CONTENT_MAX
from bot.domain.models import Offer
from bot.domain.presets import Preset, PresetOptions, is_offered
from bot.domain.request import VocalGender
from bot.domain.text import Fact, Said, Text, Verbatim, text

Say = Callable[[Text], str]

SHOWN_MAX = 60
"""Characters of a style, or of what it should not sound like."""


def list_content(presets: Sequence[Preset], offer: Offer, say: Say) -> str:
    """One line for each preset. If that is too much for a message, their names alone."""
    if not presets:
        return say(text("You have no presets yet. Make one with `/preset save`."))
    for is_whole in (True, False):
        content = "\n".join(f"- {say(_line(preset, offer, is_whole=is_whole))}" for preset in presets)
        if len(content) <= CONTENT_MAX:
            break
    return content[:CONTENT_MAX]


def saved_sentence(preset: Preset, *, is_known: bool) -> Text:
    facts: dict[str, Fact] = {"name": Said(preset.name), "options": options_shown(preset.options)}
    if is_known:
        return text("Replaced **{name}**. It now has: {options}.", **facts)
    return text(
        "Saved **{name}**: {options}. Name it in `/extend preset:`, or use it always with `/preset use`.", **facts
    )


def used_sentence(preset: Preset | None) -> Text:
    if preset is None:
        return text("No preset is in use.")
    return text(
        "**{name}** is in use: every `/extend` without a `preset` gets it. What you type in a command overrides"
        " it. To stop, use `/preset use` without a name.",
        name=Said(preset.name),
    )


def options_shown(options: PresetOptions) -> Text:
    """`V5, style “dub”, no singing, weirdness 0.4`."""
    facts: dict[str, Fact] = {}
    for name, value in options.given.items():
        match name:
            case "model":
                facts[name] = Said(str(value))
            case "instrumental":
                facts[name] = text("no singing") if value else text("with singing")
            case "style":
                facts[name] = text("style “{words}”", words=_short(str(value)))
            case "exclude":
                facts[name] = text("without “{words}”", words=_short(str(value)))
            case "vocal_gender":
                facts[name] = text("a female voice") if value == VocalGender.FEMALE else text("a male voice")
            case _:
                facts[name] = Text("{name} {weight}", {"name": Verbatim(f"`{name}`"), "weight": float(value)})
    return Text(", ".join(f"{{{name}}}" for name in facts), facts)


def _line(preset: Preset, offer: Offer, *, is_whole: bool) -> Text:
    facts: dict[str, Fact] = {"name": Said(preset.name)}
    if preset.is_in_use:
        facts["in_use"] = text("in use")
    if not is_offered(preset.options, offer):
        facts["gone"] = text("its model is no longer offered")
    if is_whole:
        facts["options"] = options_shown(preset.options)
    rest = "".join(f" · {{{name}}}" for name in facts if name != "name")
    return Text(f"**{{name}}**{rest}", facts)


def _short(words: str) -> Said:
    return Said(words if len(words) <= SHOWN_MAX else f"{words[:SHOWN_MAX].rstrip()}…")
