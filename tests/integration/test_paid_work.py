"""Paid work is never lost: unknown tasks, long downtimes, jumps of the clock, late tracks, nowhere to post."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, Job, JobState, Track, WaitReason
from bot.domain.quota import next_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.text import text
from bot.errors import ProviderBusy, ProviderRefused, ProviderSilent, SourceTooCostly, SourceUnreachable
from bot.services.common.messenger import HistoryClosed, RouteClosed, RouteUnavailable
from bot.services.pipeline.caps import Caps
from tests.support.fakes import FakeProvider, FakeRoute, TurnedClock
from tests.support.pipeline import LIMIT, TRACKS, World, a_world

BEN = 2002
UNREACHABLE = ProviderSilent("timeout")
UNKNOWN = ProviderRefused("no such task", code=404)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def unanswered(world: World) -> Job:
    """A job whose submission was sent and never answered."""
    world.provider.answers = [ProviderSilent("timeout")]
    job = await world.accepted()
    await world.submission.step()
    return await world.job(job)


# A task that only a callback knows


async def test_a_callback_before_the_record_knows_the_end_is_kept_and_asked_about_again(world: World) -> None:
    job = await unanswered(world)
    world.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)

    await world.call_back(job, "complete", confirmed=False)

    kept = await world.job(job)
    assert (kept.task_id, kept.named_task_id, kept.due_at) == (None, "task-told", world.clock() + timedelta(seconds=3))
    world.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.COMPLETE, tracks=TRACKS)
    world.clock.turn(3)
    await world.watch.step()
    after = await world.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")


async def test_a_task_that_the_provider_denies_again_and_again_was_invented(world: World) -> None:
    job = await unanswered(world)
    world.provider.reports["task-told"] = UNKNOWN

    await world.call_back(job, "complete", confirmed=False)
    for _ in range(5):
        assert (await world.job(job)).named_task_id == "task-told"
        world.clock.turn(3)
        assert await world.watch.step()

    after = await world.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


async def test_a_task_that_the_provider_cannot_be_asked_about_stays_named(world: World) -> None:
    job = await unanswered(world)
    world.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)
    await world.call_back(job, "complete", confirmed=False)
    world.provider.reports["task-told"] = UNREACHABLE

    for _ in range(10):
        world.clock.turn(3)
        await world.watch.step()

    assert (await world.job(job)).named_task_id == "task-told"


@pytest.mark.parametrize("kind", ["text", "complete"])
async def test_a_callback_cannot_claim_the_task_of_another_job(world: World, kind: str) -> None:
    other = await world.running()
    job = await unanswered(world)
    assert other.task_id == "task-1"

    await world.call_back(replace(job, task_id="task-1"), kind)

    after = await world.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


# Deadlines count together with tries


async def test_after_a_long_downtime_one_failed_question_does_not_give_a_running_job_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        job = await world.running()
    clock.turn(3 * 86400)
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        provider.reports["task-1"] = UNREACHABLE
        await world.watch.step()
        assert (await world.job(job)).state is JobState.OVERDUE
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await world.watch.step()

        assert (await world.job(job)).state is JobState.FINISHED


async def test_a_jump_of_the_clock_gives_nothing_up_however_often_it_is_looked_at(world: World) -> None:
    job = await world.running()
    world.provider.reports["task-1"] = UNREACHABLE
    for _ in range(5):
        world.clock.jump(5 * 86400)
        await world.watch.step()

    assert (await world.job(job)).state is JobState.OVERDUE


async def test_after_a_long_downtime_waiting_jobs_have_their_turn(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        jobs = [await world.accepted() for _ in range(3)]
    clock.turn(2 * 86400)
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        provider.answers = [ProviderBusy("later", code=430)]
        await world.submission.step()
        assert not await world.waiting.step()
        clock.turn(10)
        while await world.submission.step():
            pass

        assert {(await world.job(job)).state for job in jobs} == {JobState.RUNNING}


async def test_after_a_long_downtime_one_503_does_not_give_a_result_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        job = await world.finished()
    clock.turn(3 * 86400)
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        way = world.messenger.ways[0]
        way.errors = [RouteUnavailable("503")]
        await world.delivery.step()
        assert (await world.job(job)).state is JobState.FINISHED
        clock.turn(10)
        await world.delivery.step()

        assert [job_id for job_id, _ in way.posted] == [job.id]


# Nowhere to post


async def test_an_uncollected_result_is_posted_when_the_channel_opens_again(world: World) -> None:
    way = world.messenger.ways[0]
    way.errors = [RouteClosed("gone")]
    job = await world.finished()
    await world.delivery.step()
    assert (await world.job(job)).state is JobState.UNCOLLECTED
    assert "/jobs" in world.messenger.answers[-1][0].message

    async with world.storage.transaction() as work:
        await work.jobs.hasten_uncollected(job.place.guild_id or 0, at=world.clock())
    await world.delivery.step()

    assert (await world.job(job)).state is JobState.DELIVERED
    assert [job_id for job_id, _ in way.posted] == [job.id]
    assert (await world.balance()).left == LIMIT - 1


async def test_an_uncollected_result_is_kept_until_its_files_expire_and_stays_paid_for(world: World) -> None:
    way = world.messenger.ways[0]
    job = await world.finished()
    tries = 0
    while (await world.job(job)).state in {JobState.FINISHED, JobState.UNCOLLECTED}:
        way.errors = [RouteClosed("gone")]
        assert await world.delivery.step()
        world.clock.turn(6 * 3600)
        tries += 1

    after = await world.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.UNDELIVERABLE)
    assert 50 < tries < 60  # 14 days, at least every six hours
    assert not await world.delivery.step()
    balance = await world.storage.reading.ledger.balance(job.place.member_id, day=job.accepted_at.date(), limit=LIMIT)
    assert balance.spent == 1


async def test_a_copy_of_the_tracks_outlives_the_providers_files(tmp_path: Path) -> None:
    async with a_world(tmp_path, keep_tracks_days=30) as world:
        world.messenger.ways[0].errors = [RouteClosed("gone")]
        job = await world.finished()
        await world.delivery.step()
        world.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
        world.clock.turn(20 * 86400)

        await world.delivery.step()

        ((posted, files),) = world.messenger.ways[0].posted
        assert posted == job.id
        assert all(file.path is not None for file in files)


async def test_copies_are_removed_when_their_days_are_over(tmp_path: Path) -> None:
    async with a_world(tmp_path, keep_tracks_days=3) as world:
        await world.finished()
        await world.delivery.step()
        assert len(list((tmp_path / "tracks").iterdir())) == 1
        world.clock.jump(3650 * 86400)  # the files' own times are of today

        await world.kept.step()

        assert list((tmp_path / "tracks").iterdir()) == []


# What was posted before is looked for


async def test_a_job_older_than_this_process_is_looked_up_before_it_is_posted(tmp_path: Path) -> None:
    """Its database may be a restored copy that knows nothing of the post."""
    clock, provider, channel = TurnedClock(), FakeProvider(), FakeRoute()
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        job = await world.finished()
        channel.posted.append((job.id, []))
    clock.turn(60)
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        world.messenger.ways = [channel]
        await world.delivery.step()

        after = await world.job(job)
        assert (after.state, after.final_message_id, len(channel.posted)) == (JobState.DELIVERED, 1, 1)
        assert channel.searched_since == [job.submitted_at]


async def test_without_the_right_to_search_an_unclear_post_is_not_repeated(world: World) -> None:
    way = world.messenger.ways[0]
    way.after_effect = [RouteUnavailable("lost")]
    job = await world.finished()
    await world.delivery.step()
    for _ in range(4):
        world.clock.turn(400)
        way.search_errors = [HistoryClosed("no")]
        await world.delivery.step()
    assert (await world.job(job)).state is JobState.FINISHED
    world.clock.turn(400)
    await world.delivery.step()

    assert len(way.posted) == 1
    assert (await world.job(job)).state is JobState.DELIVERED


# Tracks that are late, broken or too large


async def test_with_one_usable_track_and_no_answer_of_the_provider_what_there_is_gets_posted(world: World) -> None:
    job = await world.finished()
    world.fetcher.errors = {TRACKS[1].audio_url: SourceUnreachable("404", text("gone"))}
    world.provider.reports["task-1"] = UNREACHABLE

    for _ in range(6):
        await world.delivery.step()
        world.clock.turn(300)

    ((posted, files),) = world.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [True, False])


async def test_a_track_that_no_encoding_makes_small_enough_does_not_hold_the_other_back(world: World) -> None:
    class Picky(type(world.audio)):  # type: ignore[misc]  # the fake's own class
        async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
            if path.name.startswith("0"):
                raise SourceTooCostly("out of memory")
            return bool(await super().fit(path, to, limit_bytes=limit_bytes))

    world.posting._files._audio = Picky()
    world.fetcher.body = b"a" * 2000
    world.messenger.ways[0].limit_bytes = 1000
    job = await world.finished()

    await world.delivery.step()

    ((posted, files),) = world.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [False, True])


async def test_success_with_one_ready_track_waits_for_the_second(world: World) -> None:
    job = await world.running()
    one = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=(TRACKS[0], Track(id="two")))
    world.provider.reports["task-1"] = one
    world.clock.turn(31)
    await world.watch.step()
    assert (await world.job(job)).state is JobState.RUNNING
    world.provider.reports["task-1"] = replace(one, tracks=TRACKS)
    world.clock.turn(31)
    await world.watch.step()

    after = await world.job(job)
    assert (after.state, after.tracks) == (JobState.FINISHED, TRACKS)


# What a day may cost


async def test_a_server_that_has_used_its_credits_waits_until_tomorrow_and_others_go_first(tmp_path: Path) -> None:
    async with a_world(tmp_path, caps=Caps(per_server_per_day=24)) as world:
        jobs = [await world.accepted() for _ in range(3)]
        while await world.submission.step():
            pass

        states = [(await world.job(job)).state for job in jobs]
        assert states == [JobState.RUNNING, JobState.RUNNING, JobState.ACCEPTED]
        waiting = await world.job(jobs[2])
        assert (waiting.waits_for, waiting.due_at) == (WaitReason.SERVER_CAP, next_day(world.clock()))
        world.clock.turn(86400)
        await world.submission.step()
        after = await world.job(jobs[2])
        assert (after.state, after.waits_for) == (JobState.RUNNING, None)


async def test_the_bot_never_spends_more_in_a_day_than_its_operator_allows(tmp_path: Path) -> None:
    async with a_world(tmp_path, caps=Caps(per_day=30)) as world:
        for member_id in (1001, 1001, BEN, BEN):
            await world.accepted(member_id=member_id)
        while await world.submission.step():
            pass

        assert len(world.provider.extended) == 2


async def test_a_submission_that_started_nothing_costs_nothing_of_the_day(tmp_path: Path) -> None:
    async with a_world(tmp_path, caps=Caps(per_day=12)) as world:
        world.provider.answers = [ProviderBusy("later", code=430), ProviderRefused("no", code=400)]
        first, second = await world.accepted(), await world.accepted()
        for _ in range(5):
            await world.submission.step()
            world.clock.turn(10)

        assert [(await world.job(job)).state for job in (first, second)] == [JobState.FAILED, JobState.RUNNING]


# One must not stop the others


async def test_a_job_that_fails_for_an_unknown_reason_is_set_aside_and_the_others_are_posted(world: World) -> None:
    await world.isolation.step()  # as at every start
    poisoned, good = await world.finished(), await world.finished()
    way = world.messenger.ways[0]
    original = way.post_result

    class Poison(FakeRoute):
        async def post_result(self, job: Job, files: object) -> object:  # type: ignore[override]
            if job.id == poisoned.id:
                raise KeyError("a card that cannot be made")
            return await original(job, files)  # type: ignore[arg-type]

    world.messenger.ways = [Poison()]
    for _ in range(10):
        while await world.delivery.step():
            pass
        world.clock.turn(300)
    await world.isolation.step()

    assert (await world.job(good)).state is JobState.DELIVERED
    assert (await world.job(poisoned)).state is JobState.FINISHED
    ((told,),) = world.messenger.operator
    assert "set it aside" in told.message
    assert told.facts["job"] == poisoned.short_id


async def test_a_row_that_this_release_cannot_read_is_set_aside_and_the_next_start_tries_again(
    tmp_path: Path,
) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        await world.isolation.step()  # as at every start
        unreadable, good = await world.running(), await world.running()
        await world.storage._database._writer.execute_fetchall(
            "UPDATE job SET state = 'running', stage = 'dancing' WHERE id = $1", {"1": unreadable.id}
        )
        provider.reports["task-2"] = TaskReport(task_id="task-2", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await world.watch.step()
        await world.isolation.step()
        await world.isolation.step()

        assert (await world.job(good)).state is JobState.FINISHED
        assert len(world.messenger.operator) == 1
        await world.storage._database._writer.execute_fetchall("UPDATE job SET stage = 'queued'")
    async with a_world(tmp_path, clock=clock, provider=provider) as world:
        await world.isolation.step()
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        await world.watch.step()

        assert (await world.job(unreadable)).state is JobState.FINISHED
