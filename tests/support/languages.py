"""Message catalogues for tests."""

from collections.abc import Mapping
from pathlib import Path

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def a_language(folder: Path, locale: str, translations: Mapping[str, str]) -> Path:
    """Write the catalogue of `locale` below `folder`; returns its file. The sentences contain no quotation marks."""
    path = folder / locale / "LC_MESSAGES" / "encore.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = (f'msgid "{english}"\nmsgstr "{translated}"\n' for english, translated in translations.items())
    path.write_text(HEADER + "\n".join(entries), encoding="utf-8")
    return path
