"""What the transactions of `SqliteEngine` promise, on real files: all or nothing, together, and durable."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.base import Connection
from storage.engines.sqlite import SqliteEngine
from storage.errors import Conflict, StorageUnavailable
from tests.support.notes import ADD, add, adding, names, notes

pytestmark = pytest.mark.sqlite


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

        async with asyncio.timeout(PATIENCE_SECONDS):
            task = asyncio.create_task(cancelled_part())
            await entered.wait()
            others = [asyncio.create_task(add(database, name)) for name in ("one", "two")]
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.gather(*others)

            assert await names(database) == ["one", "two"]


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_cancelling_at_any_step_loses_no_commit_and_stays_all_or_nothing(
    tmp_path: Path, in_one_piece: bool
) -> None:
    """One of four is cancelled after 0, 1, 2, ... rounds of the loop: the others are kept, it is whole or absent."""

    async def pair(database: SqliteEngine, name: str) -> None:
        if in_one_piece:
            await database.write(adding(name + "-a", name + "-b"))
            return
        async with database.transaction() as connection:
            await connection.execute(ADD, name + "-a")
            await connection.execute(ADD, name + "-b")

    async with notes(tmp_path) as database, asyncio.timeout(PATIENCE_SECONDS):
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
    async with notes(tmp_path) as database, asyncio.timeout(PATIENCE_SECONDS):
        async with database.transaction() as connection:
            await connection.execute(ADD, "first")
            waiting = [asyncio.create_task(add(database, f"{number}")) for number in range(10)]
            await asyncio.sleep(0)
            for task in waiting[::2]:
                task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

        assert await names(database) == ["1", "3", "5", "7", "9", "first"]


async def test_a_piece_awaits_nothing_but_its_connection(tmp_path: Path) -> None:
    async def waits(connection: Connection) -> None:
        await connection.execute(ADD, "one")
        await asyncio.sleep(0)

    async with notes(tmp_path) as database:
        with pytest.raises(RuntimeError, match="nothing but its connection"):
            await database.write(waits)

        assert await names(database) == []


async def test_reading_in_one_piece_cannot_write(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        with pytest.raises(StorageUnavailable, match="readonly"):
            await database.read(adding("one"))


async def test_a_connection_cannot_be_used_after_its_transaction(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        async with database.transaction() as connection:
            kept: Connection = connection

        with pytest.raises(RuntimeError):
            await kept.execute(ADD, "late")
        assert await names(database) == []


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


async def test_transactions_in_one_piece_run_in_the_order_of_their_calls(tmp_path: Path) -> None:
    async def count(connection: Connection) -> int:
        return len(await connection.fetch_all("SELECT name FROM note"))

    async with notes(tmp_path) as database:
        results = await asyncio.gather(
            add(database, "one"),
            database.write(count),
            database.write(adding("two", "three")),
            database.write(count),
        )

        assert list(results) == [None, 1, None, 3]


async def test_a_transaction_in_one_piece_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with notes(tmp_path) as database:
        await add(database, "one")

        with pytest.raises(Conflict):
            await database.write(adding("two", "one"))

        await add(database, "three")
        assert await names(database) == ["one", "three"]
