"""Both engines run the same SQL."""

import re
from pathlib import Path

import pytest

from storage.gauges import SNAPSHOT
from tests.integration.test_storage_queries import QUERIES
from tests.support.database import connected, make_database, open_storage
from tests.support.storage_samples import a_delivered, a_job, a_track, insert

pytestmark = pytest.mark.postgres


async def test_postgresql_understands_every_query(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"), connected(tmp_path / "encore.db") as connection:
        for sql in QUERIES.values():
            await connection.prepare(sql)


BULK = """
INSERT INTO intake (interaction_id, payload, due_ms) SELECT number, NULL, NULL FROM generate_series(1, 5000) AS number
"""
MANY_JOBS = """
INSERT INTO job SELECT made.*
  FROM job AS one, generate_series(100001, 105000) AS number,
       LATERAL jsonb_populate_record(one, jsonb_build_object(
           'id', to_char(number, 'FM00000000000000000000000000000000'), 'interaction_id', number,
           'callback_token', number::text, 'task_id', number::text)) AS made
"""


async def test_the_metrics_read_only_work_that_is_left_even_before_the_server_has_statistics(tmp_path: Path) -> None:
    """As after pg_restore."""
    await make_database(tmp_path / "encore.db", like_new=True)  # another test's would have statistics
    async with open_storage(tmp_path / "encore.db") as storage:
        job = a_job()
        await insert(storage, job)
        async with storage.transaction() as work:
            await work.jobs.save(a_delivered(job, a_track(1)))
        async with connected(tmp_path / "encore.db") as connection:
            await connection.execute(BULK)
            await connection.execute(MANY_JOBS)
            given = (1, 2, "2026-11-24", "a", "b", "c")
            plan = [row[0] for row in await connection.fetch(f"EXPLAIN {SNAPSHOT}", *given)]

    assert [line for line in plan if "job_due" in line]
    assert [line for line in plan if re.search(r"Seq Scan on (job|intake)\b", line)] == []
