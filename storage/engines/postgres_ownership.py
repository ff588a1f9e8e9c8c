"""Whose a PostgreSQL database is, who is connected to it, and whether it is still the same one."""

from storage.engines.base import Connection
from storage.engines.sqlite_ownership import TABLES
from storage.errors import StorageUnavailable

TABLE_NAMES = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()"

MIGRATIONS = "migration"

OTHER_BOTS = """
SELECT count(*) AS number FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
"""

MAY_NAME_SERVER = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS answer"
SERVER = "SELECT system_identifier::text AS name FROM pg_control_system()"
DATABASE = """
SELECT oid::text || '.' || to_regclass('migration')::oid::text AS name
  FROM pg_database WHERE datname = current_database()
"""

SIZE = "SELECT current_database() AS name, pg_database_size(current_database()) AS size_bytes"


async def table_names(connection: Connection) -> frozenset[str]:
    """The tables in the schema where Encore's are, or would be made."""
    return frozenset(row["name"] for row in await connection.fetch_all(TABLE_NAMES))


def check_new_or_ours(tables: frozenset[str]) -> None:
    """Raise `StorageUnavailable` unless there are no tables yet, or these are Encore's."""
    if tables and tables != {MIGRATIONS} and not tables >= TABLES:  # one alone is what a move begins with
        raise StorageUnavailable(
            "the database holds tables of another program", remedy="create a database for Encore alone"
        )


async def is_bot_connected(connection: Connection) -> bool:
    row = await connection.fetch_one(OTHER_BOTS, "encore")
    return bool(row and row["number"])


async def identity_of(connection: Connection) -> str:
    """Names the server, the database and its oldest table: a dump that is restored anywhere gets another identity.

    A standby that takes over keeps it, and so does a copy of the server's files. pg_upgrade changes it.
    """
    may_name = await connection.fetch_one(MAY_NAME_SERVER)
    server = await connection.fetch_one(SERVER) if may_name and may_name["answer"] else None
    database = await connection.fetch_one(DATABASE)
    return ".".join(str(row["name"]) for row in (server, database) if row)


async def name_and_size(connection: Connection) -> tuple[str, int]:
    """The database's name, and its bytes on the server's disk."""
    row = await connection.fetch_one(SIZE)
    return (str(row["name"]), int(row["size_bytes"])) if row else ("", 0)
