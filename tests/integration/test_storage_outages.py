"""What `Database` does when the disk, another process or SQLite itself fails it."""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.base import Connection
from storage.engines.sqlite_file import open_sqlite
from storage.errors import Conflict, StorageUnavailable
from tests.support.notes import ADD, add, adding, names, notes

pytestmark = pytest.mark.sqlite

MEMORY = 2
"""As SQLite gives `PRAGMA temp_store`."""


async def test_a_locked_database_is_reported_and_works_again_once_it_is_free(tmp_path: Path) -> None:
    async with notes(tmp_path, busy_seconds=0.3) as database:
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="database is locked") as raised:
                await add(database, "one")
            assert "\n" not in str(raised.value)
            other.execute("COMMIT")
        finally:
            other.close()

        await add(database, "two")
        assert await names(database) == ["two"]


async def test_queued_tasks_wait_for_a_locked_database_together(tmp_path: Path) -> None:
    async with notes(tmp_path, busy_seconds=1) as database:
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(PATIENCE_SECONDS):
                results = await asyncio.gather(
                    *(add(database, f"{number}") for number in range(100)), return_exceptions=True
                )
        finally:
            other.close()

        assert all(isinstance(result, StorageUnavailable) for result in results)


async def test_a_transaction_waits_out_a_short_lock_of_another_process(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(add(database, "one"))
            done, _ = await asyncio.wait([waiting], timeout=0.5)  # longer than one wait inside SQLite
            assert not done
            other.execute("COMMIT")
            await waiting
        finally:
            other.close()

        assert await names(database) == ["one"]


async def test_a_full_disk_is_reported_and_works_again_once_there_is_room(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        await database._writer.execute_fetchall("PRAGMA max_page_count = 1")  # not less than it already has

        with pytest.raises(StorageUnavailable, match="full"):
            await add(database, "x" * 100_000)
        await database._writer.execute_fetchall("PRAGMA max_page_count = 100000")

        await add(database, "small")
        assert await names(database) == ["small"]


async def test_temporary_files_are_kept_in_memory_so_a_full_tmpdir_does_no_harm(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:

        async def temp_store(connection: Connection) -> int:
            row = await connection.fetch_one("PRAGMA temp_store")
            assert row
            return int(row["temp_store"])

        assert await database.write(temp_store) == MEMORY
        assert await temp_store(database.reading) == MEMORY


@pytest.mark.parametrize("earlier", [0, 1, 2])
async def test_if_sqlite_gives_up_the_whole_transaction_every_task_in_the_group_gets_an_error(
    tmp_path: Path, earlier: int
) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(PATIENCE_SECONDS):

        async def gives_up(connection: Connection) -> None:
            await connection.execute(ADD, "one")
            with pytest.raises(Conflict):
                # As SQLite itself does on some disk errors.
                await connection.execute("INSERT OR ROLLBACK INTO note (name) VALUES ('one')")
            # Outside of any transaction this would be kept.
            await connection.execute(ADD, "astray")

        results = await asyncio.gather(
            *(add(database, f"lost-{number}") for number in range(earlier)),
            database.write(gives_up),
            add(database, "with it"),
            return_exceptions=True,
        )
        await add(database, "later")

        assert [type(result) for result in results] == [StorageUnavailable] * (earlier + 2)
        assert await names(database) == ["later"]


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_a_transaction_that_sqlite_gave_up_is_an_error_even_if_its_task_continues(
    tmp_path: Path, in_one_piece: bool
) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(PATIENCE_SECONDS):

        async def goes_on(connection: Connection) -> None:
            await connection.execute(ADD, "one")
            with suppress(Conflict):
                await connection.execute("INSERT OR ROLLBACK INTO note (name) VALUES ('one')")

        async def as_block() -> None:
            async with database.transaction() as connection:
                await goes_on(connection)

        with pytest.raises(StorageUnavailable):
            await (database.write(goes_on) if in_one_piece else as_block())

        await add(database, "later")
        assert await names(database) == ["later"]


async def test_a_failed_commit_is_an_error_for_all_and_keeps_nothing(tmp_path: Path) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(PATIENCE_SECONDS):
        async with database.transaction() as connection:
            await connection.execute(
                "CREATE TABLE child (name TEXT REFERENCES note (name) DEFERRABLE INITIALLY DEFERRED)"
            )

        async def orphan(connection: Connection) -> None:
            await connection.execute("INSERT INTO child (name) VALUES ('nobody')")

        results = await asyncio.gather(add(database, "one"), database.write(orphan), return_exceptions=True)

        assert [type(result) for result in results] == [StorageUnavailable, StorageUnavailable]
        assert await names(database) == []
        await add(database, "two")
        assert await names(database) == ["two"]


async def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_bytes(b"Dear reader, " * 1000)

    with pytest.raises(StorageUnavailable, match="not a database"):
        async with open_sqlite(tmp_path / "letter.db"):
            pass


async def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageUnavailable, match="cannot make the file"):
        async with open_sqlite(tmp_path / "file" / "notes.db"):
            pass


async def test_a_hanging_write_is_noticed_without_writing(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "notes.db", hanging_seconds=0) as database:
        assert database.is_writable
        async with database.transaction():
            assert not database.is_writable
        assert database.is_writable


async def test_a_commit_that_hangs_is_noticed_as_well(tmp_path: Path) -> None:
    hangs, may_end = threading.Event(), threading.Event()

    def hang(statement: str) -> None:
        if statement == "COMMIT":
            hangs.set()
            may_end.wait(20)

    async def look(connection: Connection) -> None:
        await connection.execute("SELECT 1")

    async with open_sqlite(tmp_path / "notes.db", hanging_seconds=0) as database, asyncio.timeout(PATIENCE_SECONDS):
        await database._writer.set_trace_callback(hang)
        writing = asyncio.create_task(database.write(look))
        try:
            await asyncio.to_thread(hangs.wait)
            assert not database.is_writable
        finally:
            may_end.set()
            await writing
        assert database.is_writable


async def test_a_transaction_in_one_piece_waits_for_another_process_but_not_for_ever(tmp_path: Path) -> None:
    async with notes(tmp_path, busy_seconds=0.3) as database, asyncio.timeout(PATIENCE_SECONDS):
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="locked"):
                await database.write(adding("one"))
            asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")

            await database.write(adding("one"))
        finally:
            other.close()

        assert await names(database) == ["one"]
