"""The file as a whole: migrations, backup, and that old jobs cost nothing."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from storage import facts, inbox, intakes, jobs, ledger
from storage.backup import back_up
from storage.database import open_database
from storage.errors import DatabaseTooNew, StorageUnavailable
from storage.migrate import Migration, known_migrations, migrate, statements
from storage.storage import open_storage
from tests.support.storage_samples import a_job

HOT_QUERIES = {
    **{
        name: getattr(jobs, name)
        for name in (
            "INSERT",
            "TAKE_SEAT",
            "LAST_TURN",
            "SAVE",
            "SAVE_TRACK",
            "GET",
            "BY_INTERACTION",
            "BY_PREFIX",
            "TRACKS_OF_JOBS",
            "CLAIM_TURN",
            "ADVANCE_QUEUE",
            "CLAIM_DUE",
            "NEXT_DUE",
            "QUEUE_POSITION",
            "LIVE",
            "OF_MEMBER",
            "CANCELLABLE",
            "TRACKS_OF_MEMBER",
            "TRACK_OF_MEMBER",
            "LATEST_DURATIONS",
            "OLDEST_WAITING",
            "FORGET_TRACKS",
            "HASTEN",
        )
    },
    **{f"ledger.{name}": getattr(ledger, name) for name in ("HOLD", "SETTLE", "COUNT_BY_OUTCOME")},
    **{
        f"intakes.{name}": getattr(intakes, name)
        for name in ("CLAIM", "HAND_OVER", "WITHDRAW", "IS_OPEN", "FINISH", "CLAIM_DUE", "HASTEN")
    },
    **{
        f"inbox.{name}": getattr(inbox, name)
        for name in ("PENDING", "MARK_APPLIED", "NEWEST_ID", "RECORD", "ADDED_AFTER", "KNOWN_AMONG")
    },
    **{f"facts.{name}": getattr(facts, name) for name in ("GET", "PUT")},
}

# An index that holds only what is still to be done may be read from end to end.
SMALL_INDEXES = ("job_queue", "job_live", "job_due", "callback_pending")
# These read an index from its end, as far as their LIMIT.
LIMITED = {"LATEST_DURATIONS": "job_finished", "inbox.NEWEST_ID": "callback"}


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    parameters = {str(number): 1 for number in range(1, 40) if f"${number}" in sql}
    return [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + sql, parameters)]


async def a_made_file(path: Path) -> None:
    async with open_storage(path):
        pass


async def test_no_hot_query_reads_a_whole_table(tmp_path: Path) -> None:
    await a_made_file(tmp_path / "encore.db")
    connection = sqlite3.connect(tmp_path / "encore.db")
    try:
        plans = {name: plan(connection, sql) for name, sql in HOT_QUERIES.items()}
    finally:
        connection.close()

    scans = {
        (name, step)
        for name, steps in plans.items()
        for step in steps
        if step.startswith("SCAN") and "CONSTANT ROW" not in step and not step.endswith(SMALL_INDEXES)
    }
    allowed = {(name, step) for name, step in scans if name in LIMITED and LIMITED[name] in step}
    assert scans - allowed == set()


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("CLAIM_TURN", "job_queue"),
        ("CLAIM_DUE", "job_due"),
        ("NEXT_DUE", "job_due"),
        ("LIVE", "job_live"),
        ("OLDEST_WAITING", "job_live"),
        ("OF_MEMBER", "job_of_member"),
        ("BY_PREFIX", "job_id_of_member"),
        ("CANCELLABLE", "job_waiting_of_member"),
        ("LAST_TURN", "job_turn_of_member"),
        ("TRACKS_OF_MEMBER", "job_delivered_to_member"),
        ("TRACK_OF_MEMBER", "track_by_id"),
        ("ledger.HOLD", "quota_unit_of_member"),
        ("inbox.PENDING", "callback_pending"),
    ],
)
async def test_each_list_has_its_index(tmp_path: Path, name: str, index: str) -> None:
    await a_made_file(tmp_path / "encore.db")
    connection = sqlite3.connect(tmp_path / "encore.db")
    try:
        steps = plan(connection, HOT_QUERIES[name])
    finally:
        connection.close()

    assert any(index in step.split() for step in steps), steps


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


async def test_a_migration_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    good = Migration(1, "0001_one.sql", "CREATE TABLE one (id INTEGER);")
    bad = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER); CREATE TABLE one (id INTEGER);")
    mended = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER);")
    async with open_database(tmp_path / "encore.db") as database:
        with pytest.raises(sqlite3.OperationalError):
            await migrate(database, [good, bad])
        await migrate(database, [good, mended])
        await migrate(database, [good, mended])

        applied = await database.reading.fetch_all("SELECT name FROM migration ORDER BY number")

    assert [row["name"] for row in applied] == ["0001_one.sql", "0002_two.sql"]


async def test_a_newer_database_is_told(tmp_path: Path) -> None:
    first = Migration(1, "0001_one.sql", "CREATE TABLE one (id INTEGER);")
    second = Migration(2, "0002_two.sql", "CREATE TABLE two (id INTEGER);")
    async with open_database(tmp_path / "encore.db") as database:
        await migrate(database, [first, second])

        with pytest.raises(DatabaseTooNew, match=r"0002.*0001"):
            await migrate(database, [first])


async def test_two_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    await asyncio.gather(*(a_made_file(tmp_path / "data" / "encore.db") for _ in range(4)))

    async with open_database(tmp_path / "data" / "encore.db") as database:
        row = await database.reading.fetch_one("SELECT count(*) AS times FROM migration")

    assert row
    assert row["times"] == len(known_migrations())


async def test_a_backup_is_a_database_of_what_was_committed(tmp_path: Path) -> None:
    job = a_job()
    async with open_storage(tmp_path / "encore.db") as storage:
        async with storage.transaction() as work:
            await work.jobs.insert(job)

        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")

        async with storage.transaction() as work:
            await work.jobs.save(replace(job, state=JobState.RUNNING))
    async with open_storage(tmp_path / "copy.db") as copy:
        assert await copy.reading.jobs.live() == [job]


async def test_a_backup_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"):
        (tmp_path / "file").touch()

        with pytest.raises(StorageUnavailable):
            await back_up(tmp_path / "encore.db", tmp_path / "file" / "copy.db")
