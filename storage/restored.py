"""A PostgreSQL database that was set back to an earlier time, by pg_restore or with the server's files."""

import logging
from datetime import UTC, datetime

from storage.engines.base import Engine
from storage.engines.postgres_ownership import identity_of
from storage.held_back import hold_back
from storage.memos import Memos
from storage.migrate import migrate
from storage.stopped import stopped_server

log = logging.getLogger(__name__)

IDENTITY = "database"
"""The memo with the identity of the database that a bot last started on. A dump carries the memo along; the database
that it is restored into has another identity."""


async def notice_restore(engine: Engine) -> None:
    """Hold back the waiting jobs if this database was made from a dump of another one that a bot ran on.

    Raises:
        StorageUnavailable: it cannot be read or written.
    """
    if await Memos(engine.reading).get(IDENTITY) == await identity_of(engine.reading):
        return
    async with engine.transaction() as connection:
        identity, known = await identity_of(connection), await Memos(connection).get(IDENTITY)
        if known == identity:
            return  # another process was first
        await Memos(connection).put(IDENTITY, identity)
        if known is None:
            return
        held_back = await hold_back(connection, _now(engine))
    log.warning(
        "this database was restored from a dump; waiting jobs put on hold until their members continue or cancel"
        " them: %d",
        held_back,
    )


async def after_restore(url: str) -> int:
    """Hold back what waits in the database at `url`, however it was restored; returns how many jobs.

    Raises:
        BackupError: the database is empty.
        DatabaseInUse: a bot is connected to it.
        DatabaseTooNew: a later release made the dump.
        StorageUnavailable: it cannot be used, as the text says.
    """
    async with stopped_server(
        url, name="encore after-restore", if_empty="restore a dump into it first", remedy="stop it first"
    ) as engine:
        await migrate(engine, clock=lambda: _now(engine))
        async with engine.transaction() as connection:
            await Memos(connection).put(IDENTITY, await identity_of(connection))
            return await hold_back(connection, _now(engine))


def _now(engine: Engine) -> datetime:
    return engine.clock() if engine.clock else datetime.now(UTC)
