"""Which fields a form has, what they start with, and what becomes of what is typed there."""

import math
from datetime import UTC, datetime, timedelta

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.form.answers import answers_in
from bot.chat.form.fix import fix_view
from bot.chat.form.modal import form_of
from bot.domain.drafts import (
    AUDIO_KEPT,
    LABELS_MAX,
    Draft,
    Field,
    Problem,
    can_be_fixed,
    filled,
    problems_of,
    shown_fields,
    typed,
)
from bot.domain.gates import Gate
from bot.domain.models import MODELS, WHOLE_TABLE
from bot.domain.request import ExtensionRequest
from bot.domain.rules import RULES
from bot.domain.source import InMessage, SourceChoice, SourceKind
from bot.domain.text import Said, text
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.refuse.modals import check_modal
from bot.text import Catalogue

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SAY = Catalogue.load().for_reader("en-US")
FILE = SourceChoice(kind=SourceKind.ATTACHMENT, name="tide.mp3", locator="https://files.invalid/tide.mp3")
USUAL = (Field.CONTINUE_AT, Field.STYLE, Field.TITLE, Field.PROMPT, Field.VOICE)


def a_draft(
    request: ExtensionRequest = ExtensionRequest(),  # noqa: B008  # it never changes
    *,
    source: SourceChoice | None = FILE,
    wrong: tuple[str | None, ...] = (),
) -> Draft:
    problems = tuple(Problem(option, text("No.")) for option in wrong)
    return Draft(id="d1", member_id=1, request=request, made_at=NOW, source=source, problems=problems)


def test_a_form_has_five_fields_unless_something_else_was_wrong() -> None:
    assert shown_fields(a_draft(), at=NOW) == USUAL
    assert shown_fields(a_draft(wrong=("style", None)), at=NOW) == USUAL
    assert shown_fields(a_draft(wrong=("model",)), at=NOW) == (Field.MODEL, *USUAL[:4])


def test_what_was_wrong_is_shown_even_if_the_usual_fields_have_to_go() -> None:
    wrong = ("audio", "model", "exclude", "weirdness", "audio_weight", "style_weight")

    assert shown_fields(a_draft(wrong=wrong), at=NOW) == (
        Field.AUDIO,
        Field.MODEL,
        Field.EXCLUDE,
        Field.STYLE_WEIGHT,
        Field.WEIRDNESS,
    )


def test_every_option_that_a_rule_blames_has_a_field() -> None:
    assert {rule.option for rule in RULES} <= set(Field)


def test_a_loose_file_is_asked_for_again_after_a_quarter_of_an_hour() -> None:
    just_in_time, too_late = NOW + AUDIO_KEPT - timedelta(seconds=1), NOW + AUDIO_KEPT
    in_message = SourceChoice(
        kind=SourceKind.ATTACHMENT,
        name="tide.mp3",
        locator="https://files.invalid/tide.mp3",
        message=InMessage(channel_id=1, message_id=2, attachment_id=3),
    )
    link = SourceChoice(kind=SourceKind.URL, name="tide.mp3", locator="https://files.invalid/tide.mp3")

    assert a_draft().has_audio(at=just_in_time)
    assert not a_draft().has_audio(at=too_late)
    assert Field.AUDIO in shown_fields(a_draft(), at=too_late)
    assert a_draft(source=in_message).has_audio(at=too_late)
    assert a_draft(source=link).has_audio(at=too_late)
    assert not a_draft(source=None).has_audio(at=NOW)


@pytest.mark.parametrize(
    ("moment", "words"), [(None, ""), (65.0, "1:05"), (65.5, "1:05.5"), (65.55, "65.55"), (0.0, "0:00")]
)
def test_a_moment_is_shown_so_that_it_reads_back_as_the_same_one(moment: float | None, words: str) -> None:
    request = ExtensionRequest(continue_at=moment)

    assert typed(request, Field.CONTINUE_AT) == words
    assert filled(ExtensionRequest(), {Field.CONTINUE_AT: words}).continue_at == moment


@given(
    st.builds(
        ExtensionRequest,
        continue_at=st.none() | st.integers(1, 48_000).map(lambda hundredths: hundredths / 100),
        instrumental=st.booleans(),
        style=st.text("ab é", max_size=9).map(str.strip),
        title=st.text("ab é", max_size=9).map(str.strip),
        prompt=st.text("ab\n é", max_size=9).map(str.strip),
        exclude=st.text("ab é", max_size=9).map(str.strip),
        style_weight=st.none() | st.integers(0, 100).map(lambda hundredths: hundredths / 100),
    )
)
def test_a_form_that_is_sent_as_it_came_changes_nothing(request: ExtensionRequest) -> None:
    answers: dict[str, str] = {field: typed(request, field) for field in Field if field is not Field.AUDIO}

    assert filled(request, answers) == request


def test_nonsense_is_kept_for_the_rules() -> None:
    request = filled(
        ExtensionRequest(), {"continue_at": " at the drop ", "weirdness": "very", "made_up": "x", "vocal_gender": "x"}
    )

    assert (request.continue_at, request.continue_at_words) == (None, "at the drop")
    assert math.isnan(request.weirdness or 0)
    assert request.vocal_gender is None


def test_choosing_a_voice_ends_an_instrumental_and_the_other_way_round() -> None:
    instrumental = filled(ExtensionRequest(vocal_gender="f"), {Field.VOICE: "instrumental"})
    assert (instrumental.instrumental, instrumental.vocal_gender) == (True, None)

    sung = filled(instrumental, {Field.VOICE: "m"})
    assert (sung.instrumental, sung.vocal_gender) == (False, "m")
    assert filled(sung, {Field.VOICE: "any"}).vocal_gender is None


def test_a_form_helps_with_what_is_in_it_and_with_what_passes() -> None:
    assert can_be_fixed([None, "style"], ["style_missing"])
    assert can_be_fixed([], [Gate.OPEN_COMMANDS])
    assert can_be_fixed([], [Gate.PERMISSIONS])
    assert not can_be_fixed([None], [Gate.PLACE])
    assert not can_be_fixed([], [Gate.KEY])


def test_reasons_without_options_blame_no_field() -> None:
    assert problems_of([text("No."), text("Never.")], ["style"]) == (
        Problem(None, text("No.")),
        Problem(None, text("Never.")),
    )


LONG = st.text(st.characters(exclude_categories=["Cs"]), max_size=6000)


@given(
    st.builds(
        ExtensionRequest,
        model=st.sampled_from([*MODELS, "V99"]),
        style=LONG,
        title=LONG,
        prompt=LONG,
        exclude=LONG,
        vocal_gender=st.none() | st.just("soprano"),
        continue_at_words=st.none() | LONG,
        weirdness=st.none() | st.just(math.nan) | st.floats(-9, 9),
    ),
    st.lists(st.sampled_from([*Field]), max_size=11),
    LONG,
)
async def test_every_form_is_one_that_discord_takes(request: ExtensionRequest, wrong: list[Field], words: str) -> None:
    name = SourceChoice(kind=SourceKind.URL, name=words, locator="https://files.invalid/x")
    draft = Draft(
        id="d1",
        member_id=1,
        request=request,
        made_at=NOW,
        source=name,
        problems=tuple(Problem(option, text("`{given}` is *wrong*: {given}", given=Said(words))) for option in wrong),
    )

    form = form_of(draft, WHOLE_TABLE, SAY, at=NOW).to_dict()

    problems = Problems()
    check_modal(form, problems)
    problems.refuse()
    assert 1 <= len(form["components"]) <= LABELS_MAX
    for label in form["components"]:
        component = label["component"]
        assert len(component.get("value") or "") <= component.get("max_length", 4000)


async def test_a_description_says_what_was_wrong_without_markup() -> None:
    draft = a_draft(wrong=())
    sentence = text("The `style` has {given}: “{words}”. \\*", given=5, words=Said("*a* `b`"))
    with_problem = Draft(
        id="d1", member_id=1, request=draft.request, made_at=NOW, source=FILE, problems=(Problem("style", sentence),)
    )

    form = form_of(with_problem, WHOLE_TABLE, SAY, at=NOW).to_dict()

    descriptions = {label["label"]: label["description"] for label in form["components"]}
    assert descriptions["Style"] == "The style has 5: “*a* b”. *"
    assert descriptions["Title"] == "What to call it; give a style too"


@pytest.mark.parametrize(
    ("draft", "label"),
    [
        (a_draft(wrong=("style",)), "Fix"),
        (a_draft(wrong=(None,)), "Try again"),
        (Draft(id="d1", member_id=1, request=ExtensionRequest(), made_at=NOW, by_file=True), "Add the file"),
    ],
)
async def test_the_button_says_what_it_is_for(draft: Draft, label: str) -> None:
    (button,) = fix_view(draft, SAY).children

    assert isinstance(button, discord.ui.Button)
    assert (button.label, button.custom_id) == (label, "encore:fix:d1")


def test_answers_are_read_from_labels_and_rows() -> None:
    found = answers_in(
        {
            "components": [
                {"type": 18, "component": {"type": 4, "custom_id": "style", "value": "folk"}},
                {"type": 18, "component": {"type": 21, "custom_id": "vocal_gender", "value": None}},
                {"type": 18, "component": {"type": 3, "custom_id": "model", "values": ["V4"]}},
                {"type": 18, "component": {"type": 19, "custom_id": "audio", "values": ["7"]}},
                {"type": 18, "component": {"type": 19, "custom_id": "prompt", "values": []}},
                {"type": 1, "components": [{"type": 4, "custom_id": "title", "value": "Tide"}]},
                {"type": 10, "id": 3},
            ],
            "resolved": {"attachments": {"7": {"filename": "a_b.mp3", "title": "a b", "url": "u", "size": 3}}},
        }
    )

    assert found.words == {"style": "folk", "model": "V4", "title": "Tide"}
    assert [(name, file.name, file.size_bytes) for name, file in found.files.items()] == [("audio", "a b", 3)]
