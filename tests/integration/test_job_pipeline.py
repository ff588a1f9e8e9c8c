"""The services on a real database, step by step, with a clock that is turned and a provider that does as it is told."""

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
from bot.domain.text import text
from bot.errors import (
    NotAudio,
    ProviderBusy,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    Refused,
    SourceUnreachable,
)
from bot.services.common.messenger import RouteClosed, RouteTooSmall, RouteUnavailable
from bot.services.pipeline.accept import GOT_IT
from bot.text import Catalogue
from tests.support.fakes import BEGINNING, FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, World, a_world
from tests.support.storage_samples import a_place


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


# Taking a command in


async def test_an_accepted_job_holds_one_unit_and_waits(world: World) -> None:
    job = await world.accepted(style="folk", title="Boats", prompt="la la")

    assert job.state is JobState.ACCEPTED
    assert (await world.balance()).held == 1
    assert world.provider.uploaded == [b"audio"]
    assert world.messenger.answers == [[GOT_IT]]


async def test_every_broken_rule_and_the_bad_source_are_told_at_once_and_nothing_is_held(world: World) -> None:
    world.audio.error = NotAudio()

    job = await world.extend(title="Boats", vocal_gender="x", style_weight=2.0)

    assert job is None
    assert len(world.messenger.answers[0]) == 5  # the file, style, prompt, gender, weight
    assert (await world.balance()).held == 0
    assert world.provider.uploaded == []


@pytest.mark.parametrize("option", ["style_weight", "weirdness", "audio_weight"])
@pytest.mark.parametrize(("weight", "written"), [(math.nan, "NaN"), (math.inf, "Infinity")])
async def test_a_weight_that_is_no_number_is_refused_by_its_own_rule(
    world: World, option: str, weight: float, written: str
) -> None:
    weights: dict[str, Any] = {option: weight}

    assert await world.extend(**weights) is None

    (sentence,) = world.messenger.answers[0]
    assert sentence.message == "`{option}` is {given}. Use a number from 0 to 1."
    assert sentence.facts == {"option": option, "given": written}
    assert (await world.balance()).held == 0


async def test_what_an_instrumental_has_no_use_for_is_left_out_and_the_member_is_told(world: World) -> None:
    job = await world.accepted(
        instrumental=True, style="folk", title="Boats", prompt="la la", vocal_gender="f", continue_at=0.5
    )

    assert (job.request.prompt, job.request.vocal_gender) == ("", None)
    assert (job.request.continue_at, job.sent_continue_at) == (0.5, 1.0)
    told = [sentence.message for sentence in world.messenger.answers[0]]
    assert told == [
        GOT_IT.message,
        "An instrumental has no lyrics, so I left out your `prompt`.",
        "An instrumental has no singer, so I left out `vocal_gender`.",
        "The music service can't start before {earliest}, so I moved `continue_at` there.",
    ]
    assert world.messenger.added == []


async def test_a_private_command_is_told_what_was_left_out_in_a_message_of_its_own(world: World) -> None:
    await world.accepted(instrumental=True, vocal_gender="f", private=True)

    assert [sentence.message for sentence in world.messenger.added[0]] == [
        "An instrumental has no singer, so I left out `vocal_gender`."
    ]
    await world.accepted(private=True)
    assert len(world.messenger.added) == 1


async def test_the_same_interaction_makes_one_job(world: World) -> None:
    job = await world.accepted()
    world.interactions -= 1

    again = await world.extend()

    assert again == job
    assert (await world.balance()).held == 1


async def test_a_member_without_units_is_refused_before_anything_is_read(world: World) -> None:
    for _ in range(LIMIT):
        await world.accepted()
    world.fetcher.fetched.clear()

    assert await world.extend() is None

    assert "all {limit} of today's" in world.messenger.answers[-1][0].message
    assert world.fetcher.fetched == []


async def test_an_upload_that_fails_holds_nothing(world: World) -> None:
    world.provider.upload_error = ProviderBusy("maintenance", code=455)

    assert await world.extend() is None

    assert (await world.balance()).held == 0
    assert "isn't taking files right now" in world.messenger.answers[-1][0].message


async def test_a_command_that_a_dead_process_left_is_gone_on_with(world: World) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(place=place, source=source, request=ExtensionRequest(), due_at=world.clock() + timedelta(seconds=180))
    async with world.storage.transaction() as work:
        await work.intakes.claim(left)

    assert not await world.acceptance.step()  # somebody may still be at it
    world.clock.turn(181)
    assert await world.acceptance.step()

    assert await world.storage.reading.jobs.by_interaction(1) is not None


async def test_a_command_that_was_never_acknowledged_starts_nothing(world: World) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(place=place, source=source, request=ExtensionRequest(), due_at=world.clock())
    assert await world.acceptance.write_down(left)  # and then the process died
    world.messenger.can_answer = False
    world.clock.turn(200)

    assert await world.acceptance.step()

    assert await world.storage.reading.jobs.by_interaction(1) is None


async def test_a_command_too_old_to_be_answered_is_put_away(world: World) -> None:
    place = replace(a_place(), interaction_id=1, member_id=MIA, received_at=world.clock())
    source = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
    left = Intake(place=place, source=source, request=ExtensionRequest(), due_at=world.clock() + timedelta(seconds=180))
    async with world.storage.transaction() as work:
        await work.intakes.claim(left)
    world.clock.turn(900)

    assert await world.acceptance.step()

    assert await world.storage.reading.jobs.by_interaction(1) is None
    assert not await world.acceptance.step()


# Submitting


async def test_a_submitted_job_runs_under_its_task(world: World) -> None:
    job = await world.running()

    assert (job.state, job.task_id) == (JobState.RUNNING, "task-1")
    assert world.provider.extended == [f"https://encore.example/callbacks/{job.callback_token}"]
    assert not await world.submission.step()


async def test_a_busy_provider_puts_the_job_back_into_its_place(world: World) -> None:
    first, second = await world.accepted(), await world.accepted(member_id=2002)
    world.provider.answers = [ProviderBusy("too frequent", code=430)]

    assert await world.submission.step()

    job = await world.job(first)
    assert (job.state, job.attempts) == (JobState.ACCEPTED, 1)
    assert await world.storage.reading.jobs.queue_position(second.id) == 2
    world.clock.turn(10)
    assert await world.submission.step()
    assert (await world.job(first)).state is JobState.RUNNING


async def test_a_refused_job_fails_is_told_and_gets_its_unit_back(world: World) -> None:
    job = await world.accepted()
    world.provider.answers = [ProviderRefused("no", code=400)]

    await world.submission.step()
    await world.delivery.step()

    after = await world.job(job)
    assert after.state is JobState.FAILED
    assert after.failure is not None
    assert after.failure.reason is FailureReason.REFUSED
    assert world.messenger.ways[0].told_failures == [job.id]
    assert (await world.balance()).left == LIMIT


async def test_without_credits_nothing_is_submitted_until_they_are_back(world: World) -> None:
    job = await world.accepted()
    world.provider.answers = [ProviderOutOfCredits("top up", code=429)]
    world.provider.credits_left = 3

    await world.submission.step()
    assert not await world.submission.step()
    world.clock.turn(61)
    assert not await world.submission.step()
    world.provider.credits_left = 100
    world.clock.turn(61)

    assert await world.submission.step()
    assert (await world.job(job)).state is JobState.RUNNING
    assert len(world.provider.extended) == 2


async def test_a_submission_without_an_answer_is_never_repeated_and_a_callback_completes_it(world: World) -> None:
    job = await world.accepted()
    world.provider.answers = [ProviderSilent("timeout")]

    await world.submission.step()
    world.clock.turn(600)
    assert not await world.submission.step()
    unknown = await world.job(job)
    assert (unknown.state, unknown.outcome_unknown) == (JobState.SUBMITTING, True)
    assert (await world.balance()).held == 1
    await world.call_back(unknown, "complete")

    after = await world.job(job)
    assert (after.state, after.task_id) == (JobState.FINISHED, "task-told")
    assert len(world.provider.extended) == 1


async def test_an_unknown_outcome_returns_its_unit_once_at_the_deadline(world: World) -> None:
    job = await world.accepted()
    world.provider.answers = [ProviderSilent("timeout")]
    await world.submission.step()

    world.clock.turn(901)
    assert await world.watch.step()
    assert (await world.job(job)).state is JobState.OVERDUE
    world.clock.turn(86400)
    for _ in range(3):
        assert (await world.job(job)).state is JobState.OVERDUE
        assert await world.watch.step()
        world.clock.turn(31)
    assert not await world.watch.step()

    after = await world.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.SILENCE
    day = quota_day(BEGINNING)
    assert (await world.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


async def test_a_job_that_was_claimed_and_never_sent_goes_back_to_its_place(world: World) -> None:
    job = await world.accepted()
    async with world.storage.transaction() as work:
        await work.jobs.claim_turn(now=world.clock(), until=world.clock() + timedelta(seconds=30))

    world.clock.turn(31)
    assert await world.watch.step()
    assert await world.submission.step()

    assert (await world.job(job)).state is JobState.RUNNING
    assert len(world.provider.extended) == 1


async def test_a_submission_whose_process_died_is_unknown_and_not_repeated(world: World) -> None:
    job = await world.accepted()
    async with world.storage.transaction() as work:
        claimed = await work.jobs.claim_turn(now=world.clock(), until=world.clock() + timedelta(seconds=30))
    assert claimed is not None
    assert await world.submission._mark_sent(claimed)
    assert not await world.submission._mark_sent(claimed)

    world.clock.turn(181)
    assert await world.watch.step()

    after = await world.job(job)
    assert (after.state, after.outcome_unknown) == (JobState.SUBMITTING, True)
    assert not await world.submission.step()


async def test_a_callback_that_is_faster_than_the_answer_is_kept(world: World) -> None:
    job = await world.accepted()
    claimed: list[Job] = []
    async with world.storage.transaction() as work:
        turn = await work.jobs.claim_turn(now=world.clock(), until=world.clock() + timedelta(seconds=180))
        assert turn is not None
        claimed.append(turn)
    await world.call_back(claimed[0], "complete")

    await world.submission._submit(claimed[0], "attempt")

    assert (await world.job(job)).state is JobState.FINISHED


# News of the task


async def test_callbacks_lead_from_text_to_the_finished_tracks(world: World) -> None:
    job = await world.running()

    await world.call_back(job, "text", tracks=0)
    assert (await world.job(job)).stage is Stage.TEXT
    await world.call_back(job, "first", tracks=1)
    assert (await world.job(job)).stage is Stage.FIRST
    await world.call_back(job, "complete")

    after = await world.job(job)
    assert (after.state, len(after.tracks)) == (JobState.FINISHED, 2)


async def test_late_news_and_a_late_error_never_undo_what_is_finished(world: World) -> None:
    job = await world.running()
    await world.call_back(job, "complete")
    finished = await world.job(job)

    await world.call_back(job, "text", tracks=0)
    await world.call_back(job, "error", code=500, tracks=0)

    assert await world.job(job) == finished


async def test_an_error_callback_fails_the_job_and_returns_the_unit(world: World) -> None:
    job = await world.running()

    await world.call_back(job, "error", code=413, tracks=0)

    after = await world.job(job)
    assert after.failure is not None
    assert (after.state, after.failure.reason) == (JobState.FAILED, FailureReason.COPYRIGHT)
    assert (await world.balance()).left == LIMIT


async def test_a_complete_without_any_track_is_asked_after_again(world: World) -> None:
    job = await world.running()

    await world.call_back(job, "complete", tracks=0)

    assert (await world.job(job)).state is JobState.RUNNING
    assert job.task_id is not None
    world.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    assert await world.watch.step()
    assert (await world.job(job)).state is JobState.FINISHED


async def test_a_silent_job_is_asked_after_and_an_unreachable_provider_changes_nothing(world: World) -> None:
    job = await world.running()
    assert job.task_id is not None
    world.provider.reports[job.task_id] = ProviderBusy("away")

    assert not await world.watch.step()
    world.clock.turn(31)
    assert await world.watch.step()
    world.clock.turn(31)
    assert await world.watch.step()

    assert world.provider.asked == [job.task_id, job.task_id]
    assert (await world.job(job)).state is JobState.RUNNING


async def test_an_overdue_job_is_still_asked_after_and_can_finish(world: World) -> None:
    job = await world.running()
    assert job.task_id is not None
    world.clock.turn(901)
    await world.watch.step()
    assert (await world.job(job)).state is JobState.OVERDUE

    world.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
    world.clock.turn(31)
    await world.watch.step()

    assert (await world.job(job)).state is JobState.FINISHED


# Delivering


async def test_a_finished_job_is_posted_once_and_its_unit_spent(world: World) -> None:
    job = await world.finished()

    assert await world.delivery.step()
    assert not await world.delivery.step()

    after = await world.job(job)
    assert (after.state, after.final_message_id) == (JobState.DELIVERED, 1)
    posted = world.messenger.ways[0].posted
    assert [len(files) for _, files in posted] == [2]
    assert (await world.balance()).spent == 1


async def test_a_post_whose_answer_was_lost_is_found_and_not_made_again(world: World) -> None:
    job = await world.finished()
    way = world.messenger.ways[0]
    way.after_effect = [RouteUnavailable("connection lost")]

    await world.delivery.step()
    world.clock.turn(60)
    await world.delivery.step()

    assert len(way.posted) == 1
    assert way.looked == 1
    assert (await world.job(job)).state is JobState.DELIVERED


async def test_a_closed_channel_leads_to_a_direct_message(world: World) -> None:
    channel, direct = FakeRoute(errors=[RouteClosed("gone")]), FakeRoute(name="direct")
    world.messenger.ways = [channel, direct]
    job = await world.finished()

    await world.delivery.step()

    assert [job_id for job_id, _ in direct.posted] == [job.id]
    assert (await world.job(job)).state is JobState.DELIVERED


async def test_with_nowhere_to_post_the_music_waits_to_be_collected_and_stays_paid_for(world: World) -> None:
    world.messenger.ways = [FakeRoute(errors=[RouteClosed("gone")])]
    job = await world.finished()

    await world.delivery.step()

    after = await world.job(job)
    assert (after.state, after.failure) == (JobState.UNCOLLECTED, None)
    assert (await world.balance()).left == LIMIT - 1


async def test_files_that_turn_out_too_large_are_encoded_again_and_at_last_linked(world: World) -> None:
    way = world.messenger.ways[0]
    way.errors = [RouteTooSmall("413"), RouteTooSmall("413")]
    await world.finished()

    await world.delivery.step()

    ((_, files),) = way.posted
    assert [file.path for file in files] == [None, None]


async def test_tracks_that_cannot_be_fetched_are_asked_for_again(world: World) -> None:
    job = await world.running()
    gone = SourceUnreachable("404", text("gone"))
    world.fetcher.errors = {track.audio_url: gone for track in TRACKS}
    await world.call_back(job, "complete")
    assert job.task_id is not None
    renewed = tuple(replace(track, audio_url=track.audio_url + "?again") for track in TRACKS)
    world.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=renewed)

    await world.delivery.step()

    assert (await world.job(job)).state is JobState.DELIVERED


async def test_tracks_that_stay_away_fail_the_job_only_at_the_deadline(world: World) -> None:
    job = await world.finished()
    gone = SourceUnreachable("404", text("gone"))
    world.fetcher.errors = {track.audio_url: gone for track in TRACKS}

    await world.delivery.step()
    assert (await world.job(job)).state is JobState.FINISHED
    world.clock.turn(86400)
    for _ in range(3):
        assert (await world.job(job)).state is JobState.FINISHED
        await world.delivery.step()
        world.clock.turn(400)

    after = await world.job(job)
    assert after.failure is not None
    assert after.failure.reason is FailureReason.TRACKS_GONE
    assert await world.delivery.step()  # and the member is told
    assert world.messenger.ways[0].told_failures == [job.id]
    day = quota_day(BEGINNING)
    assert (await world.storage.reading.ledger.balance(MIA, day=day, limit=LIMIT)).left == LIMIT


# Members


async def test_a_waiting_job_can_be_cancelled_and_costs_nothing(world: World) -> None:
    job = await world.accepted()

    cancelled = await world.members.cancel(MIA, job.short_id)

    assert cancelled.state is JobState.CANCELLED
    assert (await world.balance()).left == LIMIT
    assert not await world.submission.step()


async def test_a_running_job_and_another_members_job_cannot_be_cancelled(world: World) -> None:
    job = await world.running()

    with pytest.raises(Refused):
        await world.members.cancel(MIA, job.short_id)
    with pytest.raises(Refused):
        await world.members.cancel(2002, job.short_id)

    assert (await world.job(job)).state is JobState.RUNNING


async def test_a_track_of_ones_own_can_be_a_source_with_its_model(world: World) -> None:
    await world.finished()
    await world.delivery.step()

    choice = await world.members.source_from_track(MIA, "one")

    assert (choice.kind, choice.model, choice.takes) == (SourceKind.TRACK, "V5", None)
    with pytest.raises(Refused):
        await world.members.source_from_track(2002, "one")


async def delivered(world: World, title: str, *, model: str = "V5") -> Job:
    """A job of Mia's with two tracks of that title."""
    job = await world.accepted(style="folk", title=title, prompt="la la", model=model)
    assert await world.submission.step()
    task_id = (await world.job(job)).task_id
    assert task_id is not None
    tracks = tuple(replace(track, id=f"{title}-{n}-{job.id[:4]}", title=title) for n, track in enumerate(TRACKS, 1))
    world.provider.reports[task_id] = TaskReport(task_id=task_id, kind=ReportKind.COMPLETE, tracks=tracks)
    world.clock.turn(31)
    assert await world.watch.step()
    assert await world.delivery.step()
    return await world.job(job)


async def test_a_title_means_the_newest_track_that_has_it(world: World) -> None:
    await delivered(world, "Paper Boats", model="V4")
    newest = await delivered(world, "paper boats", model="V4_5")
    await delivered(world, "Paper Boats II")

    for words in ("Paper Boats", " PAPER BOATS "):
        choice = await world.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.model, choice.takes) == (newest.tracks[0].id, "V4_5", 2)


async def test_a_part_of_a_title_is_enough_if_it_is_in_no_other(world: World) -> None:
    boats = await delivered(world, "Paper Boats")
    await delivered(world, "Harbour")

    choice = await world.members.source_from_track(MIA, "boat")

    assert (choice.track_id, choice.name, choice.takes) == (boats.tracks[0].id, "Paper Boats", 2)


async def test_a_take_is_chosen_by_its_number_behind_the_title(world: World) -> None:
    boats = await delivered(world, "Paper Boats")

    for words in ("Paper Boats take 2", "boats take 2"):
        choice = await world.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.takes) == (boats.tracks[1].id, None)
    with pytest.raises(Refused):
        await world.members.source_from_track(MIA, "Paper Boats take 3")


async def test_words_that_could_mean_several_titles_are_answered_with_all_of_them(world: World) -> None:
    await delivered(world, "Paper Boats")
    await delivered(world, "Paper Planes")

    with pytest.raises(Refused) as refused:
        await world.members.source_from_track(MIA, "paper")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "“paper” could be several of your tracks: Paper Planes · take 1 · 1:30 · 23 Nov and"
        " Paper Boats · take 1 · 1:30 · 23 Nov. Write the whole title, or pick one from the list."
    )


async def test_a_track_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.members.source_from_track(MIA, "*boats*")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "I can't find “\\*boats\\*” among your tracks. Pick one from the list that `track` shows."
    )
