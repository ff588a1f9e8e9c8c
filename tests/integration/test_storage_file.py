"""The file as a whole: migrations and backup."""

import asyncio
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import JobState
from storage.backup import back_up
from storage.engines.sqlite_file import open_sqlite
from storage.errors import BackupError, DatabaseTooNew
from storage.migrate import Migration, known_migrations, migrate, statements
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_job

pytestmark = pytest.mark.sqlite


async def a_made_file(path: Path) -> None:
    async with open_storage(path):
        pass


def test_semicolons_in_strings_comments_and_triggers_end_no_statement() -> None:
    script = """
    -- one; two
    INSERT INTO note VALUES ('a;b'); /* ; */
    CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; SELECT 2; END;
    SELECT 3"""

    found = list(statements(script))

    assert [statement.split()[-1] for statement in found] == ["('a;b');", "END;", "3"]
    assert list(statements("SELECT 1;\n")) == ["SELECT 1;"]


def test_migrations_are_numbered_without_a_gap_and_begin_with_a_reason() -> None:
    known = known_migrations()

    assert [migration.number for migration in known] == list(range(1, len(known) + 1))
    assert all(migration.sql.startswith("-- ") for migration in known)


async def test_where_an_end_is_was_concluded_from_its_channel_before_it_was_written_down(tmp_path: Path) -> None:
    failure = '{"reason":"%s","code":413,"provider_message":""}'
    ends = {  # private, state, failure, channel
        "public": (0, "delivered", None, 300),
        "private": (1, "delivered", None, 300),
        "direct": (1, "delivered", None, 999),
        "refused": (0, "failed", failure % "copyright", 300),
        "broken": (0, "failed", failure % "provider", 300),
    }
    async with open_sqlite(tmp_path / "encore.db") as database:
        await migrate(database, known_migrations()[:6])
        async with database.transaction() as connection:
            for number, (name, end) in enumerate(ends.items()):
                await connection.execute(A_JOB, name, number, *end)
        await migrate(database)
        rows = await database.reading.fetch_all("SELECT id, final_guild_id, final_is_answer FROM job")

    assert {row["id"]: (row["final_guild_id"], row["final_is_answer"]) for row in rows} == {
        "public": (200, 0),
        "private": (None, 1),
        "direct": (None, 0),
        "refused": (None, 1),
        "broken": (200, 0),
    }


async def test_a_waiting_job_of_an_earlier_release_gets_the_due_time_that_it_lacked(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "encore.db") as database:
        await migrate(database, known_migrations()[:8])
        async with database.transaction() as connection:
            await connection.execute(A_JOB, "ended", 1, 0, "delivered", None, 300)
            await connection.execute(A_JOB, "waiting", 2, 0, "accepted", None, 300)
            await connection.execute("UPDATE job SET accepted_ms = 7")
        await migrate(database)
        rows = await database.reading.fetch_all("SELECT id, due_ms FROM job")

    assert {row["id"]: row["due_ms"] for row in rows} == {"ended": None, "waiting": 7}


A_JOB = """
INSERT INTO job (
    turn, seat, application_id, guild_id, channel_id, member_id, locale, received_ms, request, continue_at, source_kind,
    source_name, source, accepted_ms, stage, interaction_token, source_url, outcome_unknown, attempts, final_message_id,
    id, interaction_id, callback_token, private, state, failure, final_channel_id
) VALUES (
    1, 1, 1, 200, 300, 1, 'en', 0, '{}', 1, 'url', '', '{}', 0, 'queued', '', '', 0, 0, 5, $1, $2, $1, $3, $4, $5, $6
)
"""


async def test_a_migration_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    good = Migration(1, "0001_one.sql", "CREATE TABLE one (id INTEGER);")
    bad = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER); CREATE TABLE one (id INTEGER);")
    mended = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER);")
    async with open_sqlite(tmp_path / "encore.db") as database:
        with pytest.raises(sqlite3.OperationalError):
            await migrate(database, [good, bad])
        await migrate(database, [good, mended])
        await migrate(database, [good, mended])

        applied = await database.reading.fetch_all("SELECT name FROM migration ORDER BY number")

    assert [row["name"] for row in applied] == ["0001_one.sql", "0002_two.sql"]


async def test_a_newer_database_is_reported(tmp_path: Path) -> None:
    first = Migration(1, "0001_one.sql", "CREATE TABLE one (id INTEGER);")
    second = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER);")
    async with open_sqlite(tmp_path / "encore.db") as database:
        await migrate(database, [first, second])

        with pytest.raises(DatabaseTooNew, match=r"0002.*0001"):
            await migrate(database, [first])


async def test_pending_callbacks_of_an_older_database_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    async with open_sqlite(path) as database:
        await migrate(database, known_migrations()[:1])
    job = a_job()
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        columns = dict.fromkeys((row[1] for row in old.execute("PRAGMA table_info(job)")), 0)
        columns |= {"id": job.id, "callback_token": job.callback_token, "state": "delivered"}  # type: ignore[dict-item]
        old.execute(f"INSERT INTO job VALUES ({', '.join('?' * len(columns))})", list(columns.values()))  # noqa: S608
        applied, pending = hashlib.sha256(b"applied").digest(), hashlib.sha256(b"pending").digest()
        old.execute("INSERT INTO callback VALUES (1, ?, ?, NULL, 5, 6)", (job.id, applied))
        old.execute("INSERT INTO callback VALUES (2, ?, ?, ?, 7, NULL)", (job.id, pending, b"pending"))

    async with open_storage(path) as storage:
        [entry] = await storage.reading.inbox.pending(limit=10)
        repeats = [
            await storage.record_callback(token=job.callback_token, body=body, at=NOW)
            for body in (b"applied", b"pending", b"new")
        ]

    assert (entry.id, entry.job_id, entry.body) == (2, job.id, b"pending")
    assert repeats == [Recorded.REPEAT, Recorded.REPEAT, Recorded.NEW]


async def test_two_processes_starting_at_once_migrate_once(tmp_path: Path) -> None:
    await asyncio.gather(*(a_made_file(tmp_path / "data" / "encore.db") for _ in range(4)))

    async with open_sqlite(tmp_path / "data" / "encore.db") as database:
        row = await database.reading.fetch_one("SELECT count(*) AS times FROM migration")

    assert row
    assert row["times"] == len(known_migrations())


async def test_a_backup_is_a_database_with_everything_committed(tmp_path: Path) -> None:
    job = a_job()
    async with open_storage(tmp_path / "encore.db") as storage:
        async with storage.transaction() as work:
            await work.jobs.insert(job)

        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")

        async with storage.transaction() as work:
            await work.jobs.save(replace(job, state=JobState.RUNNING))
    async with open_storage(tmp_path / "copy.db") as copy:
        assert await copy.reading.jobs.live() == [job]


async def test_a_backup_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"):
        (tmp_path / "file").touch()

        with pytest.raises(BackupError, match="Not a directory"):
            await back_up(tmp_path / "encore.db", tmp_path / "file" / "copy.db")
