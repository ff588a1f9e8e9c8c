"""Callbacks, commands and memos, on a real file."""

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.inbox_entry import Recorded
from bot.domain.jobs import Job, JobState
from bot.domain.text import text
from bot.sandbox.patience import PATIENCE_SECONDS
from storage.errors import StorageUnavailable
from storage.inbox import CALLBACKS_PER_JOB
from storage.intakes import WRITER
from storage.storage import SqlStorage
from tests.support.database import AnotherProgram, open_storage, rows
from tests.support.storage_samples import NOW, a_job, after, an_intake


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


@pytest.fixture
async def job(storage: SqlStorage) -> Job:
    job = a_job()
    async with storage.transaction() as work:
        await work.jobs.insert(job)
    return job


async def record(storage: SqlStorage, token: str, body: bytes = b"{}", *, at: datetime = NOW) -> Recorded:
    return await storage.record_callback(token=token, body=body, at=at)


async def bodies(storage: SqlStorage) -> list[bytes]:
    return [entry.body for entry in await storage.reading.inbox.pending(limit=1000)]


async def test_a_callback_is_recorded_once_for_each_body(storage: SqlStorage, job: Job) -> None:
    assert await record(storage, job.callback_token, b"\x00\xff one") is Recorded.NEW
    assert await record(storage, job.callback_token, b"two") is Recorded.NEW
    assert await record(storage, job.callback_token, b"\x00\xff one") is Recorded.REPEAT

    first, second = await storage.reading.inbox.pending(limit=10)

    assert (first.job_id, first.body, first.received_at) == (job.id, b"\x00\xff one", NOW)
    assert second.body == b"two"
    assert [entry.body for entry in await storage.reading.inbox.pending(limit=1)] == [first.body]


@pytest.mark.parametrize("token", ["unknown", "", "tökén", "\udcff", "x" * 8000, "a\x00b"])
async def test_an_unknown_token_records_nothing(storage: SqlStorage, token: str) -> None:
    assert await record(storage, token) is Recorded.UNKNOWN

    assert await bodies(storage) == []


async def test_an_applied_callback_is_no_longer_pending_and_its_repeat_stays_a_repeat(
    storage: SqlStorage, job: Job
) -> None:
    await record(storage, job.callback_token, b"one")
    await record(storage, job.callback_token, b"two")
    first, _ = await storage.reading.inbox.pending(limit=10)

    async with storage.transaction() as work:
        await work.inbox.mark_applied(first.id)
        await work.inbox.mark_applied(first.id)

    assert await bodies(storage) == [b"two"]
    assert await record(storage, job.callback_token, b"one") is Recorded.REPEAT
    assert await bodies(storage) == [b"two"]


async def test_only_a_jobs_token_counts(storage: SqlStorage, job: Job) -> None:
    tokens = [job.callback_token, "unknown", "", "tökén", "\udcff", "x" * 8000, "a\x00b"]

    for _ in range(2):  # the second time, known tokens are remembered
        assert await asyncio.gather(*map(storage.is_callback_token, tokens)) == [True] + [False] * 6


async def test_a_hundred_tokens_asked_at_once_get_the_right_answers(storage: SqlStorage) -> None:
    jobs = [a_job(member_id=number) for number in range(50)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
    tokens = [token for number, job in enumerate(jobs) for token in (job.callback_token, f"unknown-{number}")]

    assert await asyncio.gather(*map(storage.is_callback_token, tokens)) == [True, False] * 50


async def test_a_token_is_unknown_before_its_job_and_known_after(storage: SqlStorage) -> None:
    job = a_job()
    assert not await storage.is_callback_token(job.callback_token)

    async with storage.transaction() as work:
        await work.jobs.insert(job)

    assert await storage.is_callback_token(job.callback_token)


async def test_the_inbox_is_read_in_parts(storage: SqlStorage, job: Job) -> None:
    for number in range(5):
        await record(storage, job.callback_token, b"%d" % number)
    inbox = storage.reading.inbox
    ids = [entry.id for entry in await inbox.pending(limit=10)]

    assert await inbox.newest_id() == ids[-1]
    assert [entry.body for entry in await inbox.pending(after=ids[0], up_to=ids[3], limit=2)] == [b"1", b"2"]
    assert [entry.body for entry in await inbox.pending(after=ids[2], limit=10)] == [b"3", b"4"]
    assert await inbox.entry(ids[1]) == (await inbox.pending(limit=2))[1]


async def test_a_callback_set_aside_is_kept_counted_and_offered_again_on_request(storage: SqlStorage, job: Job) -> None:
    await record(storage, job.callback_token, b"one")
    await record(storage, job.callback_token, b"two")
    first, _ = await storage.reading.inbox.pending(limit=10)

    async with storage.transaction() as work:
        await work.inbox.set_aside(first.id, at=after(1), reason="it cannot be read")
        count = await work.inbox.count_set_aside()

    assert count == 1
    assert await bodies(storage) == [b"two"]
    assert await storage.reading.inbox.entry(first.id) is None
    assert await record(storage, job.callback_token, b"one") is Recorded.REPEAT
    async with storage.transaction() as work:
        assert await work.inbox.take_up_again() == 1
        assert await work.inbox.take_up_again() == 0
    assert await bodies(storage) == [b"one", b"two"]


async def test_ids_are_never_given_twice_even_after_the_newest_callbacks_were_removed(
    storage: SqlStorage, job: Job
) -> None:
    await record(storage, job.callback_token, b"one")
    [first] = await storage.reading.inbox.pending(limit=10)
    ended = replace(job, state=JobState.FAILED, ended_at=NOW, due_at=None)
    async with storage.transaction() as work:
        await work.jobs.save(ended)
        assert await work.housekeeping.remove_jobs(ended_before=after(1), limit=10) == 1
        other = a_job()
        await work.jobs.insert(other)

    await record(storage, other.callback_token, b"two")

    [second] = await storage.reading.inbox.pending(limit=10)
    assert second.id > first.id
    assert await storage.reading.inbox.newest_id() >= second.id


async def test_an_applied_callback_leaves_no_body_behind(tmp_path: Path, storage: SqlStorage, job: Job) -> None:
    await record(storage, job.callback_token, b"one")
    [entry] = await storage.reading.inbox.pending(limit=10)
    async with storage.transaction() as work:
        await work.inbox.mark_applied(entry.id)

    assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM callback_body") == [(0,)]
    assert await rows(tmp_path / "encore.db", "SELECT count(*) FROM callback") == [(1,)]


async def test_a_known_token_cannot_fill_the_disk(storage: SqlStorage, job: Job) -> None:
    recorded = await asyncio.gather(*(record(storage, job.callback_token, b"%d" % number) for number in range(100)))
    later = await record(storage, job.callback_token, b"one more")

    assert recorded.count(Recorded.NEW) == CALLBACKS_PER_JOB == 64
    assert {*recorded[64:], later} == {Recorded.FULL}
    assert len(await bodies(storage)) == 64
    assert await record(storage, job.callback_token, b"0") is Recorded.REPEAT
    assert await record(storage, job.callback_token, b"one more", at=after(999)) is Recorded.FULL  # none is applied


async def fill(storage: SqlStorage, job: Job) -> None:
    """With callbacks that are applied."""
    await asyncio.gather(*(record(storage, job.callback_token, b"%d" % number) for number in range(CALLBACKS_PER_JOB)))
    async with storage.transaction() as work:
        for entry in await work.inbox.pending(limit=1000):
            await work.inbox.mark_applied(entry.id)


async def test_callbacks_that_gave_a_job_no_task_make_room_after_a_minute(storage: SqlStorage, job: Job) -> None:
    await fill(storage, job)

    assert await record(storage, job.callback_token, b"true", at=after(59)) is Recorded.FULL
    assert await record(storage, job.callback_token, b"true", at=after(60)) is Recorded.NEW
    assert await record(storage, job.callback_token, b"true", at=after(61)) is Recorded.REPEAT
    assert await bodies(storage) == [b"true"]


async def test_a_job_with_a_task_remembers_all_its_callbacks(storage: SqlStorage, job: Job) -> None:
    await fill(storage, job)
    async with storage.transaction() as work:
        await work.jobs.save(replace(job, task_id="task-1"))

    assert await record(storage, job.callback_token, b"another", at=after(9999)) is Recorded.FULL
    assert await record(storage, job.callback_token, b"0", at=after(9999)) is Recorded.REPEAT


async def test_two_hundred_callbacks_at_once_are_recorded_in_order(storage: SqlStorage) -> None:
    jobs = [a_job(member_id=number) for number in range(40)]
    async with storage.transaction() as work:
        for job in jobs:
            await work.jobs.insert(job)
    tokens = [job.callback_token for job in jobs]

    recorded = await asyncio.gather(
        *(record(storage, token, b"%d" % number) for token in tokens for number in range(3)),
        *(record(storage, token, b"0") for token in tokens),
        *(record(storage, f"unknown-{number}") for number in range(40)),
    )

    assert recorded == [Recorded.NEW] * 120 + [Recorded.REPEAT] * 40 + [Recorded.UNKNOWN] * 40
    assert await bodies(storage) == [b"0", b"1", b"2"] * 40


async def test_two_processes_record_into_one_file(tmp_path: Path, storage: SqlStorage, job: Job) -> None:
    async with open_storage(tmp_path / "encore.db") as other:
        recorded = await asyncio.gather(
            *(record(own, job.callback_token, b"%d" % number) for number in range(30) for own in (storage, other))
        )

    assert (recorded.count(Recorded.NEW), recorded.count(Recorded.REPEAT)) == (30, 30)
    assert sorted(await bodies(storage)) == sorted(b"%d" % number for number in range(30))


async def test_a_recorded_callback_is_on_disk(tmp_path: Path, storage: SqlStorage, job: Job) -> None:
    assert await record(storage, job.callback_token, b"kept") is Recorded.NEW

    assert await rows(tmp_path / "encore.db", "SELECT body FROM callback_body") == [(b"kept",)]


async def test_a_caller_that_hangs_up_does_not_stop_the_others(storage: SqlStorage, job: Job) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        tasks = [asyncio.create_task(record(storage, job.callback_token, b"%d" % number)) for number in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[3], asyncio.CancelledError)
    assert results[:3] + results[4:] == [Recorded.NEW] * 9


async def test_callbacks_that_cannot_be_written_are_refused_and_later_ones_taken(
    tmp_path: Path, other: AnotherProgram
) -> None:
    async with open_storage(tmp_path / "encore.db", busy_seconds=0.2) as storage, asyncio.timeout(PATIENCE_SECONDS):
        job = a_job()
        async with storage.transaction() as work:
            await work.jobs.insert(job)
        other.hold()
        results = await asyncio.gather(
            *(record(storage, job.callback_token, b"%d" % number) for number in range(5)), return_exceptions=True
        )
        assert not storage.is_writable
        other.let_go()

        assert [type(result) for result in results] == [StorageUnavailable] * 5
        assert await record(storage, job.callback_token, b"0") is Recorded.NEW
        assert storage.is_writable


async def test_closing_writes_the_waiting_callbacks(tmp_path: Path) -> None:
    job = a_job()
    async with open_storage(tmp_path / "encore.db") as storage:
        async with storage.transaction() as work:
            await work.jobs.insert(job)
        task = asyncio.create_task(record(storage, job.callback_token, b"kept"))
        await asyncio.sleep(0)

    assert await task is Recorded.NEW
    async with open_storage(tmp_path / "encore.db") as storage:
        assert await bodies(storage) == [b"kept"]


async def test_an_interaction_is_taken_once_even_when_it_is_finished(storage: SqlStorage) -> None:
    intake = an_intake(interaction_id=5)

    async def claim() -> bool:
        async with storage.transaction() as work:
            return await work.intakes.claim(intake)

    claimed = await asyncio.gather(*(claim() for _ in range(10)))
    assert claimed.count(True) == 1
    async with storage.transaction() as work:
        assert await work.intakes.withdraw(5)

    assert not await claim()
    async with storage.transaction() as work:
        assert await work.intakes.claim_due(now=after(999), until=after(9999), limit=10, owner="me") == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.1 + 0.2])
async def test_a_number_is_read_back_as_written_even_if_it_is_not_a_number(storage: SqlStorage, number: float) -> None:
    intake = an_intake()
    intake = replace(intake, request=replace(intake.request, style_weight=number))
    async with storage.transaction() as work:
        await work.intakes.claim(intake)

    async with storage.transaction() as work:
        (claimed,) = await work.intakes.claim_due(now=NOW, until=after(180), limit=1, owner="me")

    assert repr(claimed.intake.request.style_weight) == repr(number)


async def test_a_finished_command_leaves_no_secret_behind(tmp_path: Path, storage: SqlStorage) -> None:
    async with storage.transaction() as work:
        await work.intakes.claim(an_intake(interaction_id=5))
        assert await work.intakes.refuse(5, [text("No.")], owner=WRITER)
        assert await work.intakes.finish(5, owner=WRITER)

    assert await rows(tmp_path / "encore.db", "SELECT payload, due_ms, refusal FROM intake") == [(None, None, None)]


async def test_commands_whose_worker_died_are_claimed_whole_and_once(storage: SqlStorage) -> None:
    due, due_too, later = an_intake(due_at=NOW), an_intake(due_at=after(-1)), an_intake(due_at=after(1))
    async with storage.transaction() as work:
        for intake in (due, due_too, later):
            await work.intakes.claim(intake)

    async with storage.transaction() as work:
        claimed = await work.intakes.claim_due(now=NOW, until=after(180), limit=10, owner="me")
        again = await work.intakes.claim_due(now=NOW, until=after(180), limit=10, owner="me")

    assert [command.intake for command in claimed] == [
        replace(due, due_at=after(180)),
        replace(due_too, due_at=after(180)),
    ]
    assert again == []


async def test_a_memo_is_remembered_until_it_is_changed(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.memos.get("commands") is None
        for value in ("one", "two"):
            async with storage.transaction() as work:
                await work.memos.put("commands", value)

    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.memos.get("commands") == "two"
