"""A PostgreSQL database that is worked on while no bot is connected to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from storage.engines.opening import open_server
from storage.engines.postgres_ownership import check_new_or_ours, is_bot_connected, table_names
from storage.errors import BackupError
from storage.lock import DatabaseInUse
from storage.migrate import refuse_half_moved

if TYPE_CHECKING:
    from storage.engines.postgres import PostgresEngine


@asynccontextmanager
async def stopped_server(url: str, *, name: str, if_empty: str, remedy: str) -> AsyncIterator["PostgresEngine"]:
    """The database at `url`, with Encore's tables; `name` is how the server lists the connections.

    `if_empty`: what to do about a database without tables; `remedy`: about a bot that is connected.

    Raises:
        BackupError: the database is empty.
        DatabaseInUse: a bot is connected to it.
        StorageUnavailable: it cannot be used, as the text says.
    """
    async with open_server(url, connections=2, name=name) as engine:
        tables = await table_names(engine.reading)
        if not tables:
            raise BackupError(f"the database of DATABASE_URL is empty: {if_empty}")
        check_new_or_ours(tables)
        await refuse_half_moved(engine.reading)
        await refuse_connected(engine, remedy=remedy)
        yield engine


async def refuse_connected(engine: "PostgresEngine", *, remedy: str) -> None:
    """Raises `DatabaseInUse` if a bot is connected."""
    if await is_bot_connected(engine.reading):
        raise DatabaseInUse("a bot is connected to this database", remedy=remedy)
