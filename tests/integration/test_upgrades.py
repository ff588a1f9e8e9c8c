"""A newer release changes the database: what is kept, who can still run on it, and who is refused."""

import asyncio
import logging
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.patience import PATIENCE_SECONDS
from storage import upgrade
from storage.engines.base import Engine
from storage.engines.opening import open_server
from storage.engines.sqlite_file import open_sqlite
from storage.errors import BackupError, DatabaseTooNew, UpgradeNeeded
from storage.lock import DatabaseInUse
from storage.migrate import WITHOUT_PROMISE, Migration, known_migrations, migrate, statements
from storage.restore import restore
from storage.storage import SqlStorage
from storage.upgrade import keep_copy, refuse_breaking, upgrade_server
from tests.support.database import make_database, on_postgres, open_storage, postgres_url_for
from tests.support.process import ROOT
from tests.support.storage_samples import a_job

KNOWN = known_migrations()
NEXT = KNOWN[-1].number + 1
PROMISE = ("-- Compatible from: ", "\nALTER TABLE job ADD COLUMN mood TEXT;")
ADDED = Migration(
    NEXT, f"{NEXT:04}_mood.sql", f"-- Compatible from: {NEXT - 1:04}\nALTER TABLE job ADD COLUMN mood TEXT;"
)
KILLED_WHILE_IT_COPIES = """
import asyncio, os, sys
from pathlib import Path
from storage.storage import open_storage
os.link = lambda *_, **__: os._exit(9)
asyncio.run(open_storage(Path(sys.argv[1])).__aenter__())
"""
RENAMED = Migration(NEXT, f"{NEXT:04}_place.sql", "-- Renamed.\nALTER TABLE job RENAME COLUMN turn TO round;")


@asynccontextmanager
async def engine(path: Path) -> AsyncIterator[Engine]:
    """The database that `path` stands for, as it is."""
    if not on_postgres():
        async with open_sqlite(path) as opened:
            yield opened
        return
    await make_database(path, like_new=True)
    async with open_server(await postgres_url_for(path), connections=2, name="the test") as server:
        yield server


async def upgraded(path: Path, *more: Migration, known: Sequence[Migration] = KNOWN) -> None:
    """As a newer release that knows `more` leaves it."""
    async with engine(path) as opened:
        await migrate(opened, [*known, *more])


async def used(storage: SqlStorage) -> None:
    job = a_job()
    async with storage.transaction() as work:
        await work.jobs.insert(job)
    assert await storage.reading.jobs.live() == [job]


async def test_this_release_runs_on_the_database_of_a_newer_one_that_only_added_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await upgraded(tmp_path / "encore.db", ADDED)

    async with open_storage(tmp_path / "encore.db") as storage:
        await used(storage)

    assert f"a newer release has changed it (migration {NEXT:04}); this one can still run on it" in caplog.text


async def test_a_database_that_is_too_new_is_refused_with_what_to_do(tmp_path: Path) -> None:
    await upgraded(tmp_path / "encore.db", RENAMED)

    with pytest.raises(DatabaseTooNew) as refused:
        async with open_storage(tmp_path / "encore.db"):
            pass

    assert str(refused.value) == (
        f"the database was changed by a newer release: it has migration {NEXT:04} and needs a release that knows"
        f" {NEXT:04}, but this one knows up to {NEXT - 1:04}. Start the newer release, or restore a backup from before"
        " it (docs/upgrading.md)"
    )


async def test_a_later_addition_does_not_make_an_earlier_change_compatible(tmp_path: Path) -> None:
    later = Migration(NEXT + 1, "later.sql", f"-- Compatible from: {NEXT:04}\nALTER TABLE job ADD COLUMN mood TEXT;")
    await upgraded(tmp_path / "encore.db", RENAMED, later)

    with pytest.raises(DatabaseTooNew, match=f"needs a release that knows {NEXT:04}"):
        async with open_storage(tmp_path / "encore.db"):
            pass


async def test_the_newer_release_starts_on_it_again(tmp_path: Path) -> None:
    for _ in range(2):
        await upgraded(tmp_path / "encore.db", ADDED)

    async with engine(tmp_path / "encore.db") as opened:
        row = await opened.reading.fetch_one("SELECT value FROM memo WHERE name = 'compatible_from'")

    assert row
    assert row["value"] == str(NEXT - 1)


async def test_processes_that_start_at_once_on_an_empty_database_all_start(tmp_path: Path) -> None:
    """None of them sees a database that another has filled in part, and takes it for an old one."""
    await make_database(tmp_path / "encore.db", like_new=True)

    async def started() -> None:
        async with open_storage(tmp_path / "encore.db") as storage:
            await storage.check_writable()

    await asyncio.gather(*(started() for _ in range(4)))

    assert list(tmp_path.glob("*before*")) == []


@pytest.mark.sqlite
async def test_an_upgrade_that_fails_leaves_nothing_of_its_earlier_steps(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db") as storage:
        promised = await storage.reading.memos.get("compatible_from")
    broken = Migration(NEXT + 1, "broken.sql", "ALTER TABLE nowhere ADD COLUMN mood TEXT;")

    with pytest.raises(sqlite3.OperationalError):
        await upgraded(tmp_path / "encore.db", ADDED, broken)

    async with open_storage(tmp_path / "encore.db") as storage:
        await used(storage)
        assert await storage.reading.memos.get("compatible_from") == promised


@pytest.mark.sqlite
async def test_an_upgrade_keeps_a_copy_from_before_it_that_can_be_restored(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path, known=KNOWN[:-1])
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO memo VALUES ('mark', 'kept')")
        file.commit()

    async with open_storage(path):
        pass
    copy = path.with_name(f"encore.db.before-{KNOWN[-1].name.removesuffix('.sql')}")

    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT max(number) FROM migration").fetchone() == (KNOWN[-2].number,)
    assert copy.stat().st_mode & 0o777 == 0o600
    await restore(copy, path)
    async with open_storage(path) as storage:
        assert await storage.reading.memos.get("mark") == "kept"


@pytest.mark.sqlite
async def test_a_start_without_an_upgrade_copies_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_storage(tmp_path / "encore.db"):
            pass

    assert list(tmp_path.glob("*before*")) == []


@pytest.mark.sqlite
async def test_the_latest_three_copies_are_kept_and_nothing_else_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    others = [path.with_name(name) for name in ("encore.db.before-20261129-120000", "other.db.before-0001_one")]
    for other in others:
        other.touch()
    await upgraded(path)
    for number in range(20, 25):
        await keep_copy(path, [Migration(number, f"{number:04}_step.sql", "")])

    kept = {file.name for file in tmp_path.iterdir()} - {other.name for other in others}
    assert kept == {"encore.db", *(f"encore.db.before-{number:04}_step" for number in (22, 23, 24))}
    assert all(other.exists() for other in others)


@pytest.mark.sqlite
async def test_the_copy_just_made_stays_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path)
    for number in (20, 21, 22):
        await keep_copy(path, [Migration(number, f"{number:04}_step.sql", "")])
        ahead = time.time() + number * 86_400
        os.utime(path.with_name(f"encore.db.before-{number:04}_step"), (ahead, ahead))
    await keep_copy(path, [Migration(23, "0023_step.sql", "")])

    kept = sorted(file.name for file in tmp_path.iterdir() if "before" in file.name)
    assert kept == [f"encore.db.before-{number:04}_step" for number in (21, 22, 23)]


@pytest.mark.sqlite
async def test_a_start_that_is_killed_while_it_copies_leaves_nothing_to_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path, known=KNOWN[:-1])
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_WHILE_IT_COPIES, str(path), cwd=ROOT)
    assert await process.wait() == 9
    assert [*tmp_path.glob(".*.part")]

    async with open_storage(path):
        pass
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.sqlite
async def test_a_process_that_starts_while_another_copies_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "GROWING_SECONDS", 600)  # so it ends for no other reason
    path = tmp_path / "encore.db"
    is_waiting = asyncio.Event()

    def hear(record: logging.LogRecord) -> bool:
        if "waiting for another process that copies it" in record.getMessage():
            is_waiting.set()
        return True

    await upgraded(path)
    half = path.with_name(f".{path.name}.before-{NEXT:04}_mood.0123abcd")

    async def started() -> None:
        async with open_storage(path, busy_seconds=0.1) as storage:
            await storage.check_writable()

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        half.touch()
        logging.getLogger("storage.upgrade").addFilter(hear)
        starting = asyncio.create_task(started())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_waiting.wait()
            other.execute("ROLLBACK")
            half.unlink()
            await starting
        logging.getLogger("storage.upgrade").removeFilter(hear)


@pytest.mark.sqlite
async def test_two_processes_that_upgrade_at_once_both_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither has begun to copy when the other looks."""
    monkeypatch.setattr(upgrade, "GROWING_SECONDS", 600)
    caplog.set_level(logging.DEBUG, "storage.engines.base")
    path = tmp_path / "encore.db"
    await upgraded(path, known=KNOWN[:-1])
    half = path.with_name(f".{path.name}.before-{NEXT:04}_mood.0123abcd")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def begin_to_copy(record: logging.LogRecord) -> bool:
            if "database is locked" in record.getMessage():
                half.touch()
            elif "waiting for another process" in record.getMessage():
                other.execute("ROLLBACK")
                half.unlink()
            return True

        for name in ("storage.engines.base", "storage.upgrade"):
            logging.getLogger(name).addFilter(begin_to_copy)
        async with asyncio.timeout(PATIENCE_SECONDS), open_storage(path, busy_seconds=0.1) as storage:
            await used(storage)
        for name in ("storage.engines.base", "storage.upgrade"):
            logging.getLogger(name).removeFilter(begin_to_copy)


@pytest.mark.sqlite
async def test_a_half_copy_of_long_ago_holds_up_no_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "encore.db"
    half = path.with_name(f".{path.name}.before-{NEXT:04}_mood.0123abcd")
    half.touch()
    os.utime(half, (1, 1))

    async with open_storage(path) as storage:
        await used(storage)
    assert "waiting" not in caplog.text


@pytest.mark.sqlite
async def test_a_copy_of_an_earlier_try_is_replaced_by_the_newer_state(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path)
    await keep_copy(path, [RENAMED])
    with closing(sqlite3.connect(path)) as file:
        file.execute("INSERT INTO memo VALUES ('mark', 'since then')")
        file.commit()
    await keep_copy(path, [RENAMED])

    with closing(sqlite3.connect(path.with_name(f"encore.db.before-{NEXT:04}_place"))) as file:
        assert file.execute("SELECT value FROM memo WHERE name = 'mark'").fetchone() == ("since then",)


@pytest.mark.sqlite
async def test_a_database_that_cannot_be_copied_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path, known=KNOWN[:-1])
    path.with_name(f"encore.db.before-{KNOWN[-1].name.removesuffix('.sql')}").mkdir()  # in the way

    with pytest.raises(BackupError, match=r"cannot keep .*encore\.db\.before-"):
        async with open_storage(path):
            pass

    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT max(number) FROM migration").fetchone() == (KNOWN[-2].number,)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.postgres
async def test_on_postgresql_a_start_only_adds_what_older_processes_can_live_with(tmp_path: Path) -> None:
    path = tmp_path / "encore.db"
    breaking = max(at for at, each in enumerate(KNOWN) if each.compatible_from == each.number)
    await upgraded(path, known=KNOWN[:breaking])

    with pytest.raises(UpgradeNeeded, match="run encore upgrade-database"):
        async with open_storage(path):
            pass

    assert await upgrade_server(await postgres_url_for(path)) == [each.name for each in KNOWN[breaking:]]
    assert await upgrade_server(await postgres_url_for(path)) == []
    async with open_storage(path) as storage:
        await used(storage)


@pytest.mark.postgres
async def test_a_database_is_not_upgraded_under_a_running_bot(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"):
        with pytest.raises(DatabaseInUse, match="a bot is connected"):
            await upgrade_server(await postgres_url_for(tmp_path / "encore.db"))


@pytest.mark.postgres
async def test_a_bot_that_starts_just_before_an_upgrade_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "encore.db"
    await upgraded(path, known=KNOWN[:-1])
    url = await postgres_url_for(path)

    async def migrate_beside_a_bot(*given: Any, **more: Any) -> None:  # noqa: ANN401  # those of `migrate`
        async with open_server(url, connections=2, name="encore"):
            await migrate(*given, **more)

    monkeypatch.setattr(upgrade, "migrate", migrate_beside_a_bot)
    with pytest.raises(DatabaseInUse, match="a bot is connected"):
        await upgrade_server(url)

    monkeypatch.undo()
    assert await upgrade_server(url) == [KNOWN[-1].name]


@pytest.mark.postgres
async def test_an_empty_database_is_left_to_the_bot(tmp_path: Path) -> None:
    await make_database(tmp_path / "encore.db", like_new=True)

    with pytest.raises(BackupError, match="the bot fills it"):
        await upgrade_server(await postgres_url_for(tmp_path / "encore.db"))


def test_a_rolling_upgrade_may_add_but_not_change() -> None:
    after = Migration(
        NEXT + 1, "after.sql", f"-- Compatible from: {NEXT:04}\nCREATE TABLE vote (id INTEGER PRIMARY KEY);"
    )
    refuse_breaking([ADDED])
    refuse_breaking([Migration(NEXT, "one.sql", ADDED.sql), Migration(NEXT + 1, "two.sql", ADDED.sql)])
    with pytest.raises(UpgradeNeeded):
        refuse_breaking([RENAMED])
    with pytest.raises(UpgradeNeeded):
        refuse_breaking([ADDED, after])  # a release from before ADDED can't run on it


def adds(statement: str) -> bool:
    """Whether a release that doesn't know of it can go on: a table, an index, or a column that it need not fill."""
    words = " ".join(line.partition("--")[0].strip() for line in statement.splitlines()).strip()
    if words.startswith(("CREATE TABLE ", "CREATE INDEX ")):
        return True
    is_column = words.startswith("ALTER TABLE ") and " ADD COLUMN " in words
    return is_column and ("NOT NULL" not in words or "DEFAULT" in words)


def test_a_migration_that_promises_compatibility_only_adds() -> None:
    """Anything else needs a look at every statement of the older release: extend this test with the reason."""
    promising = [each for each in KNOWN if each.compatible_from < each.number]

    assert [each.name for each in promising if not all(map(adds, statements(each.sql)))] == []
    assert all(map(adds, statements(ADDED.sql)))
    assert not any(map(adds, statements(RENAMED.sql)))
    assert not adds("ALTER TABLE job ADD COLUMN mood TEXT NOT NULL;")
    assert adds("-- Why.\nALTER TABLE job ADD COLUMN mood TEXT NOT NULL DEFAULT '';")
    assert not adds("UPDATE job SET mood = '';")


def test_each_new_migration_says_from_which_one_on_a_release_can_run_on_it() -> None:
    silent = [each.name for each in KNOWN if each.number > WITHOUT_PROMISE and "-- Compatible from: " not in each.sql]

    assert silent == [], "add a line “-- Compatible from: NNNN”: its own number, or that of an older release's newest"
