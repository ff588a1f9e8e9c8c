"""`Send again` in `/jobs`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import text
from bot.errors import Refused, SourceUnreachable
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from tests.support.fakes import FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, World, a_world
from tests.support.storage_samples import a_place


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


def the_click(world: World) -> Place:
    return replace(a_place(), interaction_id=77, channel_id=555, member_id=MIA, received_at=world.clock())


async def uncollected(world: World) -> Job:
    world.messenger.ways[0].errors = [RouteClosed("gone")]
    job = await world.finished()
    await world.delivery.step()
    return await world.job(job)


async def test_an_uncollected_result_is_posted_where_the_member_asks_for_it(world: World) -> None:
    job = await uncollected(world)

    await world.resend.send_again(job.id, MIA, the_click(world))

    after = await world.job(job)
    assert after.state is JobState.DELIVERED
    assert [job_id for job_id, _ in world.messenger.ways[0].posted] == [job.id]
    assert "Sent" in world.messenger.answers[-1][0].message
    assert (await world.balance()).left == LIMIT - 1
    world.clock.turn(10_000)
    assert not await world.delivery.step()


async def test_where_the_bot_may_not_post_the_member_alone_gets_it(world: World) -> None:
    job = await uncollected(world)
    channel, answer = FakeRoute(errors=[RouteClosed("no")]), FakeRoute(name="the private answer")
    world.messenger.ways, world.messenger.private_ways = [channel], [answer]

    await world.resend.send_again(job.id, MIA, the_click(world))

    assert [job_id for job_id, _ in answer.posted] == [job.id]
    assert (await world.job(job)).state is JobState.DELIVERED


async def test_a_delivered_result_can_be_sent_again(world: World) -> None:
    job = await world.finished()
    await world.delivery.step()

    await world.resend.send_again(job.id, MIA, the_click(world))

    assert len(world.messenger.ways[0].posted) == 2
    assert (await world.job(job)).state is JobState.DELIVERED


@pytest.mark.parametrize("member_id", [MIA, 2002])
async def test_what_cannot_be_sent_is_refused_with_a_reason(world: World, member_id: int) -> None:
    job = await world.running()

    with pytest.raises(Refused, match="hasn't finished" if member_id == MIA else "couldn't find"):
        await world.resend.send_again(job.id, member_id, the_click(world))
    with pytest.raises(Refused, match="couldn't find"):
        await world.resend.send_again("gone", member_id, the_click(world))


async def test_files_that_are_gone_and_a_silent_discord_are_told_and_lose_nothing(world: World) -> None:
    job = await uncollected(world)
    world.messenger.ways[0].errors = [RouteUnavailable("503")]
    with pytest.raises(Refused, match="isn't answering"):
        await world.resend.send_again(job.id, MIA, the_click(world))
    world.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
    with pytest.raises(Refused, match="no longer has"):
        await world.resend.send_again(job.id, MIA, the_click(world))

    assert (await world.job(job)).state is JobState.UNCOLLECTED
