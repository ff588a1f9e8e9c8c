"""What a preset changes about a request, and what is said of presets."""

from msgspec.structs import fields, replace

from bot.chat.song.presets import list_content, options_shown, saved_sentence
from bot.domain.models import WHOLE_TABLE, Offer
from bot.domain.presets import (
    NAME_MAX,
    PRESETS_MAX,
    Preset,
    PresetOptions,
    broken_by,
    is_offered,
    name_key,
    with_preset,
)
from bot.domain.request import ExtensionRequest
from bot.text import Catalogue

SAY = Catalogue.load().for_reader("en-GB")
FULL = PresetOptions(
    model="V4",
    instrumental=False,
    style="dub",
    vocal_gender="f",
    exclude="drums",
    style_weight=0.5,
    weirdness=0.25,
    audio_weight=0.0,
)


def preset(name: str = "Night", options: PresetOptions = FULL, *, is_in_use: bool = False) -> Preset:
    return Preset(member_id=1, name=name, options=options, is_in_use=is_in_use)


def test_every_option_of_a_preset_is_one_of_a_request_and_stored_presets_may_lack_any() -> None:
    names = {field.name for field in fields(PresetOptions)}

    assert names <= {field.name for field in fields(ExtensionRequest)}
    assert not any(field.required for field in fields(PresetOptions))
    assert set(FULL.given) == names


def test_a_preset_fills_in_what_was_not_typed() -> None:
    request = with_preset(ExtensionRequest(style="ska", prompt="la"), FULL, typed={"style"})

    assert request == ExtensionRequest(
        model="V4",
        style="ska",
        prompt="la",
        vocal_gender="f",
        exclude="drums",
        style_weight=0.5,
        weirdness=0.25,
        audio_weight=0.0,
    )


def test_a_preset_that_says_nothing_changes_nothing() -> None:
    request = ExtensionRequest(style="ska", model="V4_5", weirdness=0.1)

    assert with_preset(request, PresetOptions(), typed=()) == request


def test_a_typed_voice_overrules_a_preset_without_singing_and_the_other_way_round() -> None:
    silent, sung = PresetOptions(instrumental=True), PresetOptions(vocal_gender="m")

    voice = with_preset(ExtensionRequest(vocal_gender="f"), silent, typed={"vocal_gender"})
    instrumental = with_preset(ExtensionRequest(instrumental=True), sung, typed={"instrumental"})
    singing = with_preset(ExtensionRequest(instrumental=False), sung, typed={"instrumental"})

    assert (voice.instrumental, voice.vocal_gender) == (False, "f")
    assert (instrumental.instrumental, instrumental.vocal_gender) == (True, None)
    assert (singing.instrumental, singing.vocal_gender) == (False, "m")


def test_a_preset_is_held_against_the_rules_of_its_own_options_alone() -> None:
    assert broken_by(PresetOptions(style="dub"), WHOLE_TABLE) == []  # the title comes with the command
    assert [rule.option for rule in broken_by(PresetOptions(style="x" * 201, model="V4"), WHOLE_TABLE)] == ["style"]
    assert [rule.option for rule in broken_by(PresetOptions(model="V9", weirdness=0.123), WHOLE_TABLE)] == [
        "model",
        "weirdness",
    ]
    assert [rule.option for rule in broken_by(PresetOptions(vocal_gender="robot"), WHOLE_TABLE)] == ["vocal_gender"]


def test_a_model_may_be_taken_off_the_offer() -> None:
    offer = Offer.of(("V5",), "V5")

    assert not is_offered(FULL, offer)
    assert is_offered(PresetOptions(style="dub"), offer)
    assert "its model is no longer offered" in list_content([preset()], offer, SAY)


def test_names_are_compared_without_case_and_spaces_at_their_ends() -> None:
    assert name_key("  Late   NIGHT ") == name_key("late night")


def test_the_list_says_in_words_which_one_is_in_use_and_what_each_holds() -> None:
    presets = [preset("Night", is_in_use=True), preset("Day", PresetOptions(instrumental=True))]

    assert list_content(presets, WHOLE_TABLE, SAY).splitlines() == [
        (
            "- **Night** · in use · V4, with singing, style “dub”, a female voice, without “drums”,"
            " `style_weight` 0.5, `weirdness` 0.25, `audio_weight` 0"
        ),
        "- **Day** · no singing",
    ]
    assert "`/preset save`" in list_content([], WHOLE_TABLE, SAY)


def test_a_list_fits_a_message_whatever_the_names_and_styles_are() -> None:
    awful = replace(preset("*" * NAME_MAX), options=replace(FULL, style="_" * 1000, exclude="~" * 1000))

    content = list_content([awful] * PRESETS_MAX, WHOLE_TABLE, SAY)

    assert len(content) <= 2000
    assert len(content.splitlines()) == PRESETS_MAX


def test_words_of_a_preset_have_no_effect_in_what_is_said_of_it() -> None:
    sentence = SAY(saved_sentence(preset("<@5> **x**", PresetOptions(style="[a](https://b.invalid)")), is_known=False))

    assert "<@5>" not in sentence
    assert "](https" not in sentence
    assert SAY(options_shown(PresetOptions(vocal_gender="m"))) == "a male voice"
