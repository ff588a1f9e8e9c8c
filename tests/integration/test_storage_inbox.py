"""Callbacks, commands and facts, on a real file."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from bot.domain.callbacks import Recorded
from bot.domain.jobs import Job
from bot.services.ports import Storage
from storage.errors import StorageUnavailable
from storage.inbox import CALLBACKS_PER_JOB
from storage.storage import SqliteStorage, open_storage
from tests.support.storage_samples import NOW, a_job, after, an_intake


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


@pytest.fixture
async def job(storage: Storage) -> Job:
    job = a_job()
    async with storage.transaction() as work:
        await work.jobs.insert(job)
    return job


async def record(storage: Storage, token: str, body: bytes = b"{}") -> Recorded:
    return await storage.record_callback(token=token, digest=sha256(body).digest(), body=body, at=NOW)


async def bodies(storage: Storage) -> list[bytes]:
    return [entry.body for entry in await storage.reading.inbox.pending(limit=1000)]


async def test_a_callback_is_recorded_once_for_each_body(storage: Storage, job: Job) -> None:
    assert await record(storage, job.callback_token, b"\x00\xff one") is Recorded.NEW
    assert await record(storage, job.callback_token, b"two") is Recorded.NEW
    assert await record(storage, job.callback_token, b"\x00\xff one") is Recorded.REPEAT

    first, second = await storage.reading.inbox.pending(limit=10)

    assert (first.job_id, first.body, first.received_at) == (job.id, b"\x00\xff one", NOW)
    assert second.body == b"two"
    assert [entry.body for entry in await storage.reading.inbox.pending(limit=1)] == [first.body]


@pytest.mark.parametrize("token", ["unknown", "", "tökén", "\udcff", "x" * 8000, "a\x00b"])
async def test_an_unknown_token_records_nothing(storage: Storage, token: str) -> None:
    assert await record(storage, token) is Recorded.UNKNOWN

    assert await bodies(storage) == []


async def test_an_applied_callback_is_pending_no_more_and_its_repeat_stays_a_repeat(storage: Storage, job: Job) -> None:
    await record(storage, job.callback_token, b"one")
    await record(storage, job.callback_token, b"two")
    first, _ = await storage.reading.inbox.pending(limit=10)

    async with storage.transaction() as work:
        await work.inbox.mark_applied(first.id, at=after(1))
        await work.inbox.mark_applied(first.id, at=after(2))

    assert await bodies(storage) == [b"two"]
    assert await record(storage, job.callback_token, b"one") is Recorded.REPEAT
    assert await bodies(storage) == [b"two"]


async def test_whoever_knows_a_token_cannot_fill_the_disk(storage: Storage, job: Job) -> None:
    recorded = await asyncio.gather(*(record(storage, job.callback_token, b"%d" % number) for number in range(100)))
    later = await record(storage, job.callback_token, b"one more")

    assert recorded.count(Recorded.NEW) == CALLBACKS_PER_JOB == 64
    assert {*recorded[64:], later} == {Recorded.REPEAT}
    assert len(await bodies(storage)) == 64


async def test_two_hundred_at_once_are_told_apart_and_kept_in_order(storage: Storage) -> None:
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


async def test_two_processes_record_into_one_file(tmp_path: Path, storage: Storage, job: Job) -> None:
    async with open_storage(tmp_path / "encore.db") as other:
        recorded = await asyncio.gather(
            *(record(own, job.callback_token, b"%d" % number) for number in range(30) for own in (storage, other))
        )

    assert (recorded.count(Recorded.NEW), recorded.count(Recorded.REPEAT)) == (30, 30)
    assert sorted(await bodies(storage)) == sorted(b"%d" % number for number in range(30))


async def test_a_recorded_callback_is_on_disk(tmp_path: Path, storage: Storage, job: Job) -> None:
    assert await record(storage, job.callback_token, b"kept") is Recorded.NEW

    other = sqlite3.connect(tmp_path / "encore.db")
    try:
        assert other.execute("SELECT body FROM callback").fetchall() == [(b"kept",)]
    finally:
        other.close()


async def test_one_who_hangs_up_does_not_stop_the_others(storage: Storage, job: Job) -> None:
    async with asyncio.timeout(20):
        tasks = [asyncio.create_task(record(storage, job.callback_token, b"%d" % number)) for number in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(results[3], asyncio.CancelledError)
    assert results[:3] + results[4:] == [Recorded.NEW] * 9


async def test_callbacks_that_cannot_be_written_are_refused_and_later_ones_taken(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db", busy_seconds=0.2) as storage, asyncio.timeout(20):
        job = a_job()
        async with storage.transaction() as work:
            await work.jobs.insert(job)
        other = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(
                *(record(storage, job.callback_token, b"%d" % number) for number in range(5)), return_exceptions=True
            )
            with pytest.raises(StorageUnavailable, match="locked"):
                await storage.check_writable()
        finally:
            other.close()

        assert [type(result) for result in results] == [StorageUnavailable] * 5
        assert await record(storage, job.callback_token, b"0") is Recorded.NEW
        await storage.check_writable()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    job = a_job()
    async with open_storage(tmp_path / "encore.db") as storage:
        async with storage.transaction() as work:
            await work.jobs.insert(job)
        task = asyncio.create_task(record(storage, job.callback_token, b"kept"))
        await asyncio.sleep(0)

    assert await task is Recorded.NEW
    async with open_storage(tmp_path / "encore.db") as storage:
        assert await bodies(storage) == [b"kept"]


async def test_an_interaction_is_taken_once_even_when_it_is_finished(storage: Storage) -> None:
    intake = an_intake(interaction_id=5)

    async def claim() -> bool:
        async with storage.transaction() as work:
            return await work.intakes.claim(intake)

    claimed = await asyncio.gather(*(claim() for _ in range(10)))
    assert claimed.count(True) == 1
    async with storage.transaction() as work:
        await work.intakes.finish(5)

    assert not await claim()
    async with storage.transaction() as work:
        assert await work.intakes.claim_due(now=after(999), until=after(9999), limit=10) == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.1 + 0.2])
async def test_a_number_is_read_as_it_was_written_down_even_if_it_is_none(storage: Storage, number: float) -> None:
    intake = an_intake()
    intake = replace(intake, request=replace(intake.request, style_weight=number))
    async with storage.transaction() as work:
        await work.intakes.claim(intake)

    async with storage.transaction() as work:
        (claimed,) = await work.intakes.claim_due(now=NOW, until=after(180), limit=1)

    assert repr(claimed.request.style_weight) == repr(number)


async def test_a_finished_command_leaves_no_secret_behind(tmp_path: Path, storage: Storage) -> None:
    async with storage.transaction() as work:
        await work.intakes.claim(an_intake(interaction_id=5))
        await work.intakes.finish(5)

    other = sqlite3.connect(tmp_path / "encore.db")
    try:
        assert other.execute("SELECT * FROM intake").fetchall() == [(5, None, None, 1, 0)]
    finally:
        other.close()


async def test_commands_whose_worker_is_gone_are_claimed_whole_and_once(storage: Storage) -> None:
    due, due_too, later = an_intake(due_at=NOW), an_intake(due_at=after(-1)), an_intake(due_at=after(1))
    async with storage.transaction() as work:
        for intake in (due, due_too, later):
            await work.intakes.claim(intake)

    async with storage.transaction() as work:
        claimed = await work.intakes.claim_due(now=NOW, until=after(180), limit=10)
        again = await work.intakes.claim_due(now=NOW, until=after(180), limit=10)

    assert claimed == [replace(due, due_at=after(180)), replace(due_too, due_at=after(180))]
    assert again == []


async def test_a_fact_is_remembered_until_it_is_changed(tmp_path: Path) -> None:
    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.facts.get("commands") is None
        for value in ("one", "two"):
            async with storage.transaction() as work:
                await work.facts.put("commands", value)

    async with open_storage(tmp_path / "encore.db") as storage:
        assert await storage.reading.facts.get("commands") == "two"
