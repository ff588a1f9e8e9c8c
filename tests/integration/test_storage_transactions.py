"""What `SqliteEngine.transaction` promises, on real files: all or nothing, together, and durable."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from storage.engines.base import Connection, Many, Query, Script
from storage.engines.sqlite import SqliteEngine
from storage.engines.sqlite_file import open_sqlite
from storage.errors import Conflict, StorageUnavailable

ADD = "INSERT INTO note (name) VALUES ($1)"


@asynccontextmanager
async def notes(tmp_path: Path, *, busy_seconds: float = 5) -> AsyncIterator[SqliteEngine]:
    """A database with one table of names."""
    async with open_sqlite(tmp_path / "notes.db", busy_seconds=busy_seconds) as database:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS note (name TEXT NOT NULL PRIMARY KEY)")
        yield database


async def names(database: SqliteEngine) -> list[str]:
    return [row["name"] for row in await database.reading.fetch_all("SELECT name FROM note ORDER BY name")]


async def add(database: SqliteEngine, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(ADD, name)


def adding(*names: str) -> Script[None]:
    yield Many(ADD, [(name,) for name in names])


def count_commits(path: Path) -> int:
    """The commits in the log, counted in the file itself: a frame that ends a commit gives the database's size."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page_size = int.from_bytes(log[8:12], "big")
    frames = range(32, len(log) - 23, page_size + 24)
    return sum(int.from_bytes(log[start + 4 : start + 8], "big") > 0 for start in frames)


async def test_the_other_connection_reads_committed_data(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        await add(database, "one")

        assert await names(database) == ["one"]


async def test_nobody_else_reads_uncommitted_data(tmp_path: Path) -> None:
    async with notes(tmp_path) as database, database.transaction() as connection:
        await connection.execute(ADD, "one")

        assert await names(database) == []


async def test_an_error_undoes_the_transaction(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:

        async def fails() -> None:
            async with database.transaction() as connection:
                await connection.execute(ADD, "one")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fails()

        await add(database, "two")
        assert await names(database) == ["two"]


async def test_a_broken_constraint_undoes_only_its_own_part_of_the_group(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        results = await asyncio.gather(
            add(database, "one"), add(database, "one"), add(database, "two"), return_exceptions=True
        )

        assert [type(result) for result in results] == [type(None), Conflict, type(None)]
        assert await names(database) == ["one", "two"]


async def test_a_hundred_transactions_share_few_commits(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        before = count_commits(tmp_path / "notes.db")

        await asyncio.gather(*(add(database, f"{number:03}") for number in range(100)))

        assert len(await names(database)) == 100
        assert count_commits(tmp_path / "notes.db") - before == 1


async def test_it_is_on_disk_when_the_block_ends(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        await add(database, "one")

        # Another connection, while ours is open: it sees only what was committed to the file.
        other = sqlite3.connect(tmp_path / "notes.db")
        try:
            assert other.execute("SELECT name FROM note").fetchall() == [("one",)]
        finally:
            other.close()


async def test_cancellation_in_the_middle_of_a_statement_undoes_only_this_part(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        entered = asyncio.Event()

        async def cancelled_part() -> None:
            async with database.transaction() as connection:
                await connection.execute(ADD, "cancelled")
                entered.set()
                # Long enough to be cancelled midway; it still runs to its end in SQLite's thread.
                await connection.execute(
                    "INSERT INTO note (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                    " WHERE i < 300000) SELECT 'n' || max(i) FROM n"
                )

        async with asyncio.timeout(20):
            task = asyncio.create_task(cancelled_part())
            await entered.wait()
            others = [asyncio.create_task(add(database, name)) for name in ("one", "two")]
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.gather(*others)

            assert await names(database) == ["one", "two"]


async def test_cancelling_at_any_step_loses_no_commit_and_stays_all_or_nothing(tmp_path: Path) -> None:
    """One of four is cancelled after 0, 1, 2, ... rounds of the loop: the others are kept, it is whole or absent."""

    async def pair(database: SqliteEngine, name: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(ADD, name + "-a")
            await connection.execute(ADD, name + "-b")

    async with notes(tmp_path) as database, asyncio.timeout(60):
        for rounds in range(60):
            tasks = [asyncio.create_task(pair(database, f"{rounds}-{number}")) for number in range(4)]
            for _ in range(rounds):
                await asyncio.sleep(0)
            tasks[rounds % 4].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)

            found = {name for name in await names(database) if name.startswith(f"{rounds}-")}
            for number, result in enumerate(results):
                both = {f"{rounds}-{number}-a", f"{rounds}-{number}-b"}
                assert found & both in ((both,) if result is None else (set(), both))
                assert result is None or isinstance(result, asyncio.CancelledError)
        await add(database, "still works")


async def test_cancelling_a_task_that_waits_for_its_turn_disturbs_nobody(tmp_path: Path) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(20):
        async with database.transaction() as connection:
            await connection.execute(ADD, "first")
            waiting = [asyncio.create_task(add(database, f"{number}")) for number in range(10)]
            await asyncio.sleep(0)
            for task in waiting[::2]:
                task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

        assert await names(database) == ["1", "3", "5", "7", "9", "first"]


async def test_a_connection_cannot_be_used_after_its_transaction(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        async with database.transaction() as connection:
            kept: Connection = connection

        with pytest.raises(RuntimeError):
            await kept.execute(ADD, "late")
        assert await names(database) == []


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
            async with asyncio.timeout(8):
                results = await asyncio.gather(
                    *(add(database, f"{number}") for number in range(20)), return_exceptions=True
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


@pytest.mark.parametrize("earlier", [0, 1, 2])
async def test_if_sqlite_gives_up_the_whole_transaction_every_task_in_the_group_gets_an_error(
    tmp_path: Path, earlier: int
) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(20):

        async def gives_up() -> None:
            async with database.transaction() as connection:
                await connection.execute(ADD, "one")
                with pytest.raises(Conflict):
                    # As SQLite itself does on some disk errors.
                    await connection.execute("INSERT OR ROLLBACK INTO note (name) VALUES ('one')")
                # Outside of any transaction this would be kept.
                await connection.execute(ADD, "astray")

        results = await asyncio.gather(
            *(add(database, f"lost-{number}") for number in range(earlier)),
            gives_up(),
            add(database, "later"),
            return_exceptions=True,
        )

        assert [type(result) for result in results] == [StorageUnavailable] * (earlier + 1) + [type(None)]
        assert await names(database) == ["later"]


async def test_a_transaction_that_sqlite_gave_up_is_an_error_even_if_its_task_continues(tmp_path: Path) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(20):

        async def goes_on() -> None:
            async with database.transaction() as connection:
                await connection.execute(ADD, "one")
                with suppress(Conflict):
                    await connection.execute("INSERT OR ROLLBACK INTO note (name) VALUES ('one')")

        results = await asyncio.gather(goes_on(), add(database, "later"), return_exceptions=True)

        assert [type(result) for result in results] == [StorageUnavailable, type(None)]
        assert await names(database) == ["later"]


async def test_a_failed_commit_is_an_error_for_all_and_keeps_nothing(tmp_path: Path) -> None:
    async with notes(tmp_path) as database, asyncio.timeout(20):
        async with database.transaction() as connection:
            await connection.execute(
                "CREATE TABLE child (name TEXT REFERENCES note (name) DEFERRABLE INITIALLY DEFERRED)"
            )

        async def orphan() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO child (name) VALUES ('nobody')")

        results = await asyncio.gather(add(database, "one"), orphan(), return_exceptions=True)

        assert [type(result) for result in results] == [StorageUnavailable, StorageUnavailable]
        assert await names(database) == []
        await add(database, "two")
        assert await names(database) == ["two"]


async def test_closing_waits_for_the_commit_under_way(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def part() -> None:
            async with database.transaction() as connection:
                await connection.execute(ADD, "one")
                entered.set()
                await leave.wait()

        task = asyncio.create_task(part())
        await entered.wait()
        leave.set()
    await task

    async with notes(tmp_path) as database:
        assert await names(database) == ["one"]


async def test_reading_cannot_write(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        with pytest.raises(StorageUnavailable, match="readonly"):
            await database.reading.execute(ADD, "one")


async def test_wrong_sql_does_not_count_as_an_outage(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        with pytest.raises(sqlite3.OperationalError):
            await database.reading.execute("SELECT nothing FROM nowhere")


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


async def test_only_its_owner_can_read_the_file_and_its_log(tmp_path: Path) -> None:
    async with notes(tmp_path):
        files = sorted(tmp_path.iterdir())

        assert [file.name for file in files] == ["notes.db", "notes.db-shm", "notes.db-wal"]
        assert {file.stat().st_mode & 0o077 for file in files} == {0}


async def test_each_commit_is_synced(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        settings = [
            next(iter(await database._writer.execute_fetchall(f"PRAGMA {name}")))[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

        assert settings == ["wal", 2, 1]


async def test_a_hanging_write_is_noticed_without_writing(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "notes.db", hanging_seconds=0) as database:
        assert database.is_writable
        async with database.transaction():
            assert not database.is_writable
        assert database.is_writable


async def test_a_commit_for_several_tasks_that_hangs_is_noticed_as_well(tmp_path: Path) -> None:
    """Each of three tasks comes before the one ahead of it leaves, so a task of its own commits for the first two."""
    inside, leave = ([asyncio.Event() for _ in range(3)] for _ in range(2))
    hangs, may_end = threading.Event(), threading.Event()

    def hang(statement: str) -> None:
        if statement == "COMMIT":
            hangs.set()
            may_end.wait(20)

    async def write(number: int) -> None:
        async with database.transaction() as connection:
            await connection.execute("SELECT 1")
            inside[number].set()
            await leave[number].wait()

    async with open_sqlite(tmp_path / "notes.db", hanging_seconds=0) as database, asyncio.timeout(20):
        await database._writer.set_trace_callback(hang)
        tasks = [asyncio.create_task(write(0))]
        for number in range(2):
            await inside[number].wait()
            tasks.append(asyncio.create_task(write(number + 1)))
            await asyncio.sleep(0)  # it stands in line now
            leave[number].set()
        try:
            await asyncio.to_thread(hangs.wait)
            assert not inside[2].is_set()
            assert not database.is_writable
        finally:
            may_end.set()
            leave[2].set()
            await asyncio.gather(*tasks)
        assert database.is_writable


async def test_a_transaction_in_one_piece_is_whole_and_waits_its_turn(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:

        def add_two() -> Script[int]:
            yield Many(ADD, [("one",), ("two",)])
            return len((yield Query("SELECT name FROM note")))

        counts = await asyncio.gather(add(database, "zero"), database.write_at_once(add_two), add(database, "three"))

        assert counts[1] == 3
        assert await names(database) == ["one", "three", "two", "zero"]


async def test_a_transaction_in_one_piece_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        await add(database, "one")

        with pytest.raises(Conflict):
            await database.write_at_once(lambda: adding("two", "one"))

        await add(database, "three")
        assert await names(database) == ["one", "three"]


async def test_a_transaction_in_one_piece_waits_for_another_process_but_not_for_ever(tmp_path: Path) -> None:
    async with notes(tmp_path, busy_seconds=0.3) as database, asyncio.timeout(20):
        other = sqlite3.connect(tmp_path / "notes.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="locked"):
                await database.write_at_once(lambda: adding("one"))
            asyncio.get_running_loop().call_later(0.05, other.execute, "ROLLBACK")

            await database.write_at_once(lambda: adding("one"))
        finally:
            other.close()

        assert await names(database) == ["one"]
