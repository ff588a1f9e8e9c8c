"""Another language needs a file and nothing else."""

import logging
from pathlib import Path

import pytest

from bot.domain.text import Megabytes, Text, counted, text
from bot.text import Catalogue

POLISH = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Hello {name}."
msgstr "Cześć, {name}."

msgid "The file has {size}."
msgstr "Plik ma {size}."

msgid "{count} track in {place}"
msgid_plural "{count} tracks in {place}"
msgstr[0] "jeden utwór w {place}"
msgstr[1] "{count} utwory w {place}"
msgstr[2] "{count} utworów w {place}"

msgid "Not {given}."
msgstr "Nie to."

msgid "Only {given}."
msgstr "Tylko {inne}."

msgid "No {count} facts"
msgid_plural "No {count} facts at all"
msgstr[0] "brak"
msgstr[1] "{nic}"
msgstr[2] "{count!r}"

#, fuzzy
msgid "Perhaps."
msgstr "Chyba."

msgid "Later."
msgstr ""

msgid "{things} and more"
msgstr "{things} i więcej"

msgid "one"
msgstr "jeden"
"""


def catalogue_of(folder: Path, **languages: str | bytes) -> Catalogue:
    for locale, content in languages.items():
        path = folder / locale / "LC_MESSAGES" / "encore.po"
        path.parent.mkdir(parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Catalogue.load(folder)


def says(message: str, translation: str) -> str:
    return (
        f'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "{message}"\nmsgstr "{translation}"\n'
    )


def test_a_file_makes_a_language(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, pl=POLISH)

    assert catalogue.render(text("Hello {name}.", name="Ola"), "pl") == "Cześć, Ola."
    assert catalogue.render(text("Hello {name}.", name="Ola"), "de") == "Hello Ola."


def test_a_language_has_its_own_plural_forms(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, pl=POLISH)

    def tracks(count: int) -> Text:
        return counted("{count} track in {place}", "{count} tracks in {place}", count=count, place="A")

    rendered = [catalogue.render(tracks(count), "pl") for count in (1, 2, 4, 5, 12, 22)]

    assert rendered == [
        "jeden utwór w A",
        "2 utwory w A",
        "4 utwory w A",
        "5 utworów w A",
        "12 utworów w A",
        "22 utwory w A",
    ]


def test_a_language_has_its_own_decimal_comma_and_lists(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, pl=POLISH)

    size = catalogue.render(text("The file has {size}.", size=Megabytes(12_300_000)), "pl")
    things = catalogue.render(text("{things} and more", things=[text("one"), text("two"), text("three")]), "pl")

    assert size.replace("\u00a0", " ") == "Plik ma 12,3 MB."
    assert things == "jeden, two i three i więcej"


@pytest.mark.parametrize("message", ["Perhaps.", "Later.", "Unheard of."])
def test_what_is_not_translated_is_english(tmp_path: Path, message: str) -> None:
    assert catalogue_of(tmp_path, pl=POLISH).render(text(message), "pl") == message


def test_a_translation_with_other_facts_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalogue = catalogue_of(tmp_path, pl=POLISH)

    assert catalogue.render(text("Not {given}.", given="it"), "pl") == "Not it."
    assert catalogue.render(text("Only {given}.", given="it"), "pl") == "Only it."
    assert catalogue.render(counted("No {count} facts", "No {count} facts at all", count=1), "pl") == "No 1 facts"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "3 sentences" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "this is no catalogue",
        'msgid "unfinished',
        b"\xff\xfe\x00broken",
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=nonsense\\n"\n\nmsgid "Hello"\nmsgstr "Hej"\n',
        says("Hello", "Hej").replace("UTF-8\\n", "UTF-8\\nPlural-Forms: nplurals=2; plural=__import__('os');\\n"),
    ],
)
def test_a_broken_file_warns_once_and_its_readers_get_english(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | bytes
) -> None:
    catalogue = catalogue_of(tmp_path, sv_SE=content)

    rendered = [catalogue.render(text("Hello"), locale) for locale in ("sv-SE", "sv-SE", "sv_SE")]

    assert rendered == ["Hello"] * 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "sv_SE" in caplog.text


@pytest.mark.parametrize(
    ("reader", "language"),
    [
        ("pt-BR", "pt_BR"),
        ("pt-BR", "pt"),
        ("es-419", "es_419"),
        ("es-419", "es"),
        ("es-ES", "es"),
        ("sv-SE", "sv_SE"),
        ("sv-SE", "sv"),
        ("zh-CN", "zh_CN"),
        ("zh-CN", "zh_Hans"),
        ("zh-CN", "zh"),
        ("zh-TW", "zh_TW"),
        ("zh-TW", "zh_Hant"),
        ("no", "no"),
        ("no", "nb"),
        ("de", "de"),
        ("de-AT", "de"),
    ],
)
def test_the_nearest_language_is_taken(tmp_path: Path, reader: str, language: str) -> None:
    catalogue = catalogue_of(tmp_path, **{language: says("Hello", "*")}, xx=says("Hello", "x"))

    assert catalogue.render(text("Hello"), reader) == "*"


def test_the_nearer_of_two_languages_wins(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, pt=says("Hello", "Olá"), pt_BR=says("Hello", "Oi"))

    assert [catalogue.render(text("Hello"), locale) for locale in ("pt-BR", "pt-PT")] == ["Oi", "Olá"]


def test_a_broken_regional_file_falls_back_to_the_language(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, pt=says("Hello", "Olá"), pt_BR='msgid "unfinished')

    assert catalogue.render(text("Hello"), "pt-BR") == "Olá"


@pytest.mark.parametrize(("reader", "language"), [("zh-TW", "zh"), ("pt", "pt_BR"), ("en-US", "en"), ("en-GB", "en")])
def test_a_language_that_is_not_the_readers_is_not_taken(tmp_path: Path, reader: str, language: str) -> None:
    catalogue = catalogue_of(tmp_path, **{language: says("Hello", "*")})

    assert catalogue.render(text("Hello"), reader) == "Hello"


def test_a_language_that_nobody_reads_is_not_read(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, de=says("Hello", "Hallo"))
    (tmp_path / "de" / "LC_MESSAGES" / "encore.po").write_text(says("Hello", "Servus"), encoding="utf-8")

    first = catalogue.render(text("Hello"), "de")
    (tmp_path / "de" / "LC_MESSAGES" / "encore.po").unlink()

    assert [first, catalogue.render(text("Hello"), "de"), catalogue.render(text("Hello"), "de-CH")] == ["Servus"] * 3
