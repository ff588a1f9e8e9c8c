"""`encore restore`: puts a copy in the place of the database, so that nothing is paid for or posted a second time."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from storage import lock
from storage.backup import migrated_copy
from storage.errors import BackupError
from storage.held_back import hold_back


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`held_back` jobs wait for their members; `replaced` is where the database from before is now, if any."""

    held_back: int
    replaced: Path | None


async def restore(copy: Path, database: Path) -> Restored:
    """Put `copy` in the place of `database`. The copy stays as it is; the database that was there is kept beside it.

    Raises:
        BackupError: `copy` is no backup of Encore's, or `database` cannot be written.
        DatabaseInUse: a bot is running on `database`.
        DatabaseTooNew: a later release made the copy.
        StorageUnavailable: something could not be read or written.
    """
    if copy.is_dir():  # noqa: ASYNC240  # nothing else runs meanwhile
        raise BackupError(f"{copy} is a folder: name the copy in it")
    if not copy.is_file():  # noqa: ASYNC240  # as above
        raise BackupError(f"there is no file {copy}")
    if database.is_dir():  # noqa: ASYNC240  # as above
        raise BackupError(f"DATABASE_URL names {database}, which is a folder: name a file in it")
    if database.exists() and copy.samefile(database):  # noqa: ASYNC240  # as above
        raise BackupError(f"{copy} is the database itself, not a copy of it: name a backup")
    with lock.exclusive(database):
        fresh = database.with_name(f".{database.name}.{secrets.token_hex(4)}.restored")
        try:
            async with migrated_copy(copy, fresh) as opened, opened.transaction() as connection:
                held_back = await hold_back(connection, datetime.now(UTC))
            replaced = await asyncio.to_thread(_swap, fresh, database)
        finally:
            for leftover in (fresh, *_companions(fresh)):
                leftover.unlink(missing_ok=True)  # as above
    return Restored(held_back=held_back, replaced=replaced)


def _swap(fresh: Path, database: Path) -> Path | None:
    """Nothing is deleted: after restoring the wrong copy, the operator wants the old database back."""
    replaced = None
    if database.exists():
        replaced = database.with_name(f"{database.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        for old, kept in zip((database, *_companions(database)), (replaced, *_companions(replaced)), strict=True):
            if old.exists():
                old.rename(kept)
    fresh.rename(database)
    return replaced


def _companions(database: Path) -> tuple[Path, Path]:
    """SQLite's log and index of a database: of no use beside another one."""
    return database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")
