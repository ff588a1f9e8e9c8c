"""`encore move-database`: everything arrives once, nothing else is touched, and an interruption does no harm."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.patience import PATIENCE_SECONDS
from storage.engines.tables import BATCH_ROWS
from storage.errors import BackupError, DatabaseTooNew, StorageUnavailable
from storage.lock import DatabaseInUse
from storage.move import MoveError, move
from storage.storage import open_storage as open_file
from tests.support.database import connected, make_database, open_storage, postgres_url_for, rows
from tests.support.filled_database import FIRST_RELEASE, change, fill, rows_in_file, rows_on_server
from tests.support.process import ROOT, BotProcess, bot_process

pytestmark = pytest.mark.postgres

BREAK = "UPDATE job SET member_id = 'somebody' WHERE id = '00000000000000000000000000000002'"
MEND = "UPDATE job SET member_id = 1000 WHERE id = '00000000000000000000000000000002'"

BESIDE = {"encore.db", "encore.db.lock", "encore.db.before-0002_callback_bodies"}
"""The file, its lock, and the copy that was kept when the first release's file was filled and upgraded."""


@pytest.fixture
async def source(tmp_path: Path) -> Path:
    path = tmp_path / "encore.db"
    await fill(path)
    return path


@pytest.fixture
async def target(tmp_path: Path) -> Path:
    """Stands for an empty database."""
    path = tmp_path / "target"
    await make_database(path, like_new=True)
    return path


async def move_to(source: Path, target: Path) -> bool:
    """Whether rows travelled; False if they were there already."""
    return not (await move(source, await postgres_url_for(target))).was_done


async def is_moved(source: Path, target: Path) -> bool:
    """Whether the two have the same rows, compared without the move's own code."""
    expected = rows_in_file(source)
    return await rows_on_server(target, list(expected)) == expected


# What arrives


async def test_every_row_of_every_table_arrives(source: Path, target: Path) -> None:
    expected = rows_in_file(source)
    assert all(expected.values()), "fill every table, in tests/support/filled_database.py"

    moved = await move(source, await postgres_url_for(target))

    assert await rows_on_server(target, list(expected)) == expected
    assert moved.rows == {name: len(found) for name, found in expected.items()}


async def test_the_bot_carries_on_with_what_was_moved(source: Path, target: Path) -> None:
    await move_to(source, target)
    async with open_file(source) as before, open_storage(target) as after:
        assert await after.reading.jobs.live() == await before.reading.jobs.live()
        assert await after.reading.inbox.pending(limit=9) == await before.reading.inbox.pending(limit=9)


async def test_the_server_knows_at_once_how_to_find_what_was_moved(source: Path, target: Path) -> None:
    await move_to(source, target)

    (known,) = await rows(target, "SELECT count(DISTINCT tablename) FROM pg_stats WHERE tablename IN ('job', 'intake')")
    assert known == (2,)


async def test_the_file_stays_as_it_is_and_nothing_is_left_beside_it(source: Path, target: Path) -> None:
    before = source.read_bytes()

    await move_to(source, target)

    assert source.read_bytes() == before
    assert {path.name for path in source.parent.iterdir()} == BESIDE


async def test_a_file_of_the_first_release_is_moved_and_not_changed(tmp_path: Path, target: Path) -> None:
    old, updated = tmp_path / "old.db", tmp_path / "updated.db"
    change(old, FIRST_RELEASE.read_text(encoding="utf-8"))
    shutil.copy(old, updated)
    async with open_file(updated):
        pass
    before = old.read_bytes()

    assert await move_to(old, target)

    assert old.read_bytes() == before
    assert await is_moved(updated, target)


async def test_a_table_may_take_any_number_of_batches(source: Path, target: Path) -> None:
    change(
        source,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO quota_unit"
        " (job_id, member_id, day, held_ms) SELECT printf('many%07d', i), i, '2026-11-24', i FROM n;"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO quota_sum"
        " (month, guild_id, member_id, outcome, units) SELECT '2026-09', i / 1100, i, 'spent', i FROM n",
    )
    assert BATCH_ROWS < 1100

    assert await move_to(source, target)

    assert await is_moved(source, target)


async def test_nul_characters_and_lone_surrogates_are_left_out(source: Path, target: Path) -> None:
    change(
        source,
        "UPDATE track SET title = CAST(x'610062' AS TEXT), lyrics = CAST(x'c3a9eda08021' AS TEXT) WHERE position = 0;"
        "UPDATE track SET tags = 'é', track_id = CAST(x'0074' AS TEXT) || track_id WHERE position = 1",
    )

    assert await move_to(source, target)

    first, second = await rows(
        target, "SELECT DISTINCT position, title, lyrics, left(track_id, 1) FROM track ORDER BY 1"
    )
    assert (first[1], first[2].replace("\N{REPLACEMENT CHARACTER}", "")) == ("ab", "é!")
    assert second[3] == "t"


# What is refused


async def test_a_database_with_another_bots_data_is_refused_and_stays_as_it_is(source: Path, target: Path) -> None:
    async with open_storage(target) as other:
        await other.check_writable()
    before = await rows_on_server(target, ["memo", "queue", "job"])

    with pytest.raises(MoveError, match="TO already holds a bot's data: name an empty database"):
        await move_to(source, target)

    assert await rows_on_server(target, ["memo", "queue", "job"]) == before


async def test_a_database_with_another_programs_tables_is_refused(source: Path, target: Path) -> None:
    async with connected(target) as connection:
        await connection.execute("CREATE TABLE recipe (name TEXT)")

    with pytest.raises(MoveError, match="tables of another program"):
        await move_to(source, target)

    assert await rows(target, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("recipe",)]


async def test_a_file_on_which_a_bot_is_running_is_refused(source: Path, target: Path) -> None:
    async with open_file(source):
        with pytest.raises(DatabaseInUse, match=r"a bot or another .* is running on this database; stop it first"):
            await move_to(source, target)


@pytest.mark.parametrize("content", [None, b"", b"Dear diary, " * 100])
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, target: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "theirs.db").write_bytes(content)

    with pytest.raises(BackupError, match=r"theirs\.db"):
        await move_to(tmp_path / "theirs.db", target)

    assert await rows(target, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_file_of_a_later_release_is_refused(source: Path, target: Path) -> None:
    change(source, "INSERT INTO migration (number, name, applied_ms) VALUES (9000, '9000_later.sql', 1)")

    with pytest.raises(DatabaseTooNew):
        await move_to(source, target)


async def test_a_row_that_postgresql_does_not_take_is_named_by_its_table_and_nothing_is_moved(
    source: Path, target: Path
) -> None:
    change(source, BREAK)

    with pytest.raises(MoveError, match="the table job in FROM holds a row that PostgreSQL does not take"):
        await move_to(source, target)
    assert await rows(target, "SELECT id FROM job") == []

    change(source, MEND)
    assert await move_to(source, target)
    assert await is_moved(source, target)


async def test_rows_that_arrive_differently_are_noticed_and_nothing_is_moved(source: Path, target: Path) -> None:
    await interrupted_early(source, target)
    async with connected(target) as connection:
        await connection.execute(
            "CREATE RULE forgetful AS ON INSERT TO spending WHERE NEW.guild_id = 0 DO INSTEAD NOTHING"
        )

    with pytest.raises(MoveError, match="the rows of spending are not the same in TO as in FROM"):
        await move_to(source, target)

    assert await rows(target, "SELECT id FROM job") == []


# Once more


async def test_a_second_run_finds_everything_there(source: Path, target: Path) -> None:
    assert await move_to(source, target)

    assert not await move_to(source, target)
    assert await is_moved(source, target)


async def test_a_second_run_after_the_bot_has_started_changes_nothing(source: Path, target: Path) -> None:
    await move_to(source, target)
    async with open_storage(target) as storage:
        await storage.check_writable()

    with pytest.raises(MoveError, match="already holds a bot's data"):
        await move_to(source, target)


# Interruptions


@asynccontextmanager
async def moving(source: Path, target: Path) -> AsyncIterator[BotProcess]:
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    arguments = ("move-database", f"sqlite:///{source}", await postgres_url_for(target))
    async with bot_process(environ, *arguments, folder=source.parent) as process:
        yield process


async def waits_for_a_lock(target: Path) -> None:
    """Return once the move can't get on."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        " AND application_name = 'encore move-database'"
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await rows(target, waiting):  # noqa: ASYNC110  # another process's work
            await asyncio.sleep(0.02)


IN_THE_WAY = {
    "at the first row of a table": "INSERT INTO memo (name, value) VALUES ('announced', 'x')",
    "at the last row of a table": "INSERT INTO spending (day, guild_id, submissions) VALUES ('2026-11-24', 200, 1)",
    "in the middle of a table": "INSERT INTO quota_unit (job_id, member_id, day, held_ms)"
    " VALUES ('00000000000000000000000000000004', 1, '2026-11-24', 1)",
    "after everything is compared": "SELECT * FROM migration WHERE number = 0 FOR UPDATE",
}
"""What another program does, uncommitted, so that the move has to wait there: it needs the same row."""


@asynccontextmanager
async def stuck(source: Path, target: Path, point: str) -> AsyncIterator[tuple[BotProcess, Any]]:
    """A move that cannot get past `point` until the block ends, and a connection to its target."""
    await interrupted_early(source, target)
    async with connected(target) as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(IN_THE_WAY[point])
        async with moving(source, target) as process:
            await waits_for_a_lock(target)
            yield process, other
        await transaction.rollback()


@pytest.mark.parametrize("point", IN_THE_WAY)
async def test_a_move_that_is_killed_keeps_bots_away_and_can_be_run_again(
    source: Path, target: Path, point: str
) -> None:
    async with stuck(source, target, point) as (process, _):
        with pytest.raises(DatabaseInUse, match="being restored or moved"):
            async with open_file(source):
                pass
        with pytest.raises(DatabaseInUse, match="a bot or another encore move-database"):
            await move_to(source, target)
        with pytest.raises(StorageUnavailable, match="encore move-database has not finished with it; wait for it"):
            async with open_storage(target):
                pass
        process.process.kill()
        await process.exit_status()

    with pytest.raises(
        StorageUnavailable, match="encore move-database has not finished with it; wait for it, or run it"
    ):
        async with open_storage(target):
            pass
    assert await rows(target, "SELECT id FROM job") == []
    assert await move_to(source, target)
    assert await is_moved(source, target)
    assert {path.name for path in source.parent.iterdir()} == BESIDE
    async with open_storage(target) as storage:
        assert {job.state for job in await storage.reading.jobs.live()} >= {JobState.ACCEPTED}


async def test_a_move_that_is_ended_with_ctrl_c_says_that_nothing_was_moved(source: Path, target: Path) -> None:
    async with stuck(source, target, "in the middle of a table") as (process, _):
        process.process.send_signal(signal.SIGINT)
        assert await process.exit_status() == 1

    assert process.said == ["encore: stopped: interrupted: nothing was moved; run it again"]
    assert await rows(target, "SELECT id FROM job") == []
    assert await move_to(source, target)


async def interrupted_early(source: Path, target: Path) -> None:
    """As by a kill before the first row: the target is marked and has its tables."""
    change(source, BREAK)
    with pytest.raises(MoveError):
        await move_to(source, target)
    change(source, MEND)


async def test_a_move_that_is_killed_before_its_first_migration_can_be_run_again(source: Path, target: Path) -> None:
    async with connected(target) as other:
        await other.execute("CREATE TABLE migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_ms BIGINT)")
        await other.execute("INSERT INTO migration VALUES (0, 'encore move-database', 1)")

    assert await move_to(source, target)
    assert await is_moved(source, target)


async def test_a_server_that_ends_the_connection_undoes_everything(source: Path, target: Path) -> None:
    async with stuck(source, target, "in the middle of a table") as (process, other):
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'encore move-database'"
            " AND datname = current_database()"
        )
        assert await process.exit_status() == 1

    (line,) = process.said
    assert line.startswith("encore: stopped: interrupted: nothing was moved; run it again (database unavailable: ")
    assert "DATABASE_URL" not in line
    assert await move_to(source, target)


# The command


async def test_the_command_says_what_it_moved_and_what_to_do_next(source: Path, target: Path) -> None:
    tables = rows_in_file(source)
    count = sum(map(len, tables.values()))
    async with moving(source, target) as process:
        assert await process.exit_status() == 0
    async with moving(source, target) as again:
        assert await again.exit_status() == 0

    assert count > 40
    assert process.said[0].startswith(f"Copied {source}: {count} rows in {len(tables)} tables (")
    assert f"job 8, lyrics_order 2, memo {len(tables['memo'])}" in process.said[0]
    assert process.said[-1] == f"Now start the bot with DATABASE_URL={await postgres_url_for(target)}"
    assert len(process.said) == 3
    assert again.said[0].startswith(f"Everything was there already: {count} rows")
    assert again.said[1:] == process.said[1:]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("data/encore.db", "postgresql://encore@/encore"), 2, "FROM is neither"),
        (("postgresql://a@/a", "postgresql://encore@/encore"), 2, "FROM is not the address of an SQLite file"),
        (("", "postgresql://encore@/encore"), 2, "FROM is not the address of an SQLite file"),
        (("sqlite:///encore.db", "sqlite:///other.db"), 2, "TO is not the address of a PostgreSQL database"),
        (("sqlite:///encore.db", "postgresql://encore@/"), 2, "TO names no database"),
        (("sqlite:///encore.db", "postgresql://encore@db:port/encore"), 2, "TO has a port that is not a number"),
        (("sqlite:///gone.db", "postgresql://encore@/encore"), 1, "there is no file"),
        (("sqlite:///.", "postgresql://encore@/encore"), 1, "which is a folder: name the file in it"),
        (("sqlite:///encore.db", "postgresql://encore:invented-secret@127.0.0.1:1/x"), 1, "the server of TO runs"),
        (("sqlite:///encore.db", "postgresql://encore@/x?sslmode=invented"), 1, "TO: `sslmode`"),
    ],
)
async def test_a_wrong_address_is_one_line(source: Path, arguments: tuple[str, str], status: int, words: str) -> None:
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    async with bot_process(environ, "move-database", *arguments, folder=source.parent) as process:
        assert await process.exit_status() == status

    (line,) = process.said
    assert words in line
    assert "invented-secret" not in line


async def test_a_database_that_does_not_exist_is_one_line(source: Path, target: Path) -> None:
    url = (await postgres_url_for(target)).replace("@/t", "@/nowhere_t")
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    async with bot_process(environ, "move-database", f"sqlite:///{source}", url, folder=source.parent) as process:
        assert await process.exit_status() == 1

    (line,) = process.said
    assert "create the database that TO names; docs/operating.md has the command" in line
