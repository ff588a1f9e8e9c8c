"""Whether a file is a database of Encore's, asked before anything in it or beside it changes."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from storage.errors import StorageUnavailable

TABLES = frozenset({"job", "quota_unit", "migration"})
"""In every release. A file without any table is new."""

TABLE_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"

_BEGINNING = b"SQLite format 3\0"
_BUSY_SECONDS = 0.2
_REMEDY = "name another file in DATABASE_URL, or restore a backup, see README.md"


def is_new(path: Path) -> bool:
    """Whether there is no database yet; an empty file counts as none.

    Raises:
        StorageUnavailable: the file is not one of Encore's. Nothing was changed.
    """
    try:
        if path.is_dir():
            raise StorageUnavailable(f"{path.absolute()} is a folder", remedy="name a file in it in DATABASE_URL")
        if not path.exists() or path.stat().st_size == 0:
            return True
        with path.open("rb") as file:
            is_database = file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False  # opening it says what is wrong
    if not is_database:
        raise StorageUnavailable(f"{path.absolute()} is not a database", remedy=_REMEDY)
    tables = _tables(path)
    if tables and not tables >= TABLES:
        raise StorageUnavailable(f"{path.absolute()} is a database, but not one of Encore's", remedy=_REMEDY)
    return not tables


def _tables(path: Path) -> frozenset[str]:
    """Those of Encore's if they cannot be read now: opening the file says why."""
    try:
        opened = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, timeout=_BUSY_SECONDS)
        try:
            return frozenset(name for (name,) in opened.execute(TABLE_NAMES))
        finally:
            opened.close()
    except sqlite3.Error:
        return TABLES
