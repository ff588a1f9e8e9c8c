"""A file that is not a database of Encore's is refused in one line, and stays as it is."""

import logging
import sqlite3
from pathlib import Path

import pytest

from storage.engines.sqlite_ownership import TABLES
from storage.errors import StorageUnavailable
from storage.storage import open_shared_storage, open_storage
from tests.support.database import connected, make_database, postgres_url_for, rows


def a_foreign_database(path: Path) -> None:
    opened = sqlite3.connect(path)
    opened.execute("CREATE TABLE recipe (name TEXT)")
    opened.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "is a folder"),
        (lambda path: path.write_text("Dear diary, " * 100), "is not a database"),
        (a_foreign_database, "is a database, but not one of Encore's"),
    ],
    ids=["a folder", "a text", "another program's database"],
)
async def test_a_file_of_somebody_elses_is_named_and_nothing_is_left_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: object, why: str
) -> None:
    path = tmp_path / "theirs"
    assert callable(make)
    make(path)
    path.chmod(0o755)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(StorageUnavailable, match=f"{path} {why}") as refused:
        async with open_storage(path):
            pass

    assert "DATABASE_URL" in str(refused.value)
    assert list(tmp_path.iterdir()) == [path]
    assert (path.read_bytes() if path.is_file() else None) == before
    assert "chmod" not in caplog.text  # it is not ours to say


@pytest.mark.postgres
async def test_another_programs_tables_on_a_server_are_left_alone(tmp_path: Path) -> None:
    await make_database(tmp_path, like_new=True)
    async with connected(tmp_path) as other:
        await other.execute("CREATE TABLE recipe (name TEXT)")

    with pytest.raises(StorageUnavailable, match="tables of another program; create a database for Encore alone"):
        async with open_shared_storage(await postgres_url_for(tmp_path), connections=2):
            pass

    assert await rows(tmp_path, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("recipe",)]


async def test_a_place_where_no_lock_can_be_made_is_reported_with_a_remedy() -> None:
    words = r"cannot open /proc/encore\.db\.lock: .*; this process needs the right to write the file of DATABASE_URL"
    with pytest.raises(StorageUnavailable, match=words):
        async with open_storage(Path("/proc/encore.db")):
            pass


async def test_the_log_names_the_database_and_says_whether_it_is_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with caplog.at_level(logging.INFO, "storage"):
            async with open_storage(Path("data/encore.db")):
                pass

    named = [message for message in caplog.messages if message.startswith("database: /")]
    path = tmp_path / "data" / "encore.db"
    assert named == [f"database: {path} (new)", f"database: {path}"]


async def test_a_database_of_ours_that_another_program_holds_is_not_taken_for_a_foreign_one(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"):
        pass
    another_program = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
    another_program.execute("PRAGMA locking_mode = EXCLUSIVE")
    another_program.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StorageUnavailable, match="another program holds the file"):
        async with open_storage(tmp_path / "encore.db", busy_seconds=0.1):
            pass

    another_program.close()
    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.memos.get("anything") is None


def test_the_first_release_had_the_tables_that_tell_whose_database_it_is() -> None:
    schema = (Path(__file__).parents[1] / "fixtures" / "databases" / "0001.sql").read_text()

    assert all(f"CREATE TABLE {table} " in schema for table in TABLES)
