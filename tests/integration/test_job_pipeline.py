"""The services on a real database, step by step, with a clock that tests set and a scripted provider."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import FailureReason, Intake, Job, JobState, Stage
from bot.domain.quota import quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import Said, text
from bot.errors import (
    NotAudio,
    ProviderBusy,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    Refused,
    SourceGone,
    SourceUnreachable,
)
from bot.services.common.messenger import RouteClosed, RouteTooSmall, RouteUnavailable
from bot.services.common.sentences import NOT_USED, without_cost
from bot.services.pipeline.accept import GOT_IT, NOT_TAKEN
from bot.text import Catalogue
from tests.support.fakes import BEGINNING, FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline
from tests.support.storage_samples import a_place


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


# Accepting a command


async def test_an_accepted_job_holds_one_unit_and_waits(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(style="folk", title="Boats", prompt="la la")

    assert job.state is JobState.ACCEPTED
    assert (await pipeline.balance()).held == 1
    assert pipeline.provider.uploaded == [b"audio"]
    assert pipeline.messenger.answers == [[GOT_IT]]


async def test_all_broken_rules_and_a_bad_source_are_reported_at_once_and_nothing_is_held(pipeline: Pipeline) -> None:
    pipeline.audio.error = NotAudio()

    job = await pipeline.extend(title="Boats", vocal_gender="x", style_weight=2.0)

    assert job is None
    *reasons, last = pipeline.messenger.answers[0]
    assert len(reasons) == 5  # the file, style, prompt, gender, weight
    assert last == NOT_USED
    assert (await pipeline.balance()).held == 0
    assert pipeline.provider.uploaded == []


@pytest.mark.parametrize("option", ["style_weight", "weirdness", "audio_weight"])
@pytest.mark.parametrize(("weight", "written"), [(math.nan, "NaN"), (math.inf, "Infinity")])
async def test_a_weight_that_is_not_a_number_is_refused_by_its_own_rule(
    pipeline: Pipeline, option: str, weight: float, written: str
) -> None:
    weights: dict[str, Any] = {option: weight}

    assert await pipeline.extend(**weights) is None

    sentence = text("`{option}` is {given}. Use a number from 0 to 1.", option=option, given=Said(written))
    assert pipeline.messenger.answers[0] == without_cost([sentence])
    assert (await pipeline.balance()).held == 0


async def test_options_useless_to_an_instrumental_are_left_out_and_the_member_reads_which(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(
        instrumental=True, style="folk", title="Boats", prompt="la la", vocal_gender="f", continue_at=0.5
    )

    assert (job.request.prompt, job.request.vocal_gender) == ("", None)
    assert (job.request.continue_at, job.sent_continue_at) == (0.5, 1.0)
    told = [sentence.message for sentence in pipeline.messenger.answers[0]]
    assert told == [
        GOT_IT.message,
        "An instrumental has no lyrics, so I left out your `prompt`.",
        "An instrumental has no singer, so I left out `vocal_gender`.",
        "The music service can't start before {earliest}, so I moved `continue_at` there.",
    ]
    assert pipeline.messenger.added == []


async def test_a_private_command_reports_what_was_left_out_in_a_separate_message(pipeline: Pipeline) -> None:
    await pipeline.accepted(instrumental=True, vocal_gender="f", private=True)

    assert [sentence.message for sentence in pipeline.messenger.added[0]] == [
        "An instrumental has no singer, so I left out `vocal_gender`."
    ]
    await pipeline.accepted(private=True)
    assert len(pipeline.messenger.added) == 1


async def test_the_same_interaction_makes_one_job(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.interactions -= 1

    again = await pipeline.extend()

    assert again == job
    assert (await pipeline.balance()).held == 1


async def test_a_member_without_units_is_refused_before_anything_is_read(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()
    pipeline.fetcher.fetched.clear()

    assert await pipeline.extend() is None

    assert "all {limit} of today's" in pipeline.messenger.answers[-1][0].message
    assert pipeline.fetcher.fetched == []


async def test_a_failed_upload_holds_nothing(pipeline: Pipeline) -> None:
    pipeline.provider.upload_error = ProviderBusy("maintenance", code=455)

    assert await pipeline.extend() is None

    assert (await pipeline.balance()).held == 0
    assert pipeline.messenger.answers[-1] == without_cost([NOT_TAKEN])


async def test_a_command_left_by_a_dead_process_is_resumed(pipeline: Pipeline) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(
        place=place, source=source, request=ExtensionRequest(), due_at=pipeline.clock() + timedelta(seconds=180)
    )
    async with pipeline.storage.transaction() as work:
        await work.intakes.claim(left)

    assert not await pipeline.acceptance.step()  # somebody may still be working on it
    pipeline.clock.turn(181)
    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is not None


async def test_a_command_that_was_never_acknowledged_starts_nothing(pipeline: Pipeline) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(place=place, source=source, request=ExtensionRequest(), due_at=pipeline.clock())
    assert await pipeline.acceptance.write_down(left)  # and then the process died
    pipeline.messenger.can_answer = False
    pipeline.clock.turn(200)

    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is None


async def test_a_command_too_old_to_be_answered_is_put_away(pipeline: Pipeline) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=pipeline.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(
        place=place, source=source, request=ExtensionRequest(), due_at=pipeline.clock() + timedelta(seconds=180)
    )
    async with pipeline.storage.transaction() as work:
        await work.intakes.claim(left)
    pipeline.clock.turn(900)

    assert await pipeline.acceptance.step()

    assert await pipeline.storage.reading.jobs.by_interaction(1) is None
    assert not await pipeline.acceptance.step()


# Submitting


async def test_a_submitted_job_runs_under_its_task(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    assert (job.state, job.task_id) == (JobState.RUNNING, "task-1")
    assert pipeline.provider.extended == [f"https://encore.example/callbacks/{job.callback_token}"]
    assert not await pipeline.submission.step()


async def test_a_busy_provider_puts_the_job_back_in_its_place(pipeline: Pipeline) -> None:
    first, second = await pipeline.accepted(), await pipeline.accepted(member_id=2002)
    pipeline.provider.answers = [ProviderBusy("too frequent", code=430)]

    assert await pipeline.submission.step()

    job = await pipeline.job(first)
    assert (job.state, job.attempts) == (JobState.ACCEPTED, 1)
    assert await pipeline.storage.reading.jobs.queue_position(second.id) == 2
    pipeline.clock.turn(10)
    assert await pipeline.submission.step()
    assert (await pipeline.job(first)).state is JobState.RUNNING


async def test_a_refused_job_fails_with_a_message_and_gets_its_unit_back(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderRefused("no", code=400)]

    await pipeline.submission.step()
    await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert after.state is JobState.FAILED
    assert after.failure is not None
    assert after.failure.reason is FailureReason.REFUSED
    assert pipeline.messenger.ways[0].told_failures == [job.id]
    assert (await pipeline.balance()).left == LIMIT


async def test_without_credits_nothing_is_submitted_until_they_are_back(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderOutOfCredits("top up", code=429)]
    pipeline.provider.credits_left = 3

    await pipeline.submission.step()
    assert not await pipeline.submission.step()
    pipeline.clock.turn(61)
    assert not await pipeline.submission.step()
    pipeline.provider.credits_left = 100
    pipeline.clock.turn(61)

    assert await pipeline.submission.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert len(pipeline.provider.extended) == 2


async def test_a_submission_without_an_answer_is_never_repeated_and_a_callback_completes_it(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderSilent("timeout")]

    await pipeline.submission.step()
    pipeline.clock.turn(600)
    assert not await pipeline.submission.step()
    unknown = await pipeline.job(job)
    assert (unknown.state, unknown.outcome_unknown) == (JobState.SUBMITTING, True)
    assert (await pipeline.balance()).held == 1
    await pipeline.call_back(unknown, "complete")

    after = await pipeline.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")
    assert len(pipeline.provider.extended) == 1


async def test_an_unknown_outcome_returns_its_unit_once_at_the_deadline(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.provider.answers = [ProviderSilent("timeout")]
    await pipeline.submission.step()

    pipeline.clock.turn(901)
    assert await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE
    pipeline.clock.turn(86400)
    for _ in range(3):
        assert (await pipeline.job(job)).state is JobState.OVERDUE
        assert await pipeline.watch.step()
        pipeline.clock.turn(31)
    assert not await pipeline.watch.step()

    after = await pipeline.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.SILENCE
    day = quota_day(BEGINNING)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


async def test_a_job_that_was_claimed_but_never_sent_goes_back_to_its_place(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=30))

    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    assert await pipeline.submission.step()

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert len(pipeline.provider.extended) == 1


async def test_a_submission_whose_process_died_is_unknown_and_not_repeated(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    async with pipeline.storage.transaction() as work:
        claimed = await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=30))
    assert claimed is not None
    assert await pipeline.submission._mark_sent(claimed)
    assert not await pipeline.submission._mark_sent(claimed)

    pipeline.clock.turn(181)
    assert await pipeline.watch.step()

    after = await pipeline.job(job)
    assert (after.state, after.outcome_unknown) == (JobState.SUBMITTING, True)
    assert not await pipeline.submission.step()


async def test_a_callback_that_overtakes_the_answer_is_kept(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    claimed: list[Job] = []
    async with pipeline.storage.transaction() as work:
        turn = await work.jobs.claim_turn(now=pipeline.clock(), until=pipeline.clock() + timedelta(seconds=180))
        assert turn is not None
        claimed.append(turn)
    await pipeline.call_back(claimed[0], "complete")

    await pipeline.submission._submit(claimed[0], "attempt")

    assert (await pipeline.job(job)).state is JobState.FINISHED


# News about the task


async def test_callbacks_lead_from_text_to_the_finished_tracks(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "text", tracks=0)
    assert (await pipeline.job(job)).stage is Stage.TEXT
    await pipeline.call_back(job, "first", tracks=1)
    assert (await pipeline.job(job)).stage is Stage.FIRST
    await pipeline.call_back(job, "complete")

    after = await pipeline.job(job)
    assert (after.state, len(after.tracks)) == (JobState.FINISHED, 2)


async def test_late_news_and_late_errors_never_undo_a_finished_job(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    await pipeline.call_back(job, "complete")
    finished = await pipeline.job(job)

    await pipeline.call_back(job, "text", tracks=0)
    await pipeline.call_back(job, "error", code=500, tracks=0)

    assert await pipeline.job(job) == finished


async def test_an_error_callback_fails_the_job_and_returns_the_unit(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "error", code=413, tracks=0)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.COPYRIGHT)
    assert (await pipeline.balance()).left == LIMIT


async def test_a_complete_callback_without_a_track_is_polled_again(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    await pipeline.call_back(job, "complete", tracks=0)

    assert (await pipeline.job(job)).state is JobState.RUNNING
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    assert await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED


async def test_a_silent_job_is_polled_and_an_unreachable_provider_changes_nothing(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    assert job.task_id is not None
    pipeline.provider.reports[job.task_id] = ProviderBusy("away")

    assert not await pipeline.watch.step()
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()

    assert pipeline.provider.asked == [job.task_id, job.task_id]
    assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_an_overdue_job_is_still_polled_and_can_finish(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    assert job.task_id is not None
    pipeline.clock.turn(901)
    await pipeline.watch.step()
    assert (await pipeline.job(job)).state is JobState.OVERDUE

    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    pipeline.clock.turn(31)
    await pipeline.watch.step()

    assert (await pipeline.job(job)).state is JobState.FINISHED


# Delivering


async def test_a_finished_job_is_posted_once_and_its_unit_spent(pipeline: Pipeline) -> None:
    job = await pipeline.finished()

    assert await pipeline.delivery.step()
    assert not await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert (after.state, after.final_message_id) == (JobState.DELIVERED, 1)
    posted = pipeline.messenger.ways[0].posted
    assert [len(files) for _, files in posted] == [2]
    assert (await pipeline.balance()).spent == 1


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    way = pipeline.messenger.ways[0]
    way.after_effect = [RouteUnavailable("connection lost")]

    await pipeline.delivery.step()
    pipeline.clock.turn(60)
    await pipeline.delivery.step()

    assert len(way.posted) == 1
    assert way.looked == 1
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_closed_channel_leads_to_a_direct_message(pipeline: Pipeline) -> None:
    channel, direct = FakeRoute(errors=[RouteClosed("gone")]), FakeRoute(name="direct")
    pipeline.messenger.ways = [channel, direct]
    job = await pipeline.finished()

    await pipeline.delivery.step()

    assert [job_id for job_id, _ in direct.posted] == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_with_nowhere_to_post_the_music_waits_uncollected_and_its_unit_stays_spent(pipeline: Pipeline) -> None:
    pipeline.messenger.ways = [FakeRoute(errors=[RouteClosed("gone")])]
    job = await pipeline.finished()

    await pipeline.delivery.step()

    after = await pipeline.job(job)
    assert (after.state, after.failure) == (JobState.UNCOLLECTED, None)
    assert (await pipeline.balance()).left == LIMIT - 1


async def test_files_that_turn_out_too_large_are_encoded_again_and_finally_linked(pipeline: Pipeline) -> None:
    way = pipeline.messenger.ways[0]
    way.errors = [RouteTooSmall("413"), RouteTooSmall("413")]
    await pipeline.finished()

    await pipeline.delivery.step()

    ((_, files),) = way.posted
    assert [file.path for file in files] == [None, None]


async def test_tracks_that_cannot_be_fetched_are_requested_again(pipeline: Pipeline) -> None:
    job = await pipeline.running()
    gone = SourceUnreachable("404", text("gone"))
    pipeline.fetcher.errors = {track.audio_url: gone for track in TRACKS}
    await pipeline.call_back(job, "complete")
    assert job.task_id is not None
    renewed = tuple(replace(track, audio_url=track.audio_url + "?again") for track in TRACKS)
    pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=renewed)

    await pipeline.delivery.step()

    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_tracks_that_are_gone_fail_the_job_only_at_the_deadline(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    gone = SourceGone("404", text("gone"))
    pipeline.fetcher.errors = {track.audio_url: gone for track in TRACKS}

    await pipeline.delivery.step()
    assert (await pipeline.job(job)).state is JobState.FINISHED
    pipeline.clock.turn(86400)
    for _ in range(3):
        assert (await pipeline.job(job)).state is JobState.FINISHED
        await pipeline.delivery.step()
        pipeline.clock.turn(400)

    after = await pipeline.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.TRACKS_GONE
    assert await pipeline.delivery.step()  # and the member reads it
    assert pipeline.messenger.ways[0].told_failures == [job.id]
    day = quota_day(BEGINNING)
    assert (await pipeline.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


# Members


async def test_a_waiting_job_can_be_cancelled_and_costs_nothing(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()

    cancelled = await pipeline.members.cancel(MIA, job.short_id)

    assert cancelled.state is JobState.CANCELLED
    assert (await pipeline.balance()).left == LIMIT
    assert not await pipeline.submission.step()


async def test_a_running_job_and_another_members_job_cannot_be_cancelled(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    with pytest.raises(Refused):
        await pipeline.members.cancel(MIA, job.short_id)
    with pytest.raises(Refused):
        await pipeline.members.cancel(2002, job.short_id)

    assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_a_members_own_track_can_be_a_source_with_its_model(pipeline: Pipeline) -> None:
    await pipeline.finished()
    await pipeline.delivery.step()

    choice = await pipeline.members.source_from_track(MIA, "one")

    assert (choice.kind, choice.model, choice.takes) == (SourceKind.TRACK, "V5", None)
    with pytest.raises(Refused):
        await pipeline.members.source_from_track(2002, "one")


async def delivered(pipeline: Pipeline, title: str, *, model: str = "V5") -> Job:
    """A job of Mia's with two tracks of the given title."""
    job = await pipeline.accepted(style="folk", title=title, prompt="la la", model=model)
    assert await pipeline.submission.step()
    task_id = (await pipeline.job(job)).task_id
    assert task_id is not None
    tracks = tuple(replace(track, id=f"{title}-{n}-{job.id[:4]}", title=title) for n, track in enumerate(TRACKS, 1))
    pipeline.provider.reports[task_id] = TaskReport(task_id=task_id, kind=ReportKind.COMPLETE, tracks=tracks)
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    assert await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_a_title_means_the_newest_track_that_has_it(pipeline: Pipeline) -> None:
    await delivered(pipeline, "Paper Boats", model="V4")
    newest = await delivered(pipeline, "paper boats", model="V4_5")
    await delivered(pipeline, "Paper Boats II")

    for words in ("Paper Boats", " PAPER BOATS "):
        choice = await pipeline.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.model, choice.takes) == (newest.tracks[0].id, "V4_5", 2)


async def test_part_of_a_title_is_enough_if_no_other_title_contains_it(pipeline: Pipeline) -> None:
    boats = await delivered(pipeline, "Paper Boats")
    await delivered(pipeline, "Harbour")

    choice = await pipeline.members.source_from_track(MIA, "boat")

    assert (choice.track_id, choice.name, choice.takes) == (boats.tracks[0].id, "Paper Boats", 2)


async def test_a_take_is_chosen_by_the_number_after_its_title(pipeline: Pipeline) -> None:
    boats = await delivered(pipeline, "Paper Boats")

    for words in ("Paper Boats take 2", "boats take 2"):
        choice = await pipeline.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.takes) == (boats.tracks[1].id, None)
    with pytest.raises(Refused):
        await pipeline.members.source_from_track(MIA, "Paper Boats take 3")


async def test_ambiguous_words_are_answered_with_all_matching_titles(pipeline: Pipeline) -> None:
    await delivered(pipeline, "Paper Boats")
    await delivered(pipeline, "Paper Planes")

    with pytest.raises(Refused) as refused:
        await pipeline.members.source_from_track(MIA, "paper")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "“paper” could be several of your tracks: Paper Planes · take 1 · 1:30 · 23 Nov and"
        " Paper Boats · take 1 · 1:30 · 23 Nov. Write the whole title, or pick one from the list."
    )


async def test_a_track_that_cannot_be_found_is_named(pipeline: Pipeline) -> None:
    with pytest.raises(Refused) as refused:
        await pipeline.members.source_from_track(MIA, "*boats*")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "I can't find “\\*boats\\*” among your tracks. Pick one from the list that `track` shows."
    )
