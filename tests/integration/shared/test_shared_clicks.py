"""Two processes that get the same clicks: each is carried out by one of them, and the limits apply to both together."""

import asyncio
from itertools import count

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import Verbatim
from bot.errors import Refused, TakenElsewhere
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.pipeline import MIA, Pipeline
from tests.support.storage_samples import a_place

LEASE_SECONDS = 30
clicks = count(7000)


def a_click(pipeline: Pipeline) -> Place:
    return replace(a_place(), interaction_id=next(clicks), channel_id=555, member_id=MIA, received_at=pipeline.clock())


async def delivered(pipeline: Pipeline) -> Job:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_a_click_that_both_hear_sends_the_music_once_and_one_of_them_answers(
    one: Pipeline, other: Pipeline
) -> None:
    job, click = await delivered(one), a_click(one)

    outcomes = await asyncio.gather(
        *(each.resend.send_again(job.id, MIA, click) for each in (one, other)), return_exceptions=True
    )

    assert sorted(map(repr, outcomes)) == ["None", "TakenElsewhere()"]
    assert len(one.messenger.ways[0].posted) == 2
    said = [answer[0].message for each in (one, other) for answer in each.messenger.answers]
    assert said.count("Sent: {link}") == 1


async def test_a_member_is_sent_one_thing_at_a_time_whichever_process_gets_the_click(
    one: Pipeline, other: Pipeline
) -> None:
    job, second = await delivered(one), await delivered(one)
    async with asyncio.timeout(PATIENCE_SECONDS), hold("while a track is fetched") as fetching:
        sending = asyncio.create_task(one.resend.send_again(job.id, MIA, a_click(one)))
        await fetching.reached()

        with pytest.raises(Refused, match="already sending it"):
            await other.resend.send_again(job.id, MIA, a_click(one))
        with pytest.raises(Refused, match="something else"):
            await other.resend.send_again(second.id, MIA, a_click(one))
        fetching.release()
        await sending


async def test_one_process_links_to_what_another_has_just_sent(one: Pipeline, other: Pipeline) -> None:
    job = await delivered(one)
    await one.resend.send_again(job.id, MIA, a_click(one))

    with pytest.raises(Refused) as refused:
        await other.resend.send_again(job.id, MIA, a_click(one))

    (sentence,) = refused.value.sentences
    assert sentence.facts["link"] == Verbatim("https://discord.com/channels/200/555/2")
    one.clock.turn(61)
    await other.resend.send_again(job.id, MIA, a_click(one))


async def test_a_frozen_sender_posts_nothing_that_another_has_sent(one: Pipeline, other: Pipeline) -> None:
    job = await delivered(one)
    async with asyncio.timeout(PATIENCE_SECONDS), hold("before the post") as posting:
        frozen = asyncio.create_task(one.resend.send_again(job.id, MIA, a_click(one)))
        await posting.reached()
        one.clock.turn(LEASE_SECONDS + 1)
        second = asyncio.create_task(other.resend.send_again(job.id, MIA, a_click(one)))
        await posting.reached()
        posting.release()
        await second
        with pytest.raises(Refused):
            await frozen

    assert len(one.messenger.ways[0].posted) == 2


async def test_nothing_blocks_a_member_whose_sending_process_died(one: Pipeline, other: Pipeline) -> None:
    job = await delivered(one)
    async with one.storage.transaction() as work:
        until = one.clock.now.replace(minute=one.clock.now.minute + 1)
        await work.sendings.begin(job.id, member_id=MIA, owner="dead", until=until)
    one.clock.turn(61)

    await other.resend.send_again(job.id, MIA, a_click(one))


async def test_a_cancellation_that_both_hear_cancels_one_job(one: Pipeline, other: Pipeline) -> None:
    """After the first job is cancelled, the same words would mean the second one."""
    sunrise = await one.accepted(title="Sunrise", style="calm", instrumental=True)
    again = await one.accepted(title="Sunrise again", style="calm", instrumental=True)

    await one.members.cancel(MIA, "sunrise", interaction_id=7)
    with pytest.raises(TakenElsewhere):
        await other.members.cancel(MIA, "sunrise", interaction_id=7)

    states = [(await one.job(job)).state for job in (sunrise, again)]
    assert states == [JobState.CANCELLED, JobState.ACCEPTED]


async def test_a_held_job_is_continued_by_one_of_two_that_hear_the_click(one: Pipeline, other: Pipeline) -> None:
    job = await one.held_back()

    await one.members.continue_(MIA, job.id, interaction_id=7)
    with pytest.raises(TakenElsewhere):
        await other.members.continue_(MIA, job.id, interaction_id=7)

    assert (await one.job(job)).state is JobState.ACCEPTED
