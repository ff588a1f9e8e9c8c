"""Who uses the database's file: any number of bots share it; restoring or moving it needs it alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.engines.sqlite_outages import remedy_for
from storage.errors import StorageUnavailable


class DatabaseInUse(StorageUnavailable):
    """Another process holds the lock that is asked for."""


@contextmanager
def shared(database: Path) -> Iterator[None]:
    """For as long as the database is open. The system lets go however the process ends (flock(2)).

    Raises:
        DatabaseInUse: it is being restored or moved.
    """
    with _locked(
        database, fcntl.LOCK_SH, "the database is being restored or moved", "start again once that has finished"
    ):
        yield


@contextmanager
def exclusive(database: Path) -> Iterator[None]:
    """While the file is replaced or moved.

    Raises:
        DatabaseInUse: a bot is running on it, or it is being restored or moved already.
    """
    cause = "a bot or another encore move-database or restore is running on this database"
    with _locked(database, fcntl.LOCK_EX, cause, "stop it first, or wait until it has finished"):
        yield


@contextmanager
def _locked(database: Path, kind: int, cause: str, remedy: str) -> Iterator[None]:
    path = database.with_name(database.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"cannot open {path}: {error.strerror}", remedy=remedy_for(error)) from error
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseInUse(cause, remedy=remedy) from error
        yield
    finally:
        os.close(descriptor)
