"""Progress messages on a real database: shown when they change, at their pace, independently."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState, Stage
from bot.domain.progress import ProgressView
from bot.fault_points import hold
from bot.services.common.clock import is_due
from bot.services.common.messenger import RouteBusy, RouteClosed, RouteUnavailable
from bot.services.pipeline.progress import TRIES
from storage.errors import StorageUnavailable
from tests.support.database import AnotherProgram, tamper
from tests.support.fakes import TurnedClock
from tests.support.pipeline import LIMIT, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def look(pipeline: Pipeline) -> None:
    """Run passes until nothing is behind."""
    while await pipeline.progress.step():
        pass


async def accepted(pipeline: Pipeline, count: int) -> list[Job]:
    """One job each of this many members."""
    return [await pipeline.accepted(member_id=2000 + number) for number in range(count)]


def views(pipeline: Pipeline, job: Job) -> list[ProgressView]:
    return [view for job_id, view in pipeline.messenger.shown if job_id == job.id]


def bands(pipeline: Pipeline, job: Job) -> list[int | None]:
    return [view.queue_band for view in views(pipeline, job)]


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def cancel(pipeline: Pipeline, job: Job) -> None:
    await pipeline.members.cancel(job.place.member_id, job.id)


async def test_a_message_follows_its_job_no_faster_than_the_pace(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    await look(pipeline)
    await look(pipeline)
    assert len(pipeline.messenger.shown) == 1

    await pipeline.submission.step()
    await look(pipeline)
    assert len(pipeline.messenger.shown) == 1
    assert await pipeline.progress.next_due() is not None
    pipeline.clock.turn(5)
    await look(pipeline)

    assert [view.state for view in views(pipeline, job)] == [JobState.ACCEPTED, JobState.RUNNING]
    assert set(pipeline.messenger.edited) == {job.progress_message_id}


async def test_the_end_is_shown_once(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    await look(pipeline)
    await cancel(pipeline, job)
    pipeline.clock.turn(5)

    await look(pipeline)
    await look(pipeline)

    assert [view.state for view in views(pipeline, job)] == [JobState.ACCEPTED, JobState.CANCELLED]
    assert await pipeline.progress.next_due() is None


async def test_a_delivered_job_shows_the_link_to_its_result(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    pipeline.clock.turn(5)

    await look(pipeline)

    last = views(pipeline, job)[-1]
    assert last.state is JobState.DELIVERED
    assert last.end is not None
    assert last.end.message_id == 1


async def test_a_result_that_comes_at_once_is_never_announced_first(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await look(pipeline)
    await pipeline.delivery.step()
    pipeline.clock.turn(5)
    await look(pipeline)

    assert JobState.FINISHED not in [view.state for view in views(pipeline, job)]


async def test_places_in_line_are_updated_only_when_their_band_changes(pipeline: Pipeline) -> None:
    jobs = await accepted(pipeline, 9)
    await look(pipeline)
    assert [bands(pipeline, job) for job in jobs] == [[1], [2], [2], [4], [4], [4], [7], [7], [7]]

    await cancel(pipeline, jobs[0])
    pipeline.clock.turn(5)
    await look(pipeline)

    assert [bands(pipeline, job) for job in jobs[1:]] == [[2, 1], [2], [4, 2], [4], [4], [7, 4], [7], [7]]


async def test_a_moving_queue_holds_up_no_other_message(pipeline: Pipeline) -> None:
    running = await pipeline.running()
    first, second = await accepted(pipeline, 2)
    await look(pipeline)
    await cancel(pipeline, first)
    await pipeline.call_back(running, "text", tracks=0)
    pipeline.clock.turn(5)

    assert await pipeline.progress.step()

    assert bands(pipeline, second) == [2, 1]
    assert views(pipeline, running)[-1].stage is Stage.TEXT


async def test_a_job_that_is_accepted_while_the_queue_is_looked_at_reads_its_true_place(pipeline: Pipeline) -> None:
    await accepted(pipeline, 3)

    async with hold("after the queue is looked at") as looked_at:
        looking = asyncio.create_task(pipeline.progress.step())
        await looked_at.reached()
        fourth = await pipeline.accepted(member_id=2999)
        looked_at.release()
        await looking
    await look(pipeline)

    assert bands(pipeline, fourth) == [4]


async def test_changes_that_come_faster_than_the_pace_are_shown_as_one(pipeline: Pipeline) -> None:
    jobs = await accepted(pipeline, 4)
    await look(pipeline)

    for job in jobs[:3]:
        await cancel(pipeline, job)
        await look(pipeline)
    pipeline.clock.turn(5)
    await look(pipeline)

    assert bands(pipeline, jobs[3]) == [4, 1]


async def test_past_its_usual_time_a_message_says_so_without_anything_happening(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await look(pipeline)
    due_at = await pipeline.progress.next_due()
    assert due_at is not None

    pipeline.clock.now = due_at
    await look(pipeline)

    assert [view.is_late for view in views(pipeline, job)] == [False, True]
    assert await pipeline.progress.next_due() is None


@pytest.mark.sqlite  # on PostgreSQL, others may have been at work all the time
async def test_after_a_restart_only_members_whose_music_is_being_made_read_that_nothing_was_lost(
    tmp_path: Path,
) -> None:
    clock = TurnedClock()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        running = await pipeline.running()
        waiting = await pipeline.accepted(member_id=2000)
        await look(pipeline)
    clock.turn(60)

    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await look(pipeline)
        await look(pipeline)

        assert [view.resumed for view in views(pipeline, running)] == [True]
        assert views(pipeline, waiting) == []


async def test_a_message_claimed_by_a_dead_process_is_shown_after_the_claim_expires(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        until = pipeline.clock().replace(minute=1)
        await work.progress.claim_due(now=pipeline.clock(), until=until, limit=10, owner="another")

    await look(pipeline)
    assert views(pipeline, job) == []
    pipeline.clock.now = until
    await look(pipeline)

    assert len(views(pipeline, job)) == 1


async def test_a_change_that_comes_while_a_message_is_being_shown_is_shown_next(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        (claimed,) = await work.progress.claim_due(
            now=pipeline.clock(), until=pipeline.clock(), limit=1, owner="another"
        )
    await cancel(pipeline, job)
    async with pipeline.storage.transaction() as work:
        await work.progress.shown(claimed, owner="another", queue_band=1, again_at=None, next_edit_at=pipeline.clock())

    await look(pipeline)

    assert [view.state for view in views(pipeline, job)] == [JobState.CANCELLED]


async def test_a_private_result_is_not_overwritten_by_a_pass_that_began_before_it(pipeline: Pipeline) -> None:
    """In order: a pass claims the message, the result is delivered, then the pass writes."""
    job = await pipeline.accepted(private=True)
    assert await pipeline.submission.step()
    await look(pipeline)
    job = await pipeline.job(job)
    pipeline.messenger.shown.clear()
    pipeline.clock.turn(5)
    await pipeline.call_back(job, "text", tracks=0)

    async with hold("before a progress message is shown") as held:
        begun = asyncio.create_task(pipeline.progress.step())
        await held.reached()
        await pipeline.call_back(job, "complete")
        assert await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.DELIVERED
        held.release()
        await begun
    await look(pipeline)

    assert views(pipeline, job) == []


async def test_a_message_waits_while_the_result_is_written_into_the_same_answer(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(private=True)
    pipeline.messenger.busy.add(job.id)

    await look(pipeline)
    assert views(pipeline, job) == []
    pipeline.messenger.busy.clear()
    pipeline.clock.turn(1)
    await look(pipeline)

    assert len(views(pipeline, job)) == 1


async def test_a_message_that_always_fails_is_set_aside_and_holds_up_no_other(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned, healthy = await accepted(pipeline, 2)
    pipeline.messenger.unshowable[poisoned.id] = ValueError("a card that cannot be rendered")

    pauses: list[float] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(TRIES):
            await look(pipeline)
            due_at = await pipeline.progress.next_due()
            if due_at is not None:
                pauses.append((due_at - pipeline.clock()).total_seconds())
                pipeline.clock.now = due_at

    assert len(views(pipeline, healthy)) == 1
    assert len(pauses) == TRIES - 1
    assert pauses[-1] > 4 * pauses[0]
    assert all(poisoned.short_id in line.getMessage() for line in loud(caplog))
    ((told,),) = pipeline.messenger.operator
    assert told.facts == {"job": poisoned.short_id}
    await cancel(pipeline, poisoned)
    pipeline.clock.turn(5)
    await look(pipeline)  # its job continues
    assert (await pipeline.job(poisoned)).state is JobState.CANCELLED


async def test_while_discord_is_away_messages_are_tried_again_and_then_shown(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.messenger.progress_errors = [RouteUnavailable("503")] * 3

    for _ in range(4):
        await look(pipeline)
        pipeline.clock.turn(60)

    assert len(views(pipeline, job)) == 1


async def test_a_busy_channel_postpones_its_edits(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.messenger.progress_errors = [RouteBusy(7.0)]

    await look(pipeline)
    assert await pipeline.progress.next_due() == pipeline.clock().replace(second=7)
    pipeline.clock.turn(7)
    await look(pipeline)

    assert len(views(pipeline, job)) == 1


async def test_while_requests_are_needed_for_something_else_no_message_is_looked_at(pipeline: Pipeline) -> None:
    await pipeline.running()
    pipeline.messenger.edits_wait_seconds = 0.5

    assert not await pipeline.progress.step()
    assert await pipeline.progress.next_due() == pipeline.clock() + timedelta(seconds=0.5)

    pipeline.messenger.edits_wait_seconds = 0
    assert is_due(await pipeline.progress.next_due(), pipeline.clock())
    assert await pipeline.progress.step()


async def test_a_closed_channel_is_tried_again_only_at_the_next_change(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.messenger.progress_errors = [RouteClosed("no permission")]

    await look(pipeline)
    pipeline.clock.turn(3600)
    await look(pipeline)
    assert views(pipeline, job) == []
    await cancel(pipeline, job)
    await look(pipeline)

    assert [view.state for view in views(pipeline, job)] == [JobState.CANCELLED]


async def test_an_outage_of_the_database_is_logged_in_one_line(
    tmp_path: Path, other: AnotherProgram, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_pipeline(tmp_path, busy_seconds=0.1) as pipeline:
        await accepted(pipeline, 5)
        pipeline.messenger.on_show = other.hold

        with caplog.at_level(logging.WARNING), pytest.raises(StorageUnavailable):
            await pipeline.progress.step()

        assert len(loud(caplog)) == 1
        other.let_go()
        pipeline.messenger.on_show = lambda: None
        pipeline.clock.turn(31)
        await look(pipeline)
        assert await pipeline.progress.next_due() is None


async def test_a_job_that_this_version_cannot_read_holds_up_no_other(pipeline: Pipeline) -> None:
    unreadable, healthy = await accepted(pipeline, 2)
    await tamper(pipeline.storage, "UPDATE job SET state = 'unheard of' WHERE id = $1", unreadable.id)

    await look(pipeline)

    assert len(views(pipeline, healthy)) == 1
    due_at = await pipeline.progress.next_due()
    assert due_at is not None
    assert due_at > pipeline.clock()


async def test_a_private_answer_says_what_its_job_costs_until_it_is_made(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(private=True)

    await pipeline.progress.step()

    (receipt,) = pipeline.messenger.receipts
    assert (receipt.job_id, receipt.balance.left, receipt.balance.limit) == (job.id, LIMIT - 1, LIMIT)


async def test_a_private_answer_says_nothing_about_today_on_the_next_day(pipeline: Pipeline) -> None:
    await pipeline.accepted(private=True)
    pipeline.clock.turn(86_400)

    await pipeline.progress.step()

    assert pipeline.messenger.shown
    assert pipeline.messenger.receipts == []


async def test_a_public_progress_message_says_nothing_about_its_members_quota(pipeline: Pipeline) -> None:
    await pipeline.accepted()
    pipeline.messenger.receipts.clear()

    await pipeline.progress.step()

    assert pipeline.messenger.shown
    assert pipeline.messenger.receipts == []
