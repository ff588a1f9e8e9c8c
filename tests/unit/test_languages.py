"""Every language that comes with Encore can be read, and by somebody."""

import ast
from pathlib import Path

import pytest
from babel import Locale, UnknownLocaleError
from babel.messages.pofile import read_po
from discord import Locale as DiscordLocale

from bot.chat.translator import DESCRIPTION_MAX
from bot.text import LOCALES, _candidates, _fits
from tests.support.languages import a_language

ROOT = Path(__file__).parents[2]
DESCRIPTIONS = {
    str(node.args[0].value)
    for path in (ROOT / "cogs").glob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "locale_str" and isinstance(node.args[0], ast.Constant)
}


def faults_of(path: Path) -> list[str]:
    """What is wrong with a language's file. Missing translations are not: their readers get English."""
    name = path.parents[1].name
    try:
        locale = Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return [f"{name} is no locale: name the folder like de or pt_BR"]
    faults = []
    if not any(name in _candidates(str(each)) for each in DiscordLocale):
        faults.append(f"nobody can choose {name} in Discord")
    with path.open("rb") as file:
        catalog = read_po(file, locale=str(locale), abort_invalid=True)
    for message in catalog:
        if not message.id:
            continue
        if not _fits(message):
            faults.append(f"other {{facts}} than the English sentence: {message.id}")
        if message.id in DESCRIPTIONS and len(str(message.string)) > DESCRIPTION_MAX:
            faults.append(f"a description of more than {DESCRIPTION_MAX} characters: {message.id}")
    return faults


def test_every_language_is_in_order() -> None:
    files = sorted(LOCALES.glob("*/LC_MESSAGES/encore.po"))

    assert [(path.parents[1].name, fault) for path in files for fault in faults_of(path)] == []
    assert {path.name for path in LOCALES.iterdir() if path.is_dir()} == {path.parents[1].name for path in files}


@pytest.mark.parametrize(
    ("locale", "english", "translated", "fault"),
    [
        ("de", "Hello {name}.", "Hallo {nome}.", "other {facts}"),
        ("de", min(DESCRIPTIONS), "z" * (DESCRIPTION_MAX + 1), "more than 100 characters"),
        ("tlh", "Hello", "nuqneH", "is no locale"),
        ("is", "Hello", "Halló", "nobody can choose"),
    ],
)
def test_a_faulty_language_is_noticed(tmp_path: Path, locale: str, english: str, translated: str, fault: str) -> None:
    (found,) = faults_of(a_language(tmp_path, locale, {english: translated}))

    assert fault in found


def test_a_good_language_has_no_faults(tmp_path: Path) -> None:
    assert faults_of(a_language(tmp_path, "pt_BR", {"Hello {name}.": "Olá, {name}.", min(DESCRIPTIONS): ""})) == []
