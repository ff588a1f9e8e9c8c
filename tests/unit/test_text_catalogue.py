"""The template of the message catalogue holds what the code says: no more, no less. `make messages` writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot.text import LOCALES

ROOT = Path(__file__).parents[2]
SILENT = ROOT / "bot" / "sandbox"  # the stand-ins speak to no member, and `babel.cfg` leaves them out
SPEAKERS = {"text": 1, "counted": 2, "locale_str": 1}


def said_in(source: str, where: str = "") -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKERS:
            yield f"{where}:{node.lineno}", node


def calls() -> list[tuple[str, ast.Call]]:
    return [
        call
        for folder in ("bot", "cogs", "storage")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if SILENT not in path.parents
        for call in said_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]


def forms(call: ast.Call) -> tuple[str, ...] | None:
    """The sentence, or its two forms; None where they are not literals."""
    wanted = SPEAKERS[call.func.id] if isinstance(call.func, ast.Name) else 0
    literals = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return tuple(literals) if len(literals) == len(call.args) == wanted else None


@pytest.fixture(scope="module")
def template() -> set[tuple[str, ...]]:
    with (LOCALES / "encore.pot").open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    return {(m.id,) if isinstance(m.id, str) else tuple(m.id) for m in catalog if m.id}


def test_every_sentence_is_a_literal() -> None:
    assert [where for where, call in calls() if forms(call) is None] == []


def test_every_sentence_is_in_the_template(template: set[tuple[str, ...]]) -> None:
    said = {forms(call) for _, call in calls()}

    assert len(said) > 50
    assert sorted(said - template, key=str) == [], "run `make messages`"


def test_the_template_holds_nothing_that_is_no_longer_said(template: set[tuple[str, ...]]) -> None:
    assert sorted(template - {forms(call) for _, call in calls()}) == [], "run `make messages`"


def test_every_sentence_has_words_to_translate() -> None:
    wordless = [
        where
        for where, call in calls()
        for form in forms(call) or ()
        if not any(character.isalpha() for character in re.sub(r"\{\w+\}", "", form))
    ]

    assert wordless == [], "render a bare value with bot.text or bot.domain.times instead"


def test_every_description_of_a_command_can_be_translated() -> None:
    """Discord shows these by itself; a plain string or a docstring would never reach the catalogue."""
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "cogs").glob("*.py"))
        for node in described_in(path.read_text(encoding="utf-8"))
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "locale_str")
    ]

    assert wrong == []


def described_in(source: str) -> Iterator[ast.expr]:
    """What stands as the description of a command or an option, or the call that gives a command none."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match ast.unparse(node.func).split("."):
            case [*_, "describe"]:
                yield from (keyword.value for keyword in node.keywords)
            case ["app_commands", "command" | "Group"]:
                yield next((keyword.value for keyword in node.keywords if keyword.arg == "description"), node)


def test_plain_descriptions_are_noticed() -> None:
    source = """
@app_commands.command()
@app_commands.describe(one="plain", two=locale_str("marked"))
def sing(): "A docstring."

@app_commands.command(description="plain")
def dance(): ...
"""

    assert sorted(ast.unparse(node) for node in described_in(source)) == [
        "'plain'",
        "'plain'",
        "app_commands.command()",
        "locale_str('marked')",
    ]


def test_every_placeholder_has_its_fact_and_every_fact_its_placeholder() -> None:
    wrong = []
    for where, call in calls():
        if any(keyword.arg is None for keyword in call.keywords):
            continue  # facts gathered elsewhere
        facts = {keyword.arg for keyword in call.keywords}
        named = {name for form in forms(call) or () for name in placeholders(form)}
        if facts - {"count"} != named - {"count"}:
            wrong.append((where, facts ^ named))

    assert wrong == []


def placeholders(form: str) -> set[str]:
    return {part.partition("}")[0] for part in form.split("{")[1:]}


def test_the_template_names_no_line_no_date_and_no_tool() -> None:
    content = (LOCALES / "encore.pot").read_text(encoding="utf-8")

    assert not [line for line in content.splitlines() if line.startswith("#:") and ":" in line[2:]]
    assert "Date" not in content
    assert "Generated-By" not in content


def test_sentences_that_are_no_literals_are_noticed() -> None:
    source = 'text("yes"); text(no); text(f"{no}"); text("a" "b"); counted("one", no); counted("one", "two", count=1)'

    found = [forms(call) for _, call in said_in(source)]

    assert found == [("yes",), None, None, ("ab",), None, ("one", "two")]
