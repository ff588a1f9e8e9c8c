"""What a move reads from the schema: a new table needs no line anywhere else."""

from pathlib import Path

import pytest

from storage.engines.sqlite_file import open_sqlite
from storage.engines.tables import Table, tables_in
from storage.migrate import Migration, known_migrations, migrate

pytestmark = pytest.mark.sqlite


async def tables_after(path: Path, *more: str) -> tuple[Table, ...]:
    known = known_migrations()
    later = [Migration(len(known) + number, f"{number}.sql", sql) for number, sql in enumerate(more, start=1)]
    async with open_sqlite(path) as database:
        await migrate(database, [*known, *later])
        return await tables_in(database.reading)


async def test_each_table_has_a_key_by_which_it_is_read_in_batches(tmp_path: Path) -> None:
    tables = await tables_after(tmp_path / "encore.db")

    assert [table.name for table in tables if not table.key] == [], "give it a primary key"
    assert next(table.key for table in tables if table.name == "quota_sum") == (
        "month",
        "guild_id",
        "member_id",
        "outcome",
    )


async def test_a_later_table_is_found_and_comes_after_those_that_it_refers_to(tmp_path: Path) -> None:
    tables = await tables_after(
        tmp_path / "encore.db",
        "CREATE TABLE a_vote (job_id TEXT REFERENCES job (id), body_id BIGINT REFERENCES callback_body (callback_id),"
        " likes BIGINT, PRIMARY KEY (job_id, body_id));",
    )

    names = [table.name for table in tables]
    assert names.index("a_vote") > names.index("callback_body") > names.index("callback") > names.index("job")
    assert next(table for table in tables if table.name == "a_vote") == Table(
        name="a_vote", columns=("job_id", "body_id", "likes"), key=("job_id", "body_id"), texts=("job_id",)
    )
