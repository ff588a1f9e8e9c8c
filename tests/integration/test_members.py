"""What members can do with their own jobs, but not with anybody else's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState
from bot.domain.quota import quota_day
from bot.errors import ProviderBusy, Refused
from bot.fault_points import hold
from bot.text import Catalogue
from tests.support.pipeline import LIMIT, MIA, Pipeline, a_pipeline

BEN = 2002
DAY_SECONDS = 86_400


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_only_its_member_sees_a_job_or_does_anything_with_it(pipeline: Pipeline) -> None:
    job = await pipeline.held_back()

    for attempt in (pipeline.members.job(BEN, job.id), pipeline.members.continue_(BEN, job.id)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.sentences[0].message == "This is someone else's job."
    with pytest.raises(Refused):
        await pipeline.members.cancel(BEN, job.id)
    assert (await pipeline.job(job)).state is JobState.ON_HOLD


async def test_a_removed_job_is_reported_as_gone(pipeline: Pipeline) -> None:
    with pytest.raises(Refused) as refused:
        await pipeline.members.job(MIA, "0" * 32)

    assert refused.value.sentences[0].message == "I don't have this job any more."


async def test_a_job_on_hold_is_continued_in_its_old_place(pipeline: Pipeline) -> None:
    job = await pipeline.held_back()
    later = await pipeline.accepted(member_id=BEN)

    continued = await pipeline.members.continue_(MIA, job.id)
    again = await pipeline.members.continue_(MIA, job.id)

    assert continued.state is again.state is JobState.ACCEPTED
    assert await pipeline.storage.reading.jobs.queue_position(job.id) == 1
    assert await pipeline.storage.reading.jobs.queue_position(later.id) == 2
    assert await pipeline.submission.step()
    assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_a_job_on_hold_can_be_cancelled_and_gives_its_unit_back(pipeline: Pipeline) -> None:
    job = await pipeline.held_back()

    cancelled = await pipeline.members.cancel(MIA, job.id)

    assert cancelled.state is JobState.CANCELLED
    assert (await pipeline.balance()).left == LIMIT


async def named(pipeline: Pipeline, title: str) -> Job:
    return await pipeline.accepted(style="folk", title=title, prompt="la")


async def refusal_of_cancelling(pipeline: Pipeline, words: str) -> str:
    with pytest.raises(Refused) as refused:
        await pipeline.members.cancel(MIA, words)
    return Catalogue.load().render(refused.value.sentences[0], "en-US")


@pytest.mark.parametrize("words", ["Two", "two", " `TWO` ", "wo"])
async def test_a_job_is_cancelled_by_its_title(pipeline: Pipeline, words: str) -> None:
    jobs = [await named(pipeline, title) for title in ("One", "Two", "Three")]

    cancelled = await pipeline.members.cancel(MIA, words)

    assert cancelled.id == jobs[1].id
    assert [(await pipeline.job(job)).state is JobState.CANCELLED for job in jobs] == [False, True, False]


async def test_a_title_that_several_waiting_jobs_have_names_them_all_and_cancels_none(pipeline: Pipeline) -> None:
    first, second = [await named(pipeline, "Two") for _ in range(2)]

    told = await refusal_of_cancelling(pipeline, "Two")

    assert told.startswith("“Two” could mean several of your jobs: Two `")
    assert first.short_id in told
    assert second.short_id in told
    assert (await pipeline.balance()).held == 2


async def test_the_title_of_a_job_that_no_longer_waits_says_how_it_stands(pipeline: Pipeline) -> None:
    await named(pipeline, "Two")
    assert await pipeline.submission.step()

    assert await refusal_of_cancelling(pipeline, "Two") == "**Two**: composing. It's too late to cancel it."
    assert await refusal_of_cancelling(pipeline, "Four") == "You have no job `Four`. See yours with `/jobs`."


async def test_a_whole_title_counts_before_the_beginning_of_an_id(pipeline: Pipeline) -> None:
    other = await named(pipeline, "Other")
    named_like_it = await named(pipeline, other.id[:4])

    assert (await pipeline.members.cancel(MIA, other.id[:4])).id == named_like_it.id


async def test_a_job_on_hold_is_cancelled_by_its_title_too(pipeline: Pipeline) -> None:
    job = await pipeline.held_back(await named(pipeline, "Two"))

    assert [each.id for each in await pipeline.members.cancellable(MIA)] == [job.id]
    assert (await pipeline.members.cancel(MIA, "Two")).id == job.id


async def test_a_job_that_is_not_on_hold_cannot_be_continued(pipeline: Pipeline) -> None:
    job = await pipeline.running()

    with pytest.raises(Refused) as refused:
        await pipeline.members.continue_(MIA, job.id)

    assert "Only a job on hold" in refused.value.sentences[0].message


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


async def test_a_continued_job_waits_anew_and_keeps_its_place(pipeline: Pipeline) -> None:
    job = await pipeline.held_back()
    later = await pipeline.accepted(member_id=BEN)
    pipeline.clock.turn(2 * DAY_SECONDS)

    continued = await pipeline.members.continue_(MIA, job.id)
    await pipeline.progress.step()

    assert (await pipeline.job(job)).waits_since == continued.waits_since == pipeline.clock()
    (shown,) = [view for job_id, view in pipeline.messenger.shown if job_id == job.id]
    assert shown.since == pipeline.clock()
    oldest = await pipeline.storage.reading.jobs.oldest_waiting()
    assert oldest is not None
    assert oldest.id == later.id
    assert await pipeline.storage.reading.jobs.queue_position(job.id) == 1


async def test_a_continued_job_is_not_given_up_for_the_days_that_it_was_on_hold(pipeline: Pipeline) -> None:
    job = await pipeline.held_back()
    pipeline.clock.turn(2 * DAY_SECONDS)
    await pipeline.members.continue_(MIA, job.id)
    pipeline.provider.answers = [ProviderBusy("later", code=455) for _ in range(10)]
    for _ in range(5):
        await pipeline.submission.step()
        pipeline.clock.turn(600)

    await pipeline.waiting.step()

    assert (await pipeline.job(job)).state is JobState.ACCEPTED


async def test_an_extension_is_counted_on_the_day_its_job_is_accepted_however_long_the_source_was_read(
    pipeline: Pipeline,
) -> None:
    await pipeline.waiting_command()
    async with hold("after the source upload") as upload:
        accepting = asyncio.create_task(pipeline.acceptance.step())
        await upload.reached()
        pipeline.clock.turn(DAY_SECONDS)
        upload.release()
        await accepting

    job = await pipeline.latest_job()
    assert job is not None
    assert job.accepted_at == pipeline.clock()
    ledger = pipeline.storage.reading.ledger
    assert (await ledger.balance(MIA, day=quota_day(job.accepted_at), limit=LIMIT)).held == 1
