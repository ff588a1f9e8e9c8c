"""Opens the PostgreSQL engine. asyncpg is optional and takes memory: nothing else imports that engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from storage.engines.base import BUSY_SECONDS, HANGING_SECONDS
from storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from storage.engines.postgres import PostgresEngine


@asynccontextmanager
async def open_server(
    url: str,
    *,
    connections: int,
    busy_seconds: float = BUSY_SECONDS,
    hanging_seconds: float = HANGING_SECONDS,
    name: str = "encore",
) -> AsyncIterator["PostgresEngine"]:
    """The PostgreSQL database at `url`; `name` is how the server lists the connections.

    Raises:
        StorageUnavailable: it cannot be used, as the text says, or asyncpg is missing.
    """
    try:
        from storage.engines.postgres import open_postgres  # noqa: PLC0415  # see above
    except ModuleNotFoundError as error:
        raise StorageUnavailable("PostgreSQL needs asyncpg", remedy="pip install 'encore-bot[postgres]'") from error
    async with open_postgres(
        url, connections=connections, busy_seconds=busy_seconds, hanging_seconds=hanging_seconds, name=name
    ) as engine:
        yield engine
