import pytest

from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.refuse.modals import check_modal
from tests.support.discord_api import Json, a_label, a_modal


def errors_at(modal: Json, path: str) -> Json:
    problems = Problems()
    check_modal(modal, problems)
    node: Json = problems.as_json()
    for key in path.split("."):
        node = node.get(key, {})
    return node.get("_errors", [])


def text_input(**changes: Json) -> Json:
    return {"type": 4, "custom_id": "prompt", "style": 1, **changes}


def radio(count: int) -> Json:
    options = [{"label": f"{n}", "value": f"{n}"} for n in range(count)]
    return {"type": 21, "custom_id": "radio", "options": options}


BAD: list[tuple[str, Json, str]] = [
    ("title", {**a_modal(), "title": "x" * 46}, "title"),
    ("custom id", {**a_modal(), "custom_id": "x" * 101}, "custom_id"),
    ("six rows", a_modal(*(a_label(text_input(custom_id=str(n))) for n in range(6))), "components"),
    ("no rows", {**a_modal(), "components": []}, "components"),
    ("label", a_modal(a_label(text_input(), label="x" * 46)), "components.0.label"),
    ("description", a_modal({**a_label(text_input()), "description": "x" * 101}), "components.0.description"),
    ("placeholder", a_modal(a_label(text_input(placeholder="x" * 101))), "components.0.component.placeholder"),
    ("value", a_modal(a_label(text_input(value="x" * 4001))), "components.0.component.value"),
    ("max_length", a_modal(a_label(text_input(max_length=4001))), "components.0.component.max_length"),
    ("a custom id twice", a_modal(a_label(text_input()), a_label(text_input())), "components.1.component.custom_id"),
    ("one radio button", a_modal(a_label(radio(1))), "components.0.component.options"),
    ("eleven radio buttons", a_modal(a_label(radio(11))), "components.0.component.options"),
    (
        "eleven files",
        a_modal(a_label({"type": 19, "custom_id": "f", "max_values": 11})),
        "components.0.component.max_values",
    ),
    ("a button", a_modal(a_label({"type": 2, "custom_id": "b"})), "components.0.component.type"),
    ("a bare text input", a_modal(text_input()), "components.0.type"),
    (
        "a text input in a row without label",
        a_modal({"type": 1, "components": [text_input()]}),
        "components.0.components.0.label",
    ),
]


@pytest.mark.parametrize(("modal", "path"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_a_form_is_refused_with_its_field(modal: Json, path: str) -> None:
    assert errors_at(modal, path)


@pytest.mark.parametrize(
    "modal",
    [
        a_modal(),
        a_modal(a_label(text_input(max_length=4000, placeholder="x" * 100), label="x" * 45)),
        a_modal(a_label(radio(2)), a_label({"type": 22, "custom_id": "c", "options": [{"label": "l", "value": "v"}]})),
        a_modal(a_label({"type": 19, "custom_id": "f", "max_values": 10}), {"type": 10, "content": "hello"}),
        a_modal(a_label({"type": 23, "custom_id": "box"}), a_label({"type": 5, "custom_id": "who"})),
        a_modal({"type": 1, "components": [text_input(label="Old")]}),
    ],
)
def test_a_form_within_the_limits_is_accepted(modal: Json) -> None:
    problems = Problems()
    check_modal(modal, problems)
    assert problems.as_json() == {}
