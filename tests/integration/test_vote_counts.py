"""Votes below a result on a real database: counted once for each person, shown in few edits."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.clicks import Click
from bot.domain.jobs import Job
from bot.errors import Refused, TakenElsewhere
from bot.services.common.messenger import RouteBusy, RouteClosed, RouteUnavailable
from bot.services.songs.results import Results, VoteOutcome
from bot.services.songs.vote_counts import TRIES, VoteCounts, VoteTimes
from tests.support.pipeline import Pipeline, a_pipeline, another_process
from tests.support.storage_samples import a_delivered, a_job, a_track, insert

MESSAGE, CHANNEL = 700, 300
_interactions = count(9000)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def results(pipeline: Pipeline) -> Results:
    return Results(pipeline.storage, bells=pipeline.bells, clock=pipeline.clock)


def counter(pipeline: Pipeline) -> VoteCounts:
    return VoteCounts(pipeline.storage, pipeline.messenger, times=VoteTimes(every=4), clock=pipeline.clock)


async def a_result(pipeline: Pipeline, *, private: bool = False) -> Job:
    job = a_delivered(a_job(), a_track(1), a_track(2))
    job = replace(job, place=replace(job.place, private=private))
    await insert(pipeline.storage, job)
    return job


def click(member_id: int = 1, *, message_id: int = MESSAGE, interaction_id: int | None = None) -> Click:
    return Click(
        interaction_id=interaction_id or next(_interactions),
        member_id=member_id,
        message_id=message_id,
        channel_id=CHANNEL,
        guild_id=200,
    )


async def look(counts: VoteCounts) -> None:
    while await counts.step():
        pass


async def test_a_vote_is_given_changed_and_withdrawn(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    outcomes = []
    for take in (1, 2, 2):
        outcomes.append(await results(pipeline).vote(job.id, take, click()))
        pipeline.clock.turn(10)

    assert outcomes == [VoteOutcome.GIVEN, VoteOutcome.CHANGED, VoteOutcome.WITHDRAWN]
    assert await pipeline.storage.reading.votes.below(MESSAGE) == {}


async def test_a_private_result_is_nothing_for_others_whoever_knows_its_id(pipeline: Pipeline) -> None:
    job, asked = await a_result(pipeline, private=True), results(pipeline)

    for forbidden in (asked.job(job.id, 5), asked.take(job.id, 1, 5), asked.vote(job.id, 1, click(5))):
        with pytest.raises(Refused, match="don't have this job"):
            await forbidden

    assert await asked.job(job.id, job.place.member_id) == job


async def test_a_double_click_votes_once(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)

    assert await results(pipeline).vote(job.id, 1, click()) is VoteOutcome.GIVEN
    pipeline.clock.turn(0.5)
    assert await results(pipeline).vote(job.id, 1, click()) is VoteOutcome.REPEATED

    assert await pipeline.storage.reading.votes.below(MESSAGE) == {1: 1}


async def test_a_quick_change_of_mind_is_no_double_click(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    outcomes = [await results(pipeline).vote(job.id, take, click()) for take in (1, 2, 1)]

    assert outcomes == [VoteOutcome.GIVEN, VoteOutcome.CHANGED, VoteOutcome.CHANGED]
    assert await pipeline.storage.reading.votes.below(MESSAGE) == {1: 1}


async def test_a_clock_that_was_set_back_holds_no_click_up(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    await results(pipeline).vote(job.id, 1, click())
    pipeline.clock.jump(-3600)

    assert await results(pipeline).vote(job.id, 1, click()) is VoteOutcome.WITHDRAWN


async def test_a_click_that_comes_twice_counts_in_one_process(pipeline: Pipeline, tmp_path: Path) -> None:
    job, same = await a_result(pipeline), click()
    await results(pipeline).vote(job.id, 1, same)

    async with another_process(tmp_path, pipeline) as other:
        with pytest.raises(TakenElsewhere):
            await results(other).vote(job.id, 1, same)

    assert await pipeline.storage.reading.votes.below(MESSAGE) == {1: 1}


async def test_a_vote_for_an_erased_job_or_an_unknown_take_is_refused(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)

    with pytest.raises(Refused, match="don't have this take"):
        await results(pipeline).vote(job.id, 3, click())
    with pytest.raises(Refused, match="don't have this job"):
        await results(pipeline).vote("f" * 32, 1, click())


async def test_many_clicks_make_few_edits_and_the_last_one_is_shown(pipeline: Pipeline) -> None:
    job, counts = await a_result(pipeline), counter(pipeline)
    for member_id in range(1, 41):
        await results(pipeline).vote(job.id, 1 + member_id % 2, click(member_id))
        await look(counts)
        pipeline.clock.turn(0.1)
    pipeline.clock.turn(4)
    await look(counts)

    assert len(pipeline.messenger.vote_edits) <= 3
    assert pipeline.messenger.vote_edits[-1] == (MESSAGE, {1: 20, 2: 20})
    assert await counts.next_due() is None


async def test_each_message_shows_its_own_votes(pipeline: Pipeline) -> None:
    job, counts = await a_result(pipeline), counter(pipeline)
    await results(pipeline).vote(job.id, 1, click(1, message_id=1))
    await results(pipeline).vote(job.id, 2, click(2, message_id=2))
    await look(counts)

    assert sorted(pipeline.messenger.vote_edits) == [(1, {1: 1}), (2, {2: 1})]
    assert await results(pipeline).winner(job.id) is None


async def test_the_take_that_most_people_prefer_wins_across_all_messages(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    for member_id, message_id in ((1, 1), (2, 2)):
        await results(pipeline).vote(job.id, 2, click(member_id, message_id=message_id))
    await results(pipeline).vote(job.id, 1, click(3))

    assert await results(pipeline).winner(job.id) == 2


async def test_votes_given_before_a_restart_are_shown_after_it(pipeline: Pipeline, tmp_path: Path) -> None:
    job = await a_result(pipeline)
    await results(pipeline).vote(job.id, 2, click())

    async with another_process(tmp_path, pipeline) as other:
        await look(counter(other))
        assert other.messenger.vote_edits == [(MESSAGE, {2: 1})]


async def test_two_processes_make_one_edit(pipeline: Pipeline, tmp_path: Path) -> None:
    job = await a_result(pipeline)
    await results(pipeline).vote(job.id, 2, click())

    async with another_process(tmp_path, pipeline) as other:
        await look(counter(pipeline))
        await look(counter(other))
        assert len(pipeline.messenger.vote_edits) + len(other.messenger.vote_edits) == 1


async def test_what_a_dead_process_had_in_hand_is_shown_by_another(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    await results(pipeline).vote(job.id, 2, click())
    async with pipeline.storage.transaction() as work:
        now = pipeline.clock()
        await work.votes.claim_due(now=now, until=now + timedelta(seconds=30), limit=9, owner="dead")
    await look(counter(pipeline))
    assert not pipeline.messenger.vote_edits
    pipeline.clock.turn(30)

    await look(counter(pipeline))

    assert pipeline.messenger.vote_edits == [(MESSAGE, {2: 1})]


async def test_a_busy_channel_puts_the_counts_off(pipeline: Pipeline) -> None:
    job, counts = await a_result(pipeline), counter(pipeline)
    pipeline.messenger.vote_errors = [RouteBusy(3.0)]
    await results(pipeline).vote(job.id, 2, click())
    await look(counts)
    assert not pipeline.messenger.vote_edits

    pipeline.clock.turn(3)
    await look(counts)

    assert pipeline.messenger.vote_edits == [(MESSAGE, {2: 1})]


@pytest.mark.parametrize("errors", [[RouteClosed("deleted")], [RouteUnavailable("no answer")] * TRIES])
async def test_a_message_that_cannot_be_edited_is_left_until_the_next_vote(
    pipeline: Pipeline, errors: list[Exception]
) -> None:
    job, counts = await a_result(pipeline), counter(pipeline)
    pipeline.messenger.vote_errors = list(errors)
    await results(pipeline).vote(job.id, 2, click())
    while await counts.next_due() is not None:
        await look(counts)
        pipeline.clock.turn(600)
    assert not pipeline.messenger.vote_edits

    await results(pipeline).vote(job.id, 2, click(5))
    await look(counts)

    assert pipeline.messenger.vote_edits == [(MESSAGE, {2: 2})]


async def test_votes_go_with_their_job(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    await results(pipeline).vote(job.id, 2, click())

    async with pipeline.storage.transaction() as work:
        assert await work.housekeeping.remove_jobs(ended_before=pipeline.clock(), limit=10) == 1

    assert await pipeline.storage.reading.votes.of_job(job.id, limit=10) == []
    assert await counter(pipeline).next_due() is None


async def test_a_job_that_is_erased_while_its_votes_are_shown_is_left_alone(pipeline: Pipeline) -> None:
    job, counts = await a_result(pipeline), counter(pipeline)
    await results(pipeline).vote(job.id, 2, click())

    async def erased(*_: object, **__: object) -> None:
        async with pipeline.storage.transaction() as work:
            await work.housekeeping.remove_jobs(ended_before=pipeline.clock(), limit=10)

    pipeline.messenger.show_votes = erased  # type: ignore[method-assign]
    await look(counts)

    assert await counts.next_due() is None
