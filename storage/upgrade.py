"""What happens before a database in use is changed for a newer release (docs/decisions/0034-upgrades.md)."""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from storage.engines.sqlite_file import copy_database
from storage.errors import BackupError, UpgradeNeeded
from storage.migrate import Migration, breaking, migrate
from storage.stopped import refuse_connected, stopped_server

log = logging.getLogger(__name__)

GROWING_SECONDS = 20.0
"""A copy that is being made grows all the time; only its last step, onto the disk, may take some seconds."""
LOOK_SECONDS = 0.5
COPIES = 3
"""How many copies of an SQLite file are kept from before its latest migrations."""


async def keep_copy(database: Path, pending: Sequence[Migration]) -> None:
    """Copy an SQLite file to one beside it, named after the first of the migrations; remove the oldest copies.

    Called within the transaction that will apply them, so no other process is making a copy: a half one that lies there
    is from one that was killed, and may be as large as the database.

    Raises:
        BackupError: it cannot be copied; the text says what to do.
    """
    to = database.with_name(f"{database.name}.before-{pending[0].name.removesuffix('.sql')}")
    fresh = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
    try:
        await asyncio.to_thread(_remove_half_copies, database)
        await copy_database(database, fresh)
        await asyncio.to_thread(_keep, fresh, to, database)
    except BackupError as error:
        raise BackupError(
            f"{pending[0].name} would change the database, which must be copied first, but {error}:"
            " make room beside it and start again"
        ) from error
    except OSError as error:
        raise BackupError(f"cannot keep {to}: {error.strerror}") from error
    finally:
        fresh.unlink(missing_ok=True)  # quick, and the loop has nothing else to do yet
    log.info("database: copied to %s before the upgrade", to)


async def wait_for_copy(database: Path) -> bool:
    """Return once no other process is copying the database before an upgrade; False if none was."""
    has_told = False
    while await asyncio.to_thread(_is_being_copied, database):
        if not has_told:
            log.warning("database: waiting for another process that copies it before an upgrade")
        has_told = True
        await asyncio.sleep(LOOK_SECONDS)
    return has_told


def _is_being_copied(database: Path) -> bool:
    """Whether a half copy has grown lately. One that a killed process has left behind has not."""
    for path in _half_copies(database):
        with contextlib.suppress(FileNotFoundError):
            if abs(time.time() - path.stat().st_mtime) < GROWING_SECONDS:
                return True
    return False


def _half_copies(database: Path) -> list[Path]:
    copy = rf"{re.escape(database.name)}\.before-\d{{4}}_\w+\.[0-9a-f]{{8}}"
    name = re.compile(rf"\.{copy}|\.\.{copy}\.[0-9a-f]{{16}}\.part(-\w+)?")
    return [path for path in database.parent.iterdir() if name.fullmatch(path.name)]


def _remove_half_copies(database: Path) -> None:
    for path in _half_copies(database):
        path.unlink(missing_ok=True)
        log.info("database: removed %s, a copy that an earlier start did not finish", path)


def _keep(fresh: Path, to: Path, database: Path) -> None:
    """A copy from an earlier try makes room: this one is newer, whatever the clock says."""
    os.replace(fresh, to)  # noqa: PTH105  # as atomic
    name = re.compile(rf"{re.escape(database.name)}\.before-\d{{4}}_\w+")
    earlier = [path for path in database.parent.iterdir() if name.fullmatch(path.name) and path != to]
    for outdated in sorted(earlier, key=lambda path: path.stat().st_mtime_ns)[: 1 - COPIES]:
        outdated.unlink()
        log.info("database: removed %s; the latest %d copies are kept", outdated, COPIES)


def refuse_breaking(pending: Sequence[Migration]) -> None:
    """For a PostgreSQL database, which cannot be copied from here and on which older releases may be running.

    Raises:
        UpgradeNeeded: one of the migrations is not for them.
    """
    if changes := breaking(pending):
        raise UpgradeNeeded(
            f"this release changes the database so that older ones can't run on it ({changes[0].name}):"
            " stop every process of the bot, make a dump, and run encore upgrade-database (docs/upgrading.md)"
        )


async def upgrade_server(url: str) -> list[str]:
    """Apply what is missing in the PostgreSQL database at `url`, for older releases or not; returns the names.

    Raises:
        BackupError: the database is empty.
        DatabaseInUse: a bot is connected to it.
        DatabaseTooNew: a later release has changed it.
        StorageUnavailable: it cannot be used, as the text says.
    """
    applied: list[str] = []
    remedy = "stop every process of it first"
    async with stopped_server(
        url, name="encore upgrade-database", if_empty="the bot fills it when it starts", remedy=remedy
    ) as engine:

        async def note(pending: Sequence[Migration]) -> None:
            # Within the transaction: a bot that connects later waits for it, and then finds the database too new.
            await refuse_connected(engine, remedy=remedy)
            applied.extend(migration.name for migration in pending)

        await migrate(engine, clock=engine.clock or (lambda: datetime.now(UTC)), before=note)
    return applied
