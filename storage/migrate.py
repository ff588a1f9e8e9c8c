"""Brings a database up to date. Migrations are numbered SQL files; those that are missing are applied together."""

import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

from bot import fault_points
from storage.engines.base import Connection, Engine, Row
from storage.errors import DatabaseTooNew, StorageUnavailable
from storage.memos import Memos
from storage.values import to_ms

log = logging.getLogger(__name__)

REMEMBER_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_ms BIGINT NOT NULL
)
"""

APPLIED = "SELECT coalesce(max(number), 0) AS newest, min(number) AS oldest FROM migration"

MARK_APPLIED = "INSERT INTO migration (number, name, applied_ms) VALUES ($1, $2, $3)"

HALF_MOVED = 0
"""Stands among the migrations while `encore move-database` fills the database. It is there before any table that a bot
needs, so a bot that starts at the same time either sees it or is itself seen by the move."""

COMPATIBLE_FROM = "compatible_from"
"""The memo with the oldest migration that a release must know to run on this database."""
WITHOUT_PROMISE = 11
"""Migrations up to this one promise nothing; releases that know no other refuse every later database."""

_FOLDER = Path(__file__).with_name("migrations")
_NAME = re.compile(r"(\d{4})_\w+\.sql")


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def compatible_from(self) -> int:
        """The oldest migration that a release must know to run on the database after this one.

        A line `-- Compatible from: 0011` in the file says so; without it, only releases that know this one can.
        """
        promise = re.search(r"^-- Compatible from: (\d{4})$", self.sql, re.MULTILINE)
        return int(promise[1]) if promise and self.number > WITHOUT_PROMISE else self.number


Before: TypeAlias = Callable[[Sequence[Migration]], Awaitable[None]]
"""Called with everything that is to be applied to a database in use; nothing is if it raises."""


def known_migrations() -> tuple[Migration, ...]:
    """The files in `storage/migrations`, by number."""
    found = (
        Migration(int(match[1]), file.name, file.read_text(encoding="utf-8"))
        for file in _FOLDER.iterdir()
        if (match := _NAME.fullmatch(file.name))
    )
    return tuple(sorted(found, key=lambda migration: migration.number))


async def migrate(
    engine: Engine,
    migrations: Sequence[Migration] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    *,
    is_move: bool = False,
    before: Before | None = None,
    may_be_newer: bool = False,
) -> None:
    """Apply the migrations that are missing, all or none. If two processes start at once, the second finds none.

    `may_be_newer`: leave a database of a newer release as it is if that release promised that this one can run on it.

    Raises:
        DatabaseTooNew: a newer release has already migrated this database, and may not keep that promise.
        StorageUnavailable: the database cannot be written, or is half moved and this is not the move.
    """
    known = known_migrations() if migrations is None else migrations
    async with engine.transaction() as connection:
        newest = await _newest(engine, connection, known, is_move=is_move, may_be_newer=may_be_newer)
        pending = [migration for migration in known if migration.number > newest]
        if before is not None and newest and pending:
            await before(pending)
        for migration in pending:
            for statement in statements(migration.sql):
                await connection.execute(engine.dialect(statement))
            fault_points.reach("inside a migration")
            await connection.execute(MARK_APPLIED, migration.number, migration.name, to_ms(clock()))
        if pending and pending[-1].number > WITHOUT_PROMISE:
            oldest = max(migration.compatible_from for migration in known)
            await Memos(connection).put(COMPATIBLE_FROM, str(oldest))
    for migration in pending:
        log.info("database: %s applied", migration.name)


async def refuse_half_moved(connection: Connection) -> None:
    """Raise `StorageUnavailable` while `encore move-database` has not finished with a database that has migrations.

    Before anything else waits for its turn to write, which the move keeps for minutes.
    """
    _check_moved(await connection.fetch_one(APPLIED))


def _check_moved(applied: Row | None) -> None:
    if applied and applied["oldest"] == HALF_MOVED:
        raise StorageUnavailable(
            "encore move-database has not finished with it", remedy="wait for it, or run it again if it was interrupted"
        )


async def _newest(
    engine: Engine, connection: Connection, known: Sequence[Migration], *, is_move: bool, may_be_newer: bool
) -> int:
    await connection.execute(engine.dialect(REMEMBER_MIGRATIONS))
    row = await connection.fetch_one(APPLIED)
    if not is_move:
        _check_moved(row)
    newest = int(row["newest"]) if row else 0
    if newest > known[-1].number:
        needed = await compatible_from(connection, newest)
        if not may_be_newer or needed > known[-1].number:
            raise DatabaseTooNew(found=newest, needed=needed, known=known[-1].number)
        log.warning("database: a newer release has changed it (migration %04d); this one can still run on it", newest)
    return newest


def breaking(pending: Sequence[Migration]) -> list[Migration]:
    """Those of the migrations still to be applied after which a release that knows none of them could not run."""
    newest = pending[0].number - 1
    return [migration for migration in pending if migration.compatible_from > newest]


async def compatible_from(connection: Connection, newest: int) -> int:
    """The oldest migration that a release must know to run on this database, whose latest one is `newest`."""
    if newest <= WITHOUT_PROMISE:
        return newest
    return int(await Memos(connection).get(COMPATIBLE_FROM) or newest)


def statements(script: str) -> Iterator[str]:
    """Split a script into statements. Semicolons inside strings, comments and triggers do not split it."""
    *ended, rest = script.split(";")
    statement = ""
    for piece in ended:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if unended := (statement + rest).strip():
        yield unended
