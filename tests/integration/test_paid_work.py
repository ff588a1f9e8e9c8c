"""Paid work is never lost: unknown tasks, long downtimes, jumps of the clock, late tracks, nowhere to post."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, Job, JobState, Track, WaitReason
from bot.domain.quota import next_day, quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.text import text
from bot.errors import ProviderBusy, ProviderRefused, ProviderSilent, SourceGone, SourceTooCostly, SourceUnreachable
from bot.services.common.messenger import HistoryClosed, RouteClosed, RouteUnavailable
from bot.services.common.sentences import failure_sentences
from bot.services.operator.isolation import TRIES
from bot.services.pipeline.caps import Caps
from tests.support.fakes import FakeProvider, FakeRoute, TurnedClock
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline

BEN = 2002
UNREACHABLE = ProviderSilent("timeout")
UNKNOWN = ProviderRefused("no such task", code=404)
NO_NETWORK = SourceUnreachable("no network", text("away"))
AUDIO_URLS = [track.audio_url for track in TRACKS]


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def unanswered(pipeline: Pipeline) -> Job:
    """A job whose submission was sent and never answered."""
    pipeline.provider.answers = [ProviderSilent("timeout")]
    job = await pipeline.accepted()
    await pipeline.submission.step()
    return await pipeline.job(job)


# A task that only a callback knows


async def test_a_callback_before_the_record_knows_the_end_is_kept_and_asked_about_again(pipeline: Pipeline) -> None:
    job = await unanswered(pipeline)
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)

    await pipeline.call_back(job, "complete", confirmed=False)

    kept = await pipeline.job(job)
    assert (kept.task_id, kept.named_task_id, kept.due_at) == (
        None,
        "task-told",
        pipeline.clock() + timedelta(seconds=3),
    )
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(3)
    await pipeline.watch.step()
    after = await pipeline.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")


async def test_a_task_that_the_provider_denies_again_and_again_was_invented(pipeline: Pipeline) -> None:
    job = await unanswered(pipeline)
    pipeline.provider.reports["task-told"] = UNKNOWN

    await pipeline.call_back(job, "complete", confirmed=False)
    for _ in range(5):
        assert (await pipeline.job(job)).named_task_id == "task-told"
        pipeline.clock.turn(3)
        assert await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


async def test_a_task_that_the_provider_cannot_be_asked_about_stays_named(pipeline: Pipeline) -> None:
    job = await unanswered(pipeline)
    pipeline.provider.reports["task-told"] = TaskReport(task_id="task-told", kind=ReportKind.WAITING)
    await pipeline.call_back(job, "complete", confirmed=False)
    pipeline.provider.reports["task-told"] = UNREACHABLE

    for _ in range(10):
        pipeline.clock.turn(3)
        await pipeline.watch.step()

    assert (await pipeline.job(job)).named_task_id == "task-told"


@pytest.mark.parametrize("kind", ["text", "complete"])
async def test_a_callback_cannot_claim_the_task_of_another_job(pipeline: Pipeline, kind: str) -> None:
    other = await pipeline.running()
    job = await unanswered(pipeline)
    assert other.task_id == "task-1"

    await pipeline.call_back(replace(job, task_id="task-1"), kind)

    after = await pipeline.job(job)
    assert (after.state, after.task_id, after.named_task_id) == (JobState.SUBMITTING, None, None)


# Deadlines count together with tries


async def test_after_a_long_downtime_one_failed_question_does_not_give_a_running_job_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.running()
    clock.turn(3 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        provider.reports["task-1"] = UNREACHABLE
        await pipeline.watch.step()
        assert (await pipeline.job(job)).state is JobState.OVERDUE
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await pipeline.watch.step()

        assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_a_jump_of_the_clock_gives_nothing_up_however_often_it_is_looked_at(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.provider.reports["task-1"] = UNREACHABLE
    for _ in range(5):
        pipeline.clock.jump(5 * 86400)
        await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.OVERDUE


async def test_a_jump_of_the_clock_does_not_end_a_job_that_the_provider_is_at_work_on(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.clock.jump(86400)
    for _ in range(10):
        pipeline.clock.turn(31)
        await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE

    await pipeline.call_back(job, "complete")

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_minutes_without_the_network_after_a_long_sleep_do_not_end_a_running_job(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    pipeline.clock.jump(2 * 86400)
    pipeline.provider.reports["task-1"] = UNREACHABLE
    for _ in range(10):
        pipeline.clock.turn(31)
        await pipeline.watch.step()
    pipeline.provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.FINISHED


@pytest.mark.parametrize("kind", [ReportKind.WAITING, ReportKind.TEXT, None])
async def test_a_task_that_never_ends_is_given_up_once_it_was_watched_until_the_deadline(
    pipeline: Pipeline, kind: ReportKind | None
) -> None:
    job = await pipeline.running()
    report = TaskReport(task_id="task-1", kind=kind) if kind else UNREACHABLE
    pipeline.provider.reports["task-1"] = report
    for seconds in (31, 43_200, 43_000):
        pipeline.clock.turn(seconds)
        await pipeline.watch.step()
        assert (await pipeline.job(job)).state in {JobState.RUNNING, JobState.OVERDUE}
    pipeline.clock.turn(300)
    await pipeline.watch.step()

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.NO_RESULT)
    assert failure_sentences(after.failure)[0].message.startswith("The music service gave no result in time.")


async def test_after_a_long_downtime_waiting_jobs_have_their_turn(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        jobs = [await pipeline.accepted() for _ in range(3)]
    clock.turn(2 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        provider.answers = [ProviderBusy("later", code=430)]
        await pipeline.submission.step()
        assert not await pipeline.waiting.step()
        clock.turn(10)
        while await pipeline.submission.step():
            pass

        assert {(await pipeline.job(job)).state for job in jobs} == {JobState.RUNNING}


async def test_after_a_long_downtime_one_503_does_not_give_a_result_up(tmp_path: Path) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.finished()
    clock.turn(3 * 86400)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        way = pipeline.messenger.ways[0]
        way.errors = [RouteUnavailable("503")]
        await pipeline.delivery.step()
        assert (await pipeline.job(job)).state is JobState.FINISHED
        clock.turn(10)
        await pipeline.delivery.step()

        assert [job_id for job_id, _ in way.posted] == [job.id]


async def test_some_time_without_the_network_after_a_long_sleep_does_not_give_finished_music_up(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    pipeline.clock.jump(2 * 86400)
    for _ in range(20):
        await pipeline.delivery.step()
        pipeline.clock.turn(300)
    assert (await pipeline.job(job)).state is JobState.FINISHED

    pipeline.fetcher.errors = {}
    pipeline.clock.turn(3600)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_finished_job_remembers_that_it_waits_for_its_download_until_that_works(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).waits_for is WaitReason.DOWNLOAD

    pipeline.fetcher.errors = {}
    pipeline.messenger.ways[0].errors = [RouteUnavailable("503")]
    pipeline.clock.turn(10)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).waits_for is None


async def test_one_track_that_is_gone_does_not_give_up_the_other_that_cannot_be_reached(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = {AUDIO_URLS[0]: NO_NETWORK, AUDIO_URLS[1]: SourceGone("404", text("gone"))}
    pipeline.clock.turn(86400)
    for _ in range(5):
        await pipeline.delivery.step()
        pipeline.clock.turn(3600)

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_old_links_prove_nothing_while_the_provider_cannot_be_asked_for_new_ones(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, SourceGone("404", text("gone")))
    pipeline.provider.reports["task-1"] = UNREACHABLE
    pipeline.clock.turn(86400)
    for _ in range(5):
        await pipeline.delivery.step()
        pipeline.clock.turn(3600)

    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_music_that_cannot_be_reached_until_its_files_expire_is_refunded(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = dict.fromkeys(AUDIO_URLS, NO_NETWORK)
    tries = 0
    while (await pipeline.job(job)).state is JobState.FINISHED:
        tries += await pipeline.delivery.step()
        pipeline.clock.turn(3600)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.TRACKS_GONE)
    assert 14 * 24 < tries < 15 * 24
    day = quota_day(job.accepted_at)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


# Nowhere to post


async def test_a_jump_of_the_clock_past_the_end_of_the_files_does_not_end_what_waits_to_be_collected(
    pipeline: Pipeline,
) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteClosed("gone"), RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    pipeline.clock.jump(20 * 86400)
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED

    pipeline.clock.turn(6 * 3600)
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_an_uncollected_result_is_posted_when_the_channel_opens_again(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED
    assert "/jobs" in pipeline.messenger.answers[-1][0].message

    async with pipeline.storage.transaction() as work:
        await work.jobs.hasten_uncollected(job.place.guild_id or 0, at=pipeline.clock())
    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED
    assert [job_id for job_id, _ in way.posted] == [job.id]
    assert (await pipeline.balance()).left == LIMIT - 1


async def test_an_uncollected_result_is_kept_until_its_files_expire_and_stays_paid_for(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    job = await pipeline.finished()
    tries = 0
    while (await pipeline.job(job)).state in {JobState.FINISHED, JobState.UNCOLLECTED}:
        way.errors = [RouteClosed("gone")]
        assert await pipeline.delivery.step()
        pipeline.clock.turn(6 * 3600)
        tries += 1

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.UNDELIVERABLE)
    assert 50 < tries < 60  # 14 days, at least every six hours
    assert not await pipeline.delivery.step()
    balance = await pipeline.storage.reading.ledger.balance(
        job.place.member_id, day=job.accepted_at.date(), limit=LIMIT
    )
    assert balance.spent == 1


async def test_a_copy_of_the_tracks_outlives_the_providers_files(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, keep_tracks_days=30) as pipeline:
        pipeline.messenger.ways[0].errors = [RouteClosed("gone")]
        job = await pipeline.finished()
        await pipeline.delivery.step()
        pipeline.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
        pipeline.clock.turn(20 * 86400)

        await pipeline.delivery.step()

        ((posted, files),) = pipeline.messenger.ways[0].posted
        assert posted == job.id
        assert all(file.path is not None for file in files)


async def test_copies_are_removed_when_their_days_are_over(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, keep_tracks_days=3) as pipeline:
        await pipeline.finished()
        await pipeline.delivery.step()
        assert len(list((tmp_path / "tracks").iterdir())) == 1
        pipeline.clock.jump(3650 * 86400)  # the files' own times are of today

        await pipeline.kept.step()

        assert list((tmp_path / "tracks").iterdir()) == []


# What was posted before is looked for


async def test_a_job_older_than_this_process_is_looked_up_before_it_is_posted(tmp_path: Path) -> None:
    """Its database may be a restored copy that knows nothing of the post."""
    clock, provider, channel = TurnedClock(), FakeProvider(), FakeRoute()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        job = await pipeline.finished()
        channel.posted.append((job.id, []))
    clock.turn(60)
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        pipeline.messenger.ways = [channel]
        await pipeline.delivery.step()

        after = await pipeline.job(job)
        assert (after.state, after.final_message_id, len(channel.posted)) == (JobState.DELIVERED, 1, 1)
        assert channel.searched_since == [job.submitted_at]


async def test_without_the_right_to_search_an_unclear_post_is_not_repeated(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.after_effect = [RouteUnavailable("lost")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    for _ in range(4):
        pipeline.clock.turn(400)
        way.search_errors = [HistoryClosed("no")]
        await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED
    pipeline.clock.turn(400)
    await pipeline.delivery.step()

    assert len(way.posted) == 1
    assert (await pipeline.job(job)).state is JobState.DELIVERED


# Tracks that are late, broken or too large


async def test_with_one_usable_track_and_no_answer_of_the_provider_what_there_is_gets_posted(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.finished()
    pipeline.fetcher.errors = {TRACKS[1].audio_url: SourceUnreachable("404", text("gone"))}
    pipeline.provider.reports["task-1"] = UNREACHABLE

    for _ in range(6):
        await pipeline.delivery.step()
        pipeline.clock.turn(300)

    ((posted, files),) = pipeline.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [True, False])


async def test_a_track_that_no_encoding_makes_small_enough_does_not_hold_the_other_back(pipeline: Pipeline) -> None:
    class Picky(type(pipeline.audio)):  # type: ignore[misc]  # the fake's own class
        async def fit(self, path: Path, to: Path, *, limit_bytes: int) -> bool:
            if path.name.startswith("0"):
                raise SourceTooCostly("out of memory")
            return bool(await super().fit(path, to, limit_bytes=limit_bytes))

    pipeline.posting._files._audio = Picky()
    pipeline.fetcher.body = b"a" * 2000
    pipeline.messenger.ways[0].limit_bytes = 1000
    job = await pipeline.finished()

    await pipeline.delivery.step()

    ((posted, files),) = pipeline.messenger.ways[0].posted
    assert (posted, [file.path is not None for file in files]) == (job.id, [False, True])


async def test_success_with_one_ready_track_waits_for_the_second(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    one = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=(TRACKS[0], Track(id="two")))
    pipeline.provider.reports["task-1"] = one
    pipeline.clock.turn(31)
    await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING
    pipeline.provider.reports["task-1"] = replace(one, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.tracks) == (JobState.FINISHED, TRACKS)


# What a day may cost


async def test_a_server_that_has_used_its_credits_waits_until_tomorrow_and_others_go_first(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_server_per_day=24)) as pipeline:
        jobs = [await pipeline.accepted() for _ in range(3)]
        while await pipeline.submission.step():
            pass

        states = [(await pipeline.job(job)).state for job in jobs]
        assert states == [JobState.RUNNING, JobState.RUNNING, JobState.ACCEPTED]
        waiting = await pipeline.job(jobs[2])
        assert (waiting.waits_for, waiting.due_at) == (WaitReason.SERVER_CAP, next_day(pipeline.clock()))
        pipeline.clock.turn(86400)
        await pipeline.submission.step()
        after = await pipeline.job(jobs[2])
        assert (after.state, after.waits_for) == (JobState.RUNNING, None)


async def test_the_bot_never_spends_more_in_a_day_than_its_operator_allows(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_day=30)) as pipeline:
        for member_id in (1001, 1001, BEN, BEN):
            await pipeline.accepted(member_id=member_id)
        while await pipeline.submission.step():
            pass

        assert len(pipeline.provider.extended) == 2


async def test_a_submission_that_started_nothing_costs_nothing_of_the_day(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, caps=Caps(per_day=12)) as pipeline:
        pipeline.provider.answers = [ProviderBusy("later", code=430), ProviderRefused("no", code=400)]
        first, second = await pipeline.accepted(), await pipeline.accepted()
        for _ in range(5):
            await pipeline.submission.step()
            pipeline.clock.turn(10)

        assert [(await pipeline.job(job)).state for job in (first, second)] == [JobState.FAILED, JobState.RUNNING]


async def test_a_task_that_was_started_and_then_refused_counts_as_one_of_the_day(pipeline: Pipeline) -> None:
    job = await unanswered(pipeline)

    await pipeline.call_back(job, "error", code=400)

    assert (await pipeline.job(job)).state is JobState.FAILED
    assert await pipeline.storage.reading.spending.of_day(quota_day(pipeline.clock())) == 1


# One must not stop the others


async def test_a_job_that_fails_for_an_unknown_reason_is_set_aside_and_the_others_are_posted(
    pipeline: Pipeline,
) -> None:
    await pipeline.isolation.step()  # as at every start
    poisoned, good = await pipeline.finished(), await pipeline.finished()
    way = pipeline.messenger.ways[0]
    original = way.post_result

    class Poison(FakeRoute):
        async def post_result(self, job: Job, files: object) -> object:  # type: ignore[override]
            if job.id == poisoned.id:
                raise KeyError("a card that cannot be made")
            return await original(job, files)  # type: ignore[arg-type]

    pipeline.messenger.ways = [Poison()]
    for _ in range(10):
        while await pipeline.delivery.step():
            pass
        pipeline.clock.turn(300)
    await pipeline.isolation.step()

    assert (await pipeline.job(good)).state is JobState.DELIVERED
    assert (await pipeline.job(poisoned)).state is JobState.FINISHED
    ((told,),) = pipeline.messenger.operator
    assert "set it aside" in told.message
    assert told.facts["job"] == poisoned.short_id


async def test_a_failing_look_does_not_set_aside_the_job_that_a_callback_finished_meanwhile(
    pipeline: Pipeline,
) -> None:
    job = await pipeline.running()
    for _ in range(TRIES - 1):
        async with pipeline.isolation.around(job, doing="asking after it"):
            raise KeyError("a bug")

    async with pipeline.isolation.around(job, doing="asking after it"):
        await pipeline.call_back(job, "complete")
        raise KeyError("a bug")

    assert await pipeline.storage.reading.jobs.all_set_aside(limit=1) == []
    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_job_that_was_set_aside_and_then_failed_and_was_told_is_not_taken_up_again(tmp_path: Path) -> None:
    clock = TurnedClock()
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        job = await pipeline.running()
        async with pipeline.storage.transaction() as work:
            await work.jobs.set_aside(job.id, job.state, at=clock())
        await pipeline.call_back(job, "error", code=500)
        await pipeline.delivery.step()
        assert pipeline.messenger.ways[0].told_failures == [job.id]
    async with a_pipeline(tmp_path, clock=clock) as pipeline:
        await pipeline.isolation.step()

        assert (await pipeline.job(job)).due_at is None
        assert not await pipeline.delivery.step()


async def test_a_row_that_this_release_cannot_read_is_set_aside_and_the_next_start_tries_again(
    tmp_path: Path,
) -> None:
    clock, provider = TurnedClock(), FakeProvider()
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.isolation.step()  # as at every start
        unreadable, good = await pipeline.running(), await pipeline.running()
        await pipeline.storage._database._writer.execute_fetchall(
            "UPDATE job SET state = 'running', stage = 'dancing' WHERE id = $1", {"1": unreadable.id}
        )
        provider.reports["task-2"] = TaskReport(task_id="task-2", kind=ReportKind.COMPLETE, tracks=TRACKS)
        clock.turn(31)
        await pipeline.watch.step()
        await pipeline.isolation.step()
        await pipeline.isolation.step()

        assert (await pipeline.job(good)).state is JobState.FINISHED
        assert len(pipeline.messenger.operator) == 1
        await pipeline.storage._database._writer.execute_fetchall("UPDATE job SET stage = 'queued'")
    async with a_pipeline(tmp_path, clock=clock, provider=provider) as pipeline:
        await pipeline.isolation.step()
        provider.reports["task-1"] = TaskReport(task_id="task-1", kind=ReportKind.COMPLETE, tracks=TRACKS)
        await pipeline.watch.step()

        assert (await pipeline.job(unreadable)).state is JobState.FINISHED


async def test_the_task_of_one_job_is_never_the_answer_to_another(pipeline: Pipeline) -> None:
    first, second = await pipeline.running(), await pipeline.accepted()
    pipeline.provider.answers = [first.task_id or ""]

    await pipeline.submission.step()

    kept = await pipeline.job(second)
    assert (kept.task_id, kept.outcome_unknown, kept.state) == (None, True, JobState.SUBMITTING)
