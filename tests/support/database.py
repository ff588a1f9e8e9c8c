"""What tests do to a database behind the program's back."""

from storage.engines.base import Value
from storage.storage import SqlStorage


async def tamper(storage: SqlStorage, sql: str, *parameters: Value) -> None:
    """Change rows as no part of the program would."""
    async with storage._engine.transaction() as connection:
        await connection.execute(sql, *parameters)
