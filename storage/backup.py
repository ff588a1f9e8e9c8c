"""`encore backup`: a copy of the live database."""

from pathlib import Path

from storage.engines.sqlite_file import copy_database
from storage.errors import BackupError


async def back_up(database: Path, to: Path) -> None:
    """Copy `database` consistently to the new file `to`, while it is in use.

    Raises:
        BackupError: there is nothing to copy, `to` exists already, or it cannot be written.
    """
    if not database.is_file():  # noqa: ASYNC240  # nothing else runs meanwhile
        raise BackupError(f"DATABASE_URL names {database}, where there is no database to copy")
    try:
        await copy_database(database, to)
    except FileExistsError as error:
        raise BackupError(f"{to} exists already: name another file") from error
