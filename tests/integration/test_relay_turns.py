"""Relays on a real database: one turn for one member, one message for each piece of news."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Intake, Job, JobState, Parent, Place, RelayTurn
from bot.domain.relays import CLAIM, Opening, Stand
from bot.domain.request import ExtensionRequest
from bot.errors import Refused, TakenElsewhere
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from bot.services.songs.relay_news import TRIES, RelayNews, RelayTimes
from bot.services.songs.relays import Relays, RelayView
from tests.support.pipeline import LIMIT, MIA, PIECE, Pipeline, a_pipeline, another_process
from tests.support.storage_samples import a_delivered, a_job, a_place, a_track, insert

NOA, LEO = 1002, 1003
VOTING = timedelta(minutes=2)
EVERY = 4


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@dataclass
class Posts:
    """What was told, by stand of the present turn; the next messages raise `errors`."""

    told: list[RelayView] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def tell(self, view: RelayView) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.append(view)

    @property
    def stands(self) -> list[Stand]:
        return [view.position.stand for view in self.told]


def relays(pipeline: Pipeline) -> Relays:
    return Relays(pipeline.storage, voting=VOTING, bells=pipeline.bells, clock=pipeline.clock)


def news(pipeline: Pipeline, posts: Posts) -> RelayNews:
    return RelayNews(pipeline.storage, posts, times=RelayTimes(every=EVERY), clock=pipeline.clock)


async def look(worker: RelayNews) -> None:
    while await worker.step():
        pass


def place(pipeline: Pipeline, member_id: int = MIA) -> Place:
    return replace(a_place(member_id=member_id), received_at=pipeline.clock())


async def a_relay(pipeline: Pipeline) -> tuple[str, Job]:
    """Mia's relay, which begins with a result of hers that people have voted for long enough."""
    job = a_delivered(a_job(member_id=MIA), a_track(1), a_track(2), at=pipeline.clock() - VOTING)
    await insert(pipeline.storage, job)
    opening = Opening(member_id=MIA, title="Tide", model="V5", job_id=job.id)
    view = await relays(pipeline).start(place(pipeline), opening)
    return view.relay.id, job


def an_intake(pipeline: Pipeline, view: RelayView, member_id: int) -> Intake:
    """What the member's form for this turn sends."""
    base = view.position.base
    assert base is not None
    pipeline.interactions += 1
    return Intake(
        place=replace(place(pipeline, member_id), interaction_id=5000 + pipeline.interactions),
        source=PIECE,
        request=ExtensionRequest(),
        parent=Parent(job_id=base.id, song_id=base.song_id, track_id=base.tracks[0].id),
        relay_turn=RelayTurn(relay_id=view.relay.id, number=view.position.number),
        due_at=pipeline.clock(),
    )


async def sent_off(pipeline: Pipeline, view: RelayView, member_id: int) -> Job:
    """The member's turn as an accepted job."""
    intake = an_intake(pipeline, view, member_id)
    assert await pipeline.acceptance.write_down(intake)
    await pipeline.acceptance.begin(intake)
    await pipeline.acceptance.step()
    job = await pipeline.latest_job()
    assert job is not None
    return job


async def delivered(pipeline: Pipeline, job: Job) -> None:
    tracks = (a_track(3), a_track(4))
    async with pipeline.storage.transaction() as work:
        await work.jobs.save(a_delivered(job, *tracks, at=pipeline.clock()))


async def test_one_of_two_processes_gets_the_turn(pipeline: Pipeline, tmp_path: Path) -> None:
    relay_id, _ = await a_relay(pipeline)
    async with another_process(tmp_path, pipeline) as other:
        view = await relays(pipeline).take_turn(relay_id, NOA)
        with pytest.raises(Refused, match="has this turn"):
            await relays(other).take_turn(relay_id, LEO)
        again = await relays(other).take_turn(relay_id, NOA)

    assert (view.position.number, again.position.number) == (1, 1)


async def test_a_command_that_two_processes_hear_is_carried_out_once(pipeline: Pipeline, tmp_path: Path) -> None:
    await a_relay(pipeline)
    command = place(pipeline)
    await relays(pipeline).finish(command, manages_messages=False)

    async with another_process(tmp_path, pipeline) as other:
        with pytest.raises(TakenElsewhere):
            await relays(other).finish(command, manages_messages=False)


async def test_a_turn_that_runs_out_can_be_taken_by_another_and_the_first_is_refused_before_anything_is_held(
    pipeline: Pipeline,
) -> None:
    relay_id, _ = await a_relay(pipeline)
    late = await relays(pipeline).take_turn(relay_id, NOA)
    pipeline.clock.turn(CLAIM.total_seconds())
    await relays(pipeline).take_turn(relay_id, LEO)

    with pytest.raises(Refused, match="isn't yours any more"):
        await sent_off(pipeline, late, NOA)

    assert (await pipeline.balance(NOA)).left == LIMIT


async def test_a_form_that_is_late_is_still_good_while_nobody_else_has_the_turn(pipeline: Pipeline) -> None:
    relay_id, _ = await a_relay(pipeline)
    view = await relays(pipeline).take_turn(relay_id, NOA)
    pipeline.clock.turn(CLAIM.total_seconds() * 2)

    job = await sent_off(pipeline, view, NOA)

    assert (await pipeline.balance(NOA)).left == LIMIT - 1
    with pytest.raises(Refused, match="isn't yours any more"):
        await sent_off(pipeline, view, NOA)  # the same form once more
    assert (await pipeline.storage.reading.relays.turns(relay_id))[0].job_id == job.id


async def test_a_turn_whose_relay_ends_while_its_source_is_read_becomes_no_job(pipeline: Pipeline) -> None:
    relay_id, _ = await a_relay(pipeline)
    intake = an_intake(pipeline, await relays(pipeline).take_turn(relay_id, NOA), NOA)
    await pipeline.acceptance.write_down(intake)
    await pipeline.acceptance.begin(intake)
    await relays(pipeline).finish(place(pipeline), manages_messages=False)

    await pipeline.acceptance.step()

    assert "isn't yours any more" in str(pipeline.messenger.answers[-1])
    assert await pipeline.latest_job() is None
    assert (await pipeline.balance(NOA)).left == LIMIT


async def test_a_turn_cannot_be_sent_off_with_other_audio(pipeline: Pipeline) -> None:
    relay_id, _ = await a_relay(pipeline)
    await relays(pipeline).take_turn(relay_id, NOA)
    turn = RelayTurn(relay_id=relay_id, number=1)
    intake = Intake(
        place=place(pipeline, NOA), source=PIECE, request=ExtensionRequest(), relay_turn=turn, due_at=pipeline.clock()
    )

    with pytest.raises(Refused, match="other audio"):
        await pipeline.acceptance.write_down(intake)


async def test_each_piece_of_news_is_told_once_by_one_process(pipeline: Pipeline, tmp_path: Path) -> None:
    relay_id, _ = await a_relay(pipeline)
    posts, others = Posts(), Posts()
    async with another_process(tmp_path, pipeline) as other:
        both = news(pipeline, posts), news(other, others)
        for worker in both:
            await look(worker)
        view = await relays(pipeline).take_turn(relay_id, NOA)
        job = await sent_off(pipeline, view, NOA)
        for worker in both:
            await look(worker)
        await delivered(pipeline, job)
        pipeline.clock.turn(EVERY)
        for worker in both:
            await look(worker)

        told = posts.told + others.told
        assert [each.position.number for each in told] == [1, 2]
        assert await pipeline.storage.reading.relays.next_due() is None


async def test_a_failed_turn_is_told_and_can_be_taken_by_the_next(pipeline: Pipeline) -> None:
    relay_id, first = await a_relay(pipeline)
    posts = Posts()
    view = await relays(pipeline).take_turn(relay_id, NOA)
    job = await sent_off(pipeline, view, NOA)
    async with pipeline.storage.transaction() as work:
        await work.jobs.save(replace(job, state=JobState.FAILED, due_at=None))
    await look(news(pipeline, posts))

    again = await relays(pipeline).take_turn(relay_id, LEO)

    assert posts.stands == [Stand.FAILED]
    assert (again.position.number, again.position.base) == (1, first)


async def test_what_a_dead_process_was_about_to_tell_is_told_by_another(pipeline: Pipeline) -> None:
    await a_relay(pipeline)
    posts = Posts()
    async with pipeline.storage.transaction() as work:
        now = pipeline.clock()
        await work.relays.claim_due(now=now, until=now + timedelta(seconds=30), limit=9, owner="dead")
    await look(news(pipeline, posts))
    assert not posts.told
    pipeline.clock.turn(30)

    await look(news(pipeline, posts))

    assert posts.stands == [Stand.FREE]


@pytest.mark.parametrize("errors", [[RouteClosed("deleted")], [RouteUnavailable("no answer")] * TRIES])
async def test_a_thread_that_cannot_be_told_is_left_alone_and_the_turn_can_still_be_taken(
    pipeline: Pipeline, errors: list[Exception]
) -> None:
    relay_id, _ = await a_relay(pipeline)
    posts = Posts(errors=list(errors))
    worker = news(pipeline, posts)
    while await worker.next_due() is not None:
        await look(worker)
        pipeline.clock.turn(600)

    assert not posts.told
    assert (await relays(pipeline).take_turn(relay_id, NOA)).position.number == 1


async def test_a_thread_that_is_out_of_reach_for_a_moment_is_told_afterwards(pipeline: Pipeline) -> None:
    await a_relay(pipeline)
    posts = Posts(errors=[RouteUnavailable("no answer")])
    await look(news(pipeline, posts))
    pipeline.clock.turn(60)

    await look(news(pipeline, posts))

    assert posts.stands == [Stand.FREE]


async def test_a_thread_has_one_relay_at_a_time(pipeline: Pipeline) -> None:
    _, job = await a_relay(pipeline)
    opening = Opening(member_id=MIA, title="Tide", model="V5", job_id=job.id)

    with pytest.raises(Refused, match="already"):
        await relays(pipeline).start(place(pipeline, NOA), opening)

    await relays(pipeline).finish(place(pipeline), manages_messages=False)
    await relays(pipeline).start(place(pipeline, NOA), opening)


async def test_a_first_turn_that_is_being_filled_in_keeps_the_thread_from_others(pipeline: Pipeline) -> None:
    opening = Opening(member_id=MIA, title="Loop", model="V5", source=PIECE)
    await relays(pipeline).start(place(pipeline), opening)

    with pytest.raises(Refused, match="already"):
        await relays(pipeline).start(place(pipeline, NOA), opening)

    pipeline.clock.turn(CLAIM.total_seconds())
    view = await relays(pipeline).start(place(pipeline, NOA), opening)
    assert view.relay.starter_id == NOA


async def test_a_relay_in_which_nothing_happens_is_forgotten(pipeline: Pipeline) -> None:
    relay_id, _ = await a_relay(pipeline)
    async with pipeline.storage.transaction() as work:
        assert await work.relays.forget(touched_before=pipeline.clock(), limit=9) == 0
        assert await work.relays.forget(touched_before=pipeline.clock() + timedelta(days=1), limit=9) == 1

    with pytest.raises(Refused, match="don't have this relay"):
        await relays(pipeline).take_turn(relay_id, NOA)


async def test_a_turn_that_waits_for_hours_is_looked_at_ever_less_often(pipeline: Pipeline) -> None:
    relay_id, _ = await a_relay(pipeline)
    posts = Posts()
    worker = news(pipeline, posts)
    await look(worker)
    job = await sent_off(pipeline, await relays(pipeline).take_turn(relay_id, NOA), NOA)
    looks = 0

    for _ in range(2 * 3600 // EVERY):
        pipeline.clock.turn(EVERY)
        looks += await worker.step()

    assert 120 <= looks < 200
    await delivered(pipeline, job)
    pipeline.clock.turn(60)
    await look(worker)
    assert posts.stands[-1] is Stand.FREE
