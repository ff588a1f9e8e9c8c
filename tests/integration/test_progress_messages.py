"""Progress messages on a real database: shown when they change, at their pace, each for itself."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState
from bot.domain.progress import ProgressView
from bot.fault_points import hold
from bot.services.common.messenger import RouteBusy, RouteClosed, RouteUnavailable
from bot.services.pipeline.progress import TRIES
from storage.errors import StorageUnavailable
from tests.support.fakes import TurnedClock
from tests.support.pipeline import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def look(world: World) -> None:
    """Until nothing is behind."""
    while await world.progress.step():
        pass


async def accepted(world: World, count: int) -> list[Job]:
    """One job of each of so many members."""
    return [await world.accepted(member_id=2000 + number) for number in range(count)]


def views(world: World, job: Job) -> list[ProgressView]:
    return [view for job_id, view in world.messenger.shown if job_id == job.id]


def bands(world: World, job: Job) -> list[int | None]:
    return [view.queue_band for view in views(world, job)]


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def cancel(world: World, job: Job) -> None:
    await world.members.cancel(job.place.member_id, job.id)


async def test_a_message_changes_with_its_job_and_not_faster_than_the_pace(world: World) -> None:
    job = await world.accepted()
    await look(world)
    await look(world)
    assert len(world.messenger.shown) == 1

    await world.submission.step()
    await look(world)
    assert len(world.messenger.shown) == 1
    assert await world.progress.next_due() is not None
    world.clock.turn(5)
    await look(world)

    assert [view.state for view in views(world, job)] == [JobState.ACCEPTED, JobState.RUNNING]
    assert set(world.messenger.edited) == {job.progress_message_id}


async def test_the_end_is_shown_once_and_then_no_more(world: World) -> None:
    job = await world.accepted()
    await look(world)
    await cancel(world, job)
    world.clock.turn(5)

    await look(world)
    await look(world)

    assert [view.state for view in views(world, job)] == [JobState.ACCEPTED, JobState.CANCELLED]
    assert await world.progress.next_due() is None


async def test_a_delivered_job_shows_the_link_to_its_result(world: World) -> None:
    job = await world.finished()
    await world.delivery.step()
    world.clock.turn(5)

    await look(world)

    last = views(world, job)[-1]
    assert last.state is JobState.DELIVERED
    assert last.end is not None
    assert last.end.message_id == 1


async def test_a_result_that_comes_at_once_is_never_announced_first(world: World) -> None:
    job = await world.finished()
    await look(world)
    await world.delivery.step()
    world.clock.turn(5)
    await look(world)

    assert JobState.FINISHED not in [view.state for view in views(world, job)]


async def test_places_in_line_are_shown_anew_only_when_their_part_of_the_queue_changes(world: World) -> None:
    jobs = await accepted(world, 9)
    await look(world)
    assert [bands(world, job) for job in jobs] == [[1], [2], [2], [4], [4], [4], [7], [7], [7]]

    await cancel(world, jobs[0])
    world.clock.turn(5)
    await look(world)

    assert [bands(world, job) for job in jobs[1:]] == [[2, 1], [2], [4, 2], [4], [4], [7, 4], [7], [7]]


async def test_changes_that_come_faster_than_the_pace_are_shown_as_one(world: World) -> None:
    jobs = await accepted(world, 4)
    await look(world)

    for job in jobs[:3]:
        await cancel(world, job)
        await look(world)
    world.clock.turn(5)
    await look(world)

    assert bands(world, jobs[3]) == [4, 1]


async def test_past_its_usual_time_a_message_says_so_without_anything_happening(world: World) -> None:
    job = await world.running()
    await look(world)
    due_at = await world.progress.next_due()
    assert due_at is not None

    world.clock.now = due_at
    await look(world)

    assert [view.is_late for view in views(world, job)] == [False, True]
    assert await world.progress.next_due() is None


async def test_after_a_restart_only_members_whose_music_is_being_made_read_that_nothing_was_lost(
    tmp_path: Path,
) -> None:
    clock = TurnedClock()
    async with a_world(tmp_path, clock=clock) as world:
        running = await world.running()
        waiting = await world.accepted(member_id=2000)
        await look(world)
    clock.turn(60)

    async with a_world(tmp_path, clock=clock) as world:
        await look(world)
        await look(world)

        assert [view.resumed for view in views(world, running)] == [True]
        assert views(world, waiting) == []


async def test_what_a_dead_process_had_claimed_is_shown_once_its_claim_has_ended(world: World) -> None:
    job = await world.accepted()
    async with world.storage.transaction() as work:
        until = world.clock().replace(minute=1)
        await work.progress.claim_due(now=world.clock(), until=until, limit=10)

    await look(world)
    assert views(world, job) == []
    world.clock.now = until
    await look(world)

    assert len(views(world, job)) == 1


async def test_a_change_that_comes_while_a_message_is_being_shown_is_shown_next(world: World) -> None:
    job = await world.accepted()
    async with world.storage.transaction() as work:
        (claimed,) = await work.progress.claim_due(now=world.clock(), until=world.clock(), limit=1)
    await cancel(world, job)
    async with world.storage.transaction() as work:
        await work.progress.shown(claimed, queue_band=1, again_at=None, next_edit_at=world.clock())

    await look(world)

    assert [view.state for view in views(world, job)] == [JobState.CANCELLED]


async def test_a_private_result_is_not_overwritten_by_a_pass_that_had_begun_before(world: World) -> None:
    """In order: a pass claims the message, the result is delivered meanwhile, then the pass writes."""
    job = await world.accepted(private=True)
    assert await world.submission.step()
    await look(world)
    job = await world.job(job)
    world.messenger.shown.clear()
    world.clock.turn(5)
    await world.call_back(job, "text", tracks=0)

    async with hold("before a progress message is shown") as held:
        begun = asyncio.create_task(world.progress.step())
        await held.reached()
        await world.call_back(job, "complete")
        assert await world.delivery.step()
        assert (await world.job(job)).state is JobState.DELIVERED
        held.release()
        await begun
    await look(world)

    assert views(world, job) == []


async def test_a_message_waits_while_the_result_is_written_into_the_same_answer(world: World) -> None:
    job = await world.accepted(private=True)
    world.messenger.busy.add(job.id)

    await look(world)
    assert views(world, job) == []
    world.messenger.busy.clear()
    world.clock.turn(1)
    await look(world)

    assert len(views(world, job)) == 1


async def test_one_message_that_always_fails_stops_no_other_and_is_set_aside(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    poisoned, healthy = await accepted(world, 2)
    world.messenger.unshowable[poisoned.id] = ValueError("a card that cannot be rendered")

    pauses: list[float] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(TRIES):
            await look(world)
            due_at = await world.progress.next_due()
            if due_at is not None:
                pauses.append((due_at - world.clock()).total_seconds())
                world.clock.now = due_at

    assert len(views(world, healthy)) == 1
    assert len(pauses) == TRIES - 1
    assert pauses[-1] > 4 * pauses[0]
    assert world.progress.set_aside == 1
    (line,) = loud(caplog)
    assert poisoned.short_id in line.getMessage()
    await cancel(world, poisoned)
    world.clock.turn(5)
    await look(world)  # its job goes its way all the same
    assert (await world.job(poisoned)).state is JobState.CANCELLED


async def test_while_discord_is_away_messages_are_tried_again_and_then_shown(world: World) -> None:
    job = await world.accepted()
    world.messenger.progress_errors = [RouteUnavailable("503")] * 3

    for _ in range(4):
        await look(world)
        world.clock.turn(60)

    assert len(views(world, job)) == 1


async def test_a_busy_channel_puts_its_edits_off(world: World) -> None:
    job = await world.accepted()
    world.messenger.progress_errors = [RouteBusy(7.0)]

    await look(world)
    assert await world.progress.next_due() == world.clock().replace(second=7)
    world.clock.turn(7)
    await look(world)

    assert len(views(world, job)) == 1


async def test_a_closed_channel_is_tried_again_only_with_the_next_change(world: World) -> None:
    job = await world.accepted()
    world.messenger.progress_errors = [RouteClosed("no permission")]

    await look(world)
    world.clock.turn(3600)
    await look(world)
    assert views(world, job) == []
    await cancel(world, job)
    await look(world)

    assert [view.state for view in views(world, job)] == [JobState.CANCELLED]


async def test_an_outage_of_the_database_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_world(tmp_path, busy_seconds=0.1) as world:
        await accepted(world, 5)
        another_program = sqlite3.connect(tmp_path / "encore.db", isolation_level=None)
        world.messenger.on_show = lambda: another_program.in_transaction or another_program.execute("BEGIN IMMEDIATE")

        with caplog.at_level(logging.WARNING), pytest.raises(StorageUnavailable):
            await world.progress.step()

        assert len(loud(caplog)) == 1
        another_program.close()
        world.messenger.on_show = lambda: None
        world.clock.turn(31)
        await look(world)
        assert await world.progress.next_due() is None


async def test_a_job_that_this_version_cannot_read_holds_up_no_other(world: World, tmp_path: Path) -> None:
    unreadable, healthy = await accepted(world, 2)
    with closing(sqlite3.connect(tmp_path / "encore.db", isolation_level=None)) as later_release:
        later_release.execute("UPDATE job SET state = 'unheard of' WHERE id = ?", [unreadable.id])

    await look(world)

    assert len(views(world, healthy)) == 1
    due_at = await world.progress.next_due()
    assert due_at is not None
    assert due_at > world.clock()
