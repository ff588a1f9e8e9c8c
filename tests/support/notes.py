"""A database with one table of names, for tests of the database itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from storage.engines.base import Connection, Engine, Piece
from storage.engines.sqlite import SqliteEngine
from storage.engines.sqlite_file import open_sqlite

ADD = "INSERT INTO note (name) VALUES ($1)"


@asynccontextmanager
async def notes(tmp_path: Path, *, busy_seconds: float = 5) -> AsyncIterator[SqliteEngine]:
    """A database with one table of names."""
    async with open_sqlite(tmp_path / "notes.db", busy_seconds=busy_seconds) as database:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS note (name TEXT NOT NULL PRIMARY KEY)")
        yield database


async def names(database: Engine) -> list[str]:
    return [row["name"] for row in await database.reading.fetch_all("SELECT name FROM note ORDER BY name")]


async def add(database: SqliteEngine, name: str) -> None:
    await database.write(adding(name))


def adding(*names: str) -> Piece[None]:
    async def piece(connection: Connection) -> None:
        await connection.execute_many(ADD, [(name,) for name in names])

    return piece
