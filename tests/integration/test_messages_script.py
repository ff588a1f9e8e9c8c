"""`make messages`: what it writes into the template and the language files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.prefix) / "bin"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project with one sentence."""
    for name in ("babel.cfg", "tools/messages.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bot").mkdir()
    say(tmp_path, "Hello {name}.")
    return tmp_path


def say(checkout: Path, sentence: str, folder: str = "bot") -> None:
    (checkout / folder).mkdir(exist_ok=True)
    (checkout / folder / "speaker.py").write_text(f'HELLO = text("{sentence}", name="Mia")\n', encoding="utf-8")


def gather(checkout: Path, *more: str) -> None:
    subprocess.run(["sh", "tools/messages.sh", str(BIN), *more], cwd=checkout, check=True)  # noqa: S607  # ours


def language(checkout: Path) -> Path:
    return checkout / "bot" / "locales" / "de" / "LC_MESSAGES" / "encore.po"


def test_a_new_language_starts_with_every_sentence_untranslated(checkout: Path) -> None:
    gather(checkout, "de")

    assert language(checkout).read_text(encoding="utf-8") == (
        "# Encore in de. `make messages` adds and retires sentences; a translator fills in each msgstr.\n"
        'msgid ""\n'
        'msgstr ""\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        '"Language: de\\n"\n'
        "\n"
        "#: bot/speaker.py\n"
        "#, python-brace-format\n"
        'msgid "Hello {name}."\n'
        'msgstr ""\n'
        "\n"
    )


def test_gathering_again_changes_nothing(checkout: Path) -> None:
    gather(checkout, "de")
    translated = language(checkout).read_text(encoding="utf-8").replace('msgstr ""\n\n', 'msgstr "Hallo {name}."\n\n')
    translated = translated.replace("# Encore in de.", "# Encore in German, by Jule.")
    language(checkout).write_text(translated, encoding="utf-8")
    template = (checkout / "bot" / "locales" / "encore.pot").read_bytes()

    gather(checkout)
    gather(checkout, "de")

    assert language(checkout).read_text(encoding="utf-8") == translated
    assert "Hallo" in translated
    assert (checkout / "bot" / "locales" / "encore.pot").read_bytes() == template
    assert [path.name for path in (checkout / "bot" / "locales").rglob("*.new")] == []


def test_a_changed_sentence_waits_for_its_translator(checkout: Path) -> None:
    gather(checkout, "de")
    file = language(checkout)
    file.write_text(
        file.read_text(encoding="utf-8").replace('msgstr ""\n\n', 'msgstr "Hallo {name}."\n\n'), encoding="utf-8"
    )

    say(checkout, "Hello, {name}.")
    gather(checkout)

    assert '#, fuzzy, python-brace-format\nmsgid "Hello, {name}."\nmsgstr "Hallo {name}."' in file.read_text("utf-8")


def test_sentences_in_storage_are_gathered_but_not_those_in_the_stand_ins(checkout: Path) -> None:
    say(checkout, "The disk is full.", "storage")
    say(checkout, "Nobody reads this.", "bot/sandbox")

    gather(checkout)

    template = (checkout / "bot" / "locales" / "encore.pot").read_text(encoding="utf-8")
    assert "The disk is full." in template
    assert "Nobody reads this." not in template
