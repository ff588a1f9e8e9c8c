"""Which of SQLite's errors an operator can do something about, and what."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import Conflict, StorageUnavailable

_ANOTHER_PROGRAM = "another program holds the file of DATABASE_URL: stop it, or close the file there"
_RIGHTS = "this process needs the right to write the file of DATABASE_URL and its folder"
_ROOM = "make room on the disk of DATABASE_URL"
_BROKEN = "the file of DATABASE_URL is damaged or no database: restore a backup, see README.md"

_OUTAGES = {
    sqlite3.SQLITE_BUSY: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_LOCKED: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_IOERR: "check the disk of DATABASE_URL and the room on it",
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_NOMEM: "this process needs more memory",
    sqlite3.SQLITE_PROTOCOL: _ANOTHER_PROGRAM,
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
}
"""By SQLite's primary code: what an operator can do about it."""


def _code(error: BaseException | None) -> int:
    """The primary code, which is the low byte; errors of Python's own layer have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_code(error: sqlite3.Error, code: int) -> bool:
    return _code(error) == code


def remedy_for(error: OSError) -> str:
    """What to do if the file, or one beside it, cannot be made."""
    return _ROOM if error.errno in {errno.ENOSPC, errno.EDQUOT} else _RIGHTS


def unavailable(error: BaseException | None) -> StorageUnavailable:
    return StorageUnavailable(str(error), remedy=_OUTAGES.get(_code(error), ""))


@contextmanager
def outages_typed() -> Iterator[None]:
    """Raise SQLite's errors as the storage's own where somebody can do something about them, all others as they are."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict(str(error)) from error
    except sqlite3.Error as error:
        if _code(error) in _OUTAGES:
            raise unavailable(error) from error
        raise
