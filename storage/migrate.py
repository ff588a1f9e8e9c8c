"""Brings a database up to date. Migrations are numbered SQL files; each is applied once, in its own transaction."""

import logging
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bot import fault_points
from storage.engines.base import Connection, Engine
from storage.errors import DatabaseTooNew, StorageUnavailable
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

_FOLDER = Path(__file__).with_name("migrations")
_NAME = re.compile(r"(\d{4})_\w+\.sql")


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str


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
) -> None:
    """Apply the migrations that are missing. If two processes start at once, the second waits and finds them applied.

    Raises:
        DatabaseTooNew: a newer release has already migrated this database.
        StorageUnavailable: the database cannot be written, or is half moved and this is not the move.
    """
    known = known_migrations() if migrations is None else migrations
    newest = 0
    for migration in known:
        if migration.number <= newest:
            continue
        async with engine.transaction() as connection:
            newest = await _newest(engine, connection, known, is_move=is_move)
            if migration.number <= newest:
                continue
            for statement in statements(migration.sql):
                await connection.execute(engine.dialect(statement))
            fault_points.reach("inside a migration")
            await connection.execute(MARK_APPLIED, migration.number, migration.name, to_ms(clock()))
        log.info("database: %s applied", migration.name)


async def _newest(engine: Engine, connection: Connection, known: Sequence[Migration], *, is_move: bool) -> int:
    await connection.execute(engine.dialect(REMEMBER_MIGRATIONS))
    row = await connection.fetch_one(APPLIED)
    if row and row["oldest"] == HALF_MOVED and not is_move:
        raise StorageUnavailable(
            "encore move-database has not finished with it", remedy="wait for it, or run it again if it was interrupted"
        )
    newest = int(row["newest"]) if row else 0
    if newest > known[-1].number:
        raise DatabaseTooNew(found=newest, known=known[-1].number)
    return newest


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
