"""Checks of a form (docs/discord.md 2.4; OpenAPI)."""

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.components import (
    CHECKBOX,
    CHECKBOX_GROUP,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    ROW,
    SELECTS,
    TEXT_DISPLAY,
    TEXT_INPUT,
    ComponentCheck,
)
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.shapes import Json

IN_LABEL = (TEXT_INPUT, *SELECTS, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX)


def check_modal(modal: Json, problems: Problems) -> None:
    fields.text(modal, "title", problems, most=limits.MODAL_TITLE_MAX, least=1, required=True)
    fields.text(modal, "custom_id", problems, most=limits.CUSTOM_ID_MAX, least=1, required=True)
    check = ComponentCheck(problems)
    rows = fields.rows(modal, "components", problems, most=limits.MODAL_ROWS_MAX, least=1, required=True)
    for index, value in enumerate(rows):
        with problems.at("components", index):
            row = fields.as_object(value, problems)
            kind = fields.one_of(row, "type", problems, (ROW, TEXT_DISPLAY, LABEL))
            if kind == LABEL:
                _check_label(row, check, problems)
            elif kind == TEXT_DISPLAY:
                fields.text(row, "content", problems, most=limits.V2_TEXT_MAX, least=1, required=True)
            elif kind == ROW:
                _check_row(row, check, problems)


def _check_label(label: Json, check: ComponentCheck, problems: Problems) -> None:
    fields.text(label, "label", problems, most=limits.MODAL_LABEL_MAX, least=1, required=True)
    fields.text(label, "description", problems, most=limits.MODAL_DESCRIPTION_MAX, least=1)
    with problems.at("component"):
        component = fields.as_object(label.get("component"), problems)
        kind = fields.one_of(component, "type", problems, IN_LABEL)
        if kind == TEXT_INPUT:
            _check_text_input(component, check, problems)
        elif kind in SELECTS:
            check.select(component)
        elif kind is not None:
            _check_choice(component, kind, check, problems)


def _check_row(row: Json, check: ComponentCheck, problems: Problems) -> None:
    """The older kind: one text input in a row, with its own label."""
    for index, value in enumerate(fields.rows(row, "components", problems, most=1, least=1, required=True)):
        with problems.at("components", index):
            component = fields.as_object(value, problems)
            if fields.one_of(component, "type", problems, (TEXT_INPUT,)) is not None:
                fields.text(component, "label", problems, most=limits.MODAL_LABEL_MAX, least=1, required=True)
                _check_text_input(component, check, problems)


def _check_text_input(component: Json, check: ComponentCheck, problems: Problems) -> None:
    check.custom_id(component)
    fields.one_of(component, "style", problems, (1, 2))
    fields.text(component, "value", problems, most=limits.TEXT_INPUT_MAX)
    fields.text(component, "placeholder", problems, most=limits.PLACEHOLDER_MAX)
    fields.number(component, "min_length", problems, least=0, most=limits.TEXT_INPUT_MAX)
    fields.number(component, "max_length", problems, least=1, most=limits.TEXT_INPUT_MAX)
    fields.flag(component, "required", problems)


def _check_choice(component: Json, kind: int, check: ComponentCheck, problems: Problems) -> None:
    check.custom_id(component)
    if kind == RADIO_GROUP:
        check.options(component, least=2, most=10)
    elif kind == CHECKBOX_GROUP:
        check.options(component, least=1, most=10)
    if kind in (CHECKBOX_GROUP, FILE_UPLOAD):
        fields.number(component, "min_values", problems, least=0, most=10)
        fields.number(component, "max_values", problems, least=1, most=10)
