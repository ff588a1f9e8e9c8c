"""Texts that an older SQLite file may hold but that are no longer stored."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from storage.engines.base import storable_text
from storage.engines.sqlite_outages import outages_typed
from storage.engines.tables import Table

_BYTES = "CAST({0} AS BLOB)"
# Each character beyond ASCII has more than one byte: only texts with such characters are looked at one by one.
_UNSTORABLE = f"instr({_BYTES}, x'00') > 0 OR (length({{0}}) <> length({_BYTES}) AND is_broken({_BYTES}))"
_CLEANED = f"{{0}} = cleaned({_BYTES})"


def clean_texts(file: Path, tables: Iterable[Table]) -> None:
    """Leave out NUL characters and lone surrogates from every text in `file`, as `storable_text` does."""
    with outages_typed(), closing(sqlite3.connect(file)) as opened, opened:
        opened.create_function("cleaned", 1, _cleaned, deterministic=True)
        opened.create_function("is_broken", 1, _is_broken, deterministic=True)
        for table in tables:
            if table.texts:
                cleaned = ", ".join(map(_CLEANED.format, table.texts))
                unstorable = " OR ".join(map(_UNSTORABLE.format, table.texts))
                opened.execute(f"UPDATE {table.name} SET {cleaned} WHERE {unstorable}")  # noqa: S608  # our own names


def _cleaned(text: bytes | None) -> str | None:
    return None if text is None else storable_text(text.decode("utf-8", "replace"))


def _is_broken(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return True
    return False
