"""`encore backup`, and continuing from the copy."""

from pathlib import Path

import pytest

from bot.domain.quota import quota_day
from storage.backup import back_up
from storage.errors import BackupError
from tests.support.database import open_storage
from tests.support.process import ROOT, bot_process
from tests.support.storage_samples import NOW, a_job

pytestmark = pytest.mark.sqlite


async def test_a_copy_of_the_live_database_continues_where_it_was(tmp_path: Path) -> None:
    job = a_job()
    async with open_storage(tmp_path / "encore.db") as live:
        async with live.transaction() as work:
            await work.ledger.hold(
                job_id=job.id, member_id=job.place.member_id, guild_id=1, day=quota_day(NOW), limit=3, at=NOW
            )
            await work.jobs.insert(job)
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")

    async with open_storage(tmp_path / "copy.db") as restored:
        assert await restored.reading.jobs.get(job.id) == job
        balance = await restored.reading.ledger.balance(job.place.member_id, day=quota_day(NOW), limit=3)
        async with restored.transaction() as work:
            assert await work.jobs.claim_turn(now=NOW, until=NOW) is not None
    assert balance.held == 1


async def test_a_copy_never_overwrites_a_file_and_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="there is no database to copy"):
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    (tmp_path / "encore.db").touch()
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "precious"


async def test_the_command_copies_or_says_plainly_why_it_cannot(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(ROOT), "DATABASE_URL": "sqlite:///live.db"}  # neither a token nor a key
    async with open_storage(tmp_path / "live.db"):
        async with bot_process(environ, "backup", "copy.db", folder=tmp_path) as first:
            assert await first.exit_status() == 0
        async with bot_process(environ, "backup", "copy.db", folder=tmp_path) as again:
            assert await again.exit_status() == 1
        async with bot_process(environ, "backup", "gone/copy.db", folder=tmp_path) as nowhere:
            assert await nowhere.exit_status() == 1

    assert first.said == [f"Copied {tmp_path / 'live.db'} to copy.db."]
    assert nowhere.said == ["encore: stopped: cannot write gone/copy.db: No such file or directory"]
    assert again.said == ["encore: stopped: copy.db exists already: name another file"]
    async with open_storage(tmp_path / "copy.db") as copy:
        assert await copy.reading.jobs.live() == []
