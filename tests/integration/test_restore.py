"""`encore restore`: nothing is paid for or posted a second time."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.reports import ReportKind, TaskReport
from bot.errors import ProviderRefused
from storage.backup import back_up
from storage.errors import BackupError
from storage.lock import DatabaseInUse
from storage.restore import restore
from tests.support.database import open_storage
from tests.support.fakes import FakeProvider, FakeRoute, TurnedClock
from tests.support.pipeline import LIMIT, TRACKS, Pipeline, a_pipeline
from tests.support.process import ROOT, bot_process

pytestmark = pytest.mark.sqlite


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_job_waiting_in_the_backup_is_on_hold_until_its_member_decides(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.accepted()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
        await pipeline.submission.step()
    restored = await restore(tmp_path / "copy.db", tmp_path / "encore.db")
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        assert not await pipeline.submission.step()
        after = await pipeline.job(job)

    assert restored.held_back == 1
    assert after.state is JobState.ON_HOLD
    assert len(provider.extended) == 1


async def test_half_a_backup_is_refused_by_name_and_the_database_stays(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.accepted()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    half = tmp_path / "half.db"
    half.write_bytes((tmp_path / "copy.db").read_bytes()[:100_000])

    with pytest.raises(BackupError, match=r"half\.db is damaged or incomplete"):
        await restore(half, tmp_path / "encore.db")

    assert not list(tmp_path.glob("*.before-*"))
    async with a_pipeline(tmp_path) as pipeline:
        assert (await pipeline.job(job)).state is JobState.ACCEPTED


async def test_a_callback_shows_that_a_job_on_hold_was_submitted_after_the_backup(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.accepted()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    await restore(tmp_path / "copy.db", tmp_path / "encore.db")
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.call_back(job, "complete")
        await pipeline.delivery.step()

        assert (await pipeline.job(job)).state is JobState.DELIVERED
        assert (await pipeline.balance()).left == LIMIT - 1


async def test_a_callback_after_continue_tells_that_the_job_was_submitted_and_it_is_not_paid_twice(
    pipeline: Pipeline,
) -> None:
    job = await continued(pipeline)

    await pipeline.call_back(job, "complete")

    assert not await pipeline.submission.step()
    after = await pipeline.job(job)
    assert (after.state, after.task_id, pipeline.provider.extended) == (JobState.FINISHED, "task-told", [])


@pytest.mark.parametrize("kind", ["text", "complete"])
async def test_a_task_that_the_provider_has_only_begun_proves_that_a_waiting_job_was_submitted(
    pipeline: Pipeline, kind: str
) -> None:
    job = await continued(pipeline)
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)

    await pipeline.call_back(job, kind, confirmed=False)

    assert not await pipeline.submission.step()
    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.tracks) == (JobState.RUNNING, "task-told", ())


@pytest.mark.parametrize("kind", ["text", "complete"])
@pytest.mark.parametrize("is_continued", [False, True])
async def test_a_callback_about_a_task_that_the_provider_does_not_know_leaves_a_waiting_job_as_it_is(
    pipeline: Pipeline, kind: str, *, is_continued: bool
) -> None:
    job = await (continued(pipeline) if is_continued else pipeline.held_back())
    pipeline.provider.reports["task-told"] = ProviderRefused("no such task", code=404)

    await pipeline.call_back(job, kind, confirmed=False)
    pipeline.clock.turn(60)
    await pipeline.waiting.step()

    assert await pipeline.job(job) == job


async def continued(pipeline: Pipeline) -> Job:
    job = await pipeline.held_back()
    return await pipeline.members.continue_(job.place.member_id, job.id)


async def test_a_result_that_was_posted_after_the_copy_is_found_and_not_posted_again(tmp_path: Path) -> None:
    clock, provider, channel = TurnedClock(), FakeProvider(), FakeRoute()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.running()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
        channel.posted.append((job.id, []))
    await restore(tmp_path / "copy.db", tmp_path / "encore.db")
    clock.turn(3600)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        pipeline.messenger.ways = [channel]
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        await pipeline.watch.step()
        await pipeline.delivery.step()

        assert (await pipeline.job(job)).state is JobState.DELIVERED
        assert len(channel.posted) == 1


async def test_a_job_on_hold_that_nobody_continues_gives_its_unit_back(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        job = await pipeline.accepted()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    await restore(tmp_path / "copy.db", tmp_path / "encore.db")
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        async with pipeline.storage.transaction() as work:
            await work.jobs.save(replace(await pipeline.job(job), due_at=clock()))
        await pipeline.waiting.step()

        assert (await pipeline.job(job)).state is JobState.FAILED
        assert (await pipeline.balance()).left == LIMIT


async def test_the_backup_stays_and_the_old_database_is_kept(tmp_path: Path, pipeline: Pipeline) -> None:
    await pipeline.accepted()
    await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    other = tmp_path / "other"
    other.mkdir()
    (other / "encore.db").write_bytes(b"precious")

    restored = await restore(tmp_path / "copy.db", other / "encore.db")

    assert restored.replaced is not None
    assert restored.replaced.read_bytes() == b"precious"
    assert (tmp_path / "copy.db").exists()
    assert sorted(path.name for path in other.iterdir() if path.name.startswith(".")) == []


async def test_nothing_is_restored_under_a_running_bot(tmp_path: Path, pipeline: Pipeline) -> None:
    await pipeline.accepted()
    await back_up(tmp_path / "encore.db", tmp_path / "copy.db")

    with pytest.raises(DatabaseInUse, match="stop it first"):
        await restore(tmp_path / "copy.db", tmp_path / "encore.db")


@pytest.mark.parametrize("content", [b"", b"no database at all", None])
async def test_a_file_that_is_not_a_backup_is_refused_and_the_database_stays(
    tmp_path: Path, content: bytes | None
) -> None:
    copy = tmp_path / "copy.db"
    if content is not None:
        copy.write_bytes(content)
    (tmp_path / "encore.db").write_bytes(b"precious")

    with pytest.raises(BackupError, match=copy.name):
        await restore(copy, tmp_path / "encore.db")

    assert (tmp_path / "encore.db").read_bytes() == b"precious"


async def test_the_database_is_not_restored_onto_itself(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db"):
        pass
    before = (tmp_path / "encore.db").read_bytes()
    (tmp_path / "other-name.db").symlink_to("encore.db")

    for copy in ("encore.db", "other-name.db"):
        with pytest.raises(BackupError, match="is the database itself"):
            await restore(tmp_path / copy, tmp_path / "encore.db")

    assert (tmp_path / "encore.db").read_bytes() == before
    assert not [*tmp_path.glob("*.before-*")]


async def test_a_folder_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()

    with pytest.raises(BackupError, match="backups is a folder: name the copy in it"):
        await restore(tmp_path / "backups", tmp_path / "encore.db")

    assert [path.name for path in tmp_path.iterdir()] == ["backups"]


async def test_a_folder_is_not_restored_onto(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "copy.db"):
        pass
    (tmp_path / "data").mkdir()

    with pytest.raises(BackupError, match="which is a folder"):
        await restore(tmp_path / "copy.db", tmp_path / "data")

    assert {path.name for path in tmp_path.iterdir()} == {"data", "copy.db", "copy.db.lock"}


async def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(ROOT), "DATABASE_URL": "sqlite:///live.db"}
    async with a_pipeline(tmp_path) as pipeline:
        await pipeline.accepted()
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    async with bot_process(environ, "restore", "copy.db", folder=tmp_path) as process:
        assert await process.exit_status() == 0
    async with bot_process(environ, "restore", "gone.db", folder=tmp_path) as failed:
        assert await failed.exit_status() == 1

    assert process.said[0] == f"Restored {tmp_path / 'live.db'} from copy.db."
    assert process.said[-1].startswith("1 waiting job is on hold")
    assert failed.said == ["encore: stopped: there is no file gone.db"]


async def test_a_copy_never_follows_a_link_and_only_its_owner_can_read_it(tmp_path: Path, pipeline: Pipeline) -> None:
    await pipeline.accepted()
    target = tmp_path / "target"
    (tmp_path / "copy.db").symlink_to(target)

    with pytest.raises(BackupError, match="exists already"):
        await back_up(tmp_path / "encore.db", tmp_path / "copy.db")
    await back_up(tmp_path / "encore.db", tmp_path / "good.db")

    assert not target.exists()
    assert (tmp_path / "good.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


async def test_the_operator_is_warned_about_a_database_that_others_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "encore.db").touch(mode=0o644)

    async with open_storage(tmp_path / "encore.db"):
        pass

    assert "chmod 600" in caplog.text


# Databases of earlier releases


async def test_a_database_of_the_first_release_is_migrated_with_all_its_jobs(tmp_path: Path) -> None:
    dump = (ROOT / "tests/fixtures/databases/0001.sql").read_text()
    old = sqlite3.connect(tmp_path / "encore.db")
    old.executescript(dump)
    old.close()
    provider = FakeProvider()
    async with a_pipeline(tmp_path, provider=provider) as pipeline:
        reading = pipeline.storage.reading.jobs
        jobs = [job for member_id in (1000, 1001) for job in await reading.of_member(member_id, limit=50)]
        assert {job.state for job in jobs} == set(JobState) - {JobState.UNCOLLECTED, JobState.ON_HOLD}
        assert len(await pipeline.storage.reading.inbox.pending(limit=10)) == 1
        finished = next(job for job in jobs if job.state is JobState.FINISHED)
        assert finished.post_tried_at == finished.finished_at
        waiting = next(job for job in jobs if job.state is JobState.ACCEPTED)
        assert waiting.source_url
        assert not finished.source_url

        await pipeline.callbacks.step()
        await pipeline.delivery.step()
        await pipeline.submission.step()

        delivered = await pipeline.job(finished)
        assert delivered.state is JobState.DELIVERED
        assert (await pipeline.job(waiting)).state is JobState.RUNNING
