"""A PostgreSQL database that was set back to an earlier time: nothing is paid for or posted a second time."""

import asyncio
import logging
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.jobs import JobState
from storage.errors import BackupError, StorageUnavailable
from storage.lock import DatabaseInUse
from storage.restored import after_restore
from tests.support.database import connected, make_database, postgres_url_for, rows
from tests.support.fakes import FakeProvider, TurnedClock
from tests.support.pipeline import LIMIT, a_pipeline
from tests.support.postgres_server import binaries
from tests.support.process import ROOT, bot_process
from tests.support.storage_samples import an_intake

pytestmark = pytest.mark.postgres

HELD = "this database was restored from a dump; waiting jobs put on hold until their members continue or cancel them"


async def pg(program: str, folder: Path, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database of a bot in `folder`."""
    tool = binaries() / program
    if not tool.exists():
        pytest.skip(f"this PostgreSQL comes without {program}")
    address = urlsplit(await postgres_url_for(folder / "encore.db"))
    host = parse_qs(address.query)["host"][0]
    command: list[str | Path] = [tool, "-h", host, "-U", "encore", "-d", address.path[1:], *arguments]
    await asyncio.to_thread(lambda: subprocess.run(command, check=True))


async def other(folder: Path) -> Path:
    """A folder for a bot on an empty database."""
    path = folder / "other"
    path.mkdir(exist_ok=True)
    await make_database(path / "encore.db", like_new=True)
    return path


async def dump(folder: Path) -> Path:
    await pg("pg_dump", folder, "-Fc", "-f", str(folder / "encore.dump"))
    return folder / "encore.dump"


async def test_a_bot_that_starts_on_a_restored_dump_holds_back_what_waited_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.accepted()
        saved = await dump(tmp_path)
        assert await pipeline.submission.step()
    await pg("pg_restore", await other(tmp_path), str(saved))

    async with a_pipeline(await other(tmp_path), clock=clock, provider=provider) as pipeline:
        assert not await pipeline.submission.step()
        assert (await pipeline.job(job)).state is JobState.ON_HOLD
        assert len(provider.extended) == 1
        await pipeline.call_back(job, "complete")
        await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.DELIVERED
        assert (await pipeline.balance()).left == LIMIT - 1

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [f"{HELD}: 1"]


async def test_a_dump_restored_into_the_same_database_is_noticed_too(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        saved = await dump(tmp_path)
    await pg("pg_restore", tmp_path, "--clean", "--if-exists", str(saved))

    async with a_pipeline(tmp_path) as pipeline:
        assert (await pipeline.job(job)).state is JobState.ON_HOLD


async def test_a_restart_holds_nothing_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        async with a_pipeline(tmp_path) as pipeline:
            job = await pipeline.accepted()
    async with connected(tmp_path / "encore.db") as connection:
        await connection.execute("VACUUM FULL")  # rewrites every table

    async with a_pipeline(tmp_path) as pipeline:
        assert (await pipeline.job(job)).state is JobState.ACCEPTED
    assert HELD not in caplog.text


async def test_what_is_continued_after_a_restore_is_not_held_back_again(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        saved = await dump(tmp_path)
    await pg("pg_restore", await other(tmp_path), str(saved))
    async with a_pipeline(await other(tmp_path)) as pipeline:
        await pipeline.members.continue_(job.place.member_id, job.id)

    async with a_pipeline(await other(tmp_path)) as pipeline:
        assert (await pipeline.job(job)).state is JobState.ACCEPTED


# The command, for copies of the server's files: those are the same database


async def test_the_command_holds_back_what_waits_and_forgets_open_commands(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        running = await pipeline.running()
        jobs = [await pipeline.accepted(), await pipeline.accepted()]
        async with pipeline.storage.transaction() as work:
            assert await work.intakes.claim(an_intake())

    assert await after_restore(await postgres_url_for(tmp_path / "encore.db")) == 2

    async with a_pipeline(tmp_path) as pipeline:
        assert {(await pipeline.job(job)).state for job in jobs} == {JobState.ON_HOLD}
        assert (await pipeline.job(running)).state is JobState.RUNNING
    assert await rows(tmp_path / "encore.db", "SELECT payload FROM intake WHERE due_ms IS NOT NULL") == []


async def test_the_command_says_how_many_wait_for_their_members(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.accepted()
    environ = {"PYTHONPATH": str(ROOT), "DATABASE_URL": await postgres_url_for(tmp_path / "encore.db")}

    async with bot_process(environ, "after-restore", folder=tmp_path) as process:
        assert await process.exit_status() == 0

    first, second = process.said
    assert first == "The database is ready for the bot to start."
    assert second.startswith("1 waiting job is on hold, because the music service may have had them since the copy was")


async def test_the_command_leaves_a_database_in_use_alone(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        with pytest.raises(DatabaseInUse, match="a bot is connected to this database; stop it first"):
            await after_restore(await postgres_url_for(tmp_path / "encore.db"))
        assert (await pipeline.job(job)).state is JobState.ACCEPTED


async def test_the_command_wants_a_database_of_encores(tmp_path: Path) -> None:
    await make_database(tmp_path / "empty", like_new=True)
    url = await postgres_url_for(tmp_path / "empty")
    with pytest.raises(BackupError, match="is empty: restore a dump into it first"):
        await after_restore(url)
    async with connected(tmp_path / "empty") as connection:
        await connection.execute("CREATE TABLE recipe (name TEXT)")

    with pytest.raises(StorageUnavailable, match="tables of another program"):
        await after_restore(url)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("sqlite:///encore.db", 2, "DATABASE_URL names an SQLite file: encore restore puts a copy in its place"),
        ("", 2, "DATABASE_URL names an SQLite file"),
        ("postgresql://encore:invented-secret@127.0.0.1:1/encore", 1, "check that the server of DATABASE_URL runs"),
    ],
)
async def test_the_command_with_a_wrong_address_is_one_line(
    tmp_path: Path, address: str, status: int, words: str
) -> None:
    environ = {"PYTHONPATH": str(ROOT), "DATABASE_URL": address}
    async with bot_process(environ, "after-restore", folder=tmp_path) as process:
        assert await process.exit_status() == status

    (line,) = process.said
    assert words in line
    assert "invented-secret" not in line
