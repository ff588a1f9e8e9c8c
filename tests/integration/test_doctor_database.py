"""`encore doctor` and the database: every fault of an SQLite file and of a PostgreSQL server; nothing is changed."""

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from bot.doctor.database import check_version, look_at_database
from bot.doctor.finding import Status
from bot.doctor.machine import check_disk
from bot.settings import Settings
from storage import lock
from storage.engines.sqlite_file import open_sqlite
from storage.look import Seen, look_at_file, look_at_server
from storage.migrate import HALF_MOVED, known_migrations, migrate
from tests.support.database import SERVER, held, make_database, open_storage, postgres_url_for, rows
from tests.support.doctor import check, failed, warned

MIGRATIONS = known_migrations()
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def settings(path: Path) -> Settings:
    return Settings(discord_token="invented", suno_api_key="invented", database_path=path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "encore.db"


# An SQLite file


@pytest.mark.sqlite
async def test_a_file_that_is_not_there_yet_is_fine_and_is_not_made(path: Path) -> None:
    found, seen = await look_at_database(settings(path))

    assert found.status is Status.OK
    assert "is empty or not there yet" in found.came_back
    assert seen is not None
    assert check_version(seen).status is Status.OK
    assert not path.parent.exists()


@pytest.mark.sqlite
async def test_a_bots_file_is_fine_while_it_runs_and_when_it_does_not(path: Path) -> None:
    async with open_storage(path):
        beside, _ = await look_at_database(settings(path))
    alone, seen = await look_at_database(settings(path))

    assert beside.status is alone.status is Status.OK
    assert "can be written" in alone.came_back
    assert seen is not None
    assert seen.newest == MIGRATIONS[-1].number
    assert check_version(seen).status is Status.OK


@pytest.mark.sqlite
async def test_nothing_in_a_file_changes(path: Path) -> None:
    async with open_storage(path):
        pass
    before = path.read_bytes()

    await look_at_database(settings(path))

    assert path.read_bytes() == before


@pytest.mark.sqlite
async def test_missing_migrations_are_named_and_not_applied(path: Path) -> None:
    path.parent.mkdir()
    async with open_sqlite(path) as engine:
        await migrate(engine, MIGRATIONS[:-2])

    found, seen = await look_at_database(settings(path))

    assert found.status is Status.OK
    assert seen is not None
    warned(check_version(seen), "migrations are missing")
    assert f"{MIGRATIONS[-2].name}, {MIGRATIONS[-1].name}" in check_version(seen).came_back
    assert (await look_at_file(path)).newest == MIGRATIONS[-3].number


@pytest.mark.sqlite
async def test_a_file_of_a_later_release_is_too_new(path: Path) -> None:
    async with open_storage(path):
        pass
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO migration VALUES (9999, 'later', 0)")
        file.execute("INSERT OR REPLACE INTO memo VALUES ('compatible_from', '9999')")

    failed(check_version(await look_at_file(path)), "the database is too new")


@pytest.mark.sqlite
async def test_a_folder_in_its_place_is_noticed(path: Path) -> None:
    path.mkdir(parents=True)

    failed((await look_at_database(settings(path)))[0], "is a folder")


@pytest.mark.sqlite
async def test_another_kind_of_file_is_noticed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary,")

    failed((await look_at_database(settings(path)))[0], "is not a database")


@pytest.mark.sqlite
async def test_another_programs_database_is_noticed(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE recipes (name TEXT)")

    failed((await look_at_database(settings(path)))[0], "is a database, but not one of Encore's")


@pytest.mark.sqlite
async def test_a_place_where_nothing_can_be_written_is_noticed() -> None:
    failed((await look_at_database(settings(Path("/proc/encore.db"))))[0], "nothing can be written in")


@pytest.mark.sqlite
async def test_a_program_that_holds_the_file_is_noticed(path: Path) -> None:
    async with open_storage(path):
        pass
    async with held(path):
        failed((await look_at_database(settings(path)))[0], "another program holds the file")


@pytest.mark.sqlite
async def test_a_file_that_is_being_restored_is_noticed(path: Path) -> None:
    async with open_storage(path):
        pass
    with lock.exclusive(path):
        failed((await look_at_database(settings(path)))[0], "the database is being restored or moved")


@pytest.mark.sqlite
async def test_a_file_that_others_can_read_is_a_warning(path: Path) -> None:
    async with open_storage(path):
        pass
    path.chmod(0o644)

    warned((await look_at_database(settings(path)))[0], "other users of this machine can read or write")


@pytest.mark.sqlite
async def test_a_missing_driver_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "storage.engines.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    found, _ = await look_at_database(replace(settings(path), postgres_url="postgresql://127.0.0.1:1/encore"))

    failed(found, "PostgreSQL needs asyncpg", "pip install 'encore-bot[postgres]'")


@pytest.mark.sqlite
async def test_a_disk_that_takes_nothing_is_noticed() -> None:
    failed(await check_disk(settings(Path("/proc/encore.db"))), "nothing can be written in")


@pytest.mark.sqlite
async def test_a_lock_that_cannot_be_opened_is_noticed(path: Path) -> None:
    async with open_storage(path):
        pass
    beside = path.with_name(f"{path.name}.lock")
    beside.unlink()
    beside.mkdir()

    failed((await look_at_database(settings(path)))[0], "cannot open")


def test_a_newer_release_may_have_changed_the_database_as_long_as_this_one_can_use_it() -> None:
    newest = MIGRATIONS[-1].number
    seen = Seen(place="a database", is_new=False, newest=newest + 1, compatible_from=newest, looked_at=NOW)

    check(check_version(seen), Status.OK, "a newer Encore has changed the database")
    failed(check_version(replace(seen, compatible_from=newest + 1)), "the database is too new")


def test_a_move_that_has_not_finished_is_noticed() -> None:
    seen = Seen(place="a database", is_new=False, newest=HALF_MOVED, is_half_moved=True, looked_at=NOW)

    failed(check_version(seen), "encore move-database has not finished with this database")


# A PostgreSQL server


async def on_server(path: Path) -> Settings:
    return replace(settings(path), postgres_url=await postgres_url_for(path))


@pytest.mark.postgres
async def test_a_bots_database_is_fine_and_stays_as_it_is(path: Path) -> None:
    async with open_storage(path):
        found, seen = await look_at_database(await on_server(path))

    assert found.status is Status.OK, found
    assert seen is not None
    assert seen.clock is not None
    assert seen.size_bytes > 0
    assert check_version(seen).status is Status.OK
    assert not await rows(path, "SELECT 1 FROM pg_tables WHERE tablename = 'encore_doctor'")


@pytest.mark.postgres
async def test_an_empty_database_is_fine_and_stays_empty(path: Path) -> None:
    await make_database(path, like_new=True)

    found, seen = await look_at_database(await on_server(path))

    assert found.status is Status.OK
    assert seen is not None
    assert seen.is_new
    assert not await rows(path, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")


@pytest.mark.postgres
async def test_another_programs_tables_are_noticed(path: Path) -> None:
    await make_database(path, like_new=True)
    at_server = await on_server(path)
    connection = await asyncpg.connect(at_server.postgres_url)
    await connection.execute("CREATE TABLE recipes (name TEXT)")
    await connection.close()

    failed((await look_at_database(at_server))[0], "the database holds tables of another program")


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_is_noticed(path: Path) -> None:
    url = os.environ[SERVER].replace("/postgres?", "/nowhere?")

    found, _ = await look_at_database(replace(settings(path), postgres_url=url))

    failed(found, "create the database that DATABASE_URL names")


@pytest.mark.postgres
async def test_a_user_whom_the_server_does_not_know_is_noticed(path: Path) -> None:
    url = os.environ[SERVER].replace("//encore@", "//stranger@")

    found, _ = await look_at_database(replace(settings(path), postgres_url=url))

    failed(found, "check the user and password in DATABASE_URL")


@pytest.mark.postgres
async def test_another_collation_is_noticed(path: Path) -> None:
    server = await asyncpg.connect(os.environ[SERVER])
    await server.execute("DROP DATABASE IF EXISTS latin")
    await server.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    url = os.environ[SERVER].replace("/postgres?", "/latin?")

    found, _ = await look_at_database(replace(settings(path), postgres_url=url))

    failed(found, "does not use UTF8 with the collation C")
    await server.execute("DROP DATABASE latin WITH (FORCE)")
    await server.close()


async def test_a_server_that_does_not_answer_is_noticed(path: Path) -> None:
    url = "postgresql://encore:invented-password@127.0.0.1:1/encore"

    found, _ = await look_at_database(replace(settings(path), postgres_url=url))

    failed(found, "check that the server of DATABASE_URL runs and can be reached")
    assert "invented-password" not in f"{found.came_back} {found.remedy}"


@pytest.mark.postgres
async def test_a_user_who_may_not_make_tables_is_noticed(path: Path) -> None:
    await make_database(path, like_new=True)
    at_server = await on_server(path)
    owner = await asyncpg.connect(at_server.postgres_url)
    await owner.execute("DROP ROLE IF EXISTS guest")
    await owner.execute("CREATE ROLE guest LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    guest = replace(at_server, postgres_url=at_server.postgres_url.replace("//encore@", "//guest@"))

    failed((await look_at_database(guest))[0], "make that user the database's owner")

    await owner.execute("DROP ROLE guest")
    await owner.close()


@pytest.mark.postgres
async def test_missing_migrations_on_a_server_are_named_and_not_applied(path: Path) -> None:
    await make_database(path, like_new=True)
    at_server = await on_server(path)
    async with open_storage(path):
        pass
    owner = await asyncpg.connect(at_server.postgres_url)
    known = max(at for at, each in enumerate(MIGRATIONS) if each.compatible_from == each.number)  # then a breaking one
    await owner.execute("DELETE FROM migration WHERE number >= $1", MIGRATIONS[known].number)
    await owner.close()

    seen = await look_at_server(at_server.postgres_url)

    failed(check_version(seen), "migrations are missing")
    assert "encore upgrade-database" in check_version(seen).remedy
    assert (await look_at_server(at_server.postgres_url)).newest == MIGRATIONS[known - 1].number
