"""Both engines run the same SQL."""

from pathlib import Path

import pytest

from tests.integration.test_storage_queries import QUERIES
from tests.support.database import connected, open_storage

pytestmark = pytest.mark.postgres


async def test_postgresql_understands_every_query(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"), connected(tmp_path / "encore.db") as connection:
        for sql in QUERIES.values():
            await connection.prepare(sql)
