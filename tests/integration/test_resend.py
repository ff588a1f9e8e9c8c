"""`Send again` in `/jobs`."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Place
from bot.domain.progress import MessageLink, end_of
from bot.domain.text import Verbatim, text
from bot.errors import Refused, SourceUnreachable
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import RouteClosed, RouteUnavailable
from tests.support.fakes import FakeRoute
from tests.support.pipeline import LIMIT, MIA, TRACKS, Pipeline, a_pipeline
from tests.support.storage_samples import a_place


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


clicks = count(77)


def the_click(pipeline: Pipeline) -> Place:
    """A new one each time."""
    return replace(a_place(), interaction_id=next(clicks), channel_id=555, member_id=MIA, received_at=pipeline.clock())


async def uncollected(pipeline: Pipeline) -> Job:
    pipeline.messenger.ways[0].errors = [RouteClosed("gone")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_an_uncollected_result_is_posted_where_the_member_asks_for_it(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    after = await pipeline.job(job)
    assert after.state is JobState.DELIVERED
    assert end_of(after) == MessageLink(guild_id=200, channel_id=555, message_id=1)
    assert [job_id for job_id, _ in pipeline.messenger.ways[0].posted] == [job.id]
    assert "Sent" in pipeline.messenger.answers[-1][0].message
    assert (await pipeline.balance()).left == LIMIT - 1
    pipeline.clock.turn(10_000)
    assert not await pipeline.delivery.step()


async def test_where_the_bot_may_not_post_the_member_alone_gets_it(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    channel, answer = FakeRoute(errors=[RouteClosed("no")]), FakeRoute(name="the private answer")
    pipeline.messenger.ways, pipeline.messenger.private_ways = [channel], [answer]

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    after = await pipeline.job(job)
    assert [job_id for job_id, _ in answer.posted] == [job.id]
    assert after.state is JobState.DELIVERED
    assert end_of(after) is None


async def test_a_result_is_sent_to_its_member_alone_if_that_is_wanted(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    channel, answer = FakeRoute(), FakeRoute(name="the private answer")
    pipeline.messenger.ways, pipeline.messenger.private_ways = [channel], [answer]
    place = the_click(pipeline)

    await pipeline.resend.send_again(job.id, MIA, replace(place, private=True))

    assert [job_id for job_id, _ in answer.posted] == [job.id]
    assert channel.posted == []


async def test_what_the_provider_has_deleted_is_sent_from_its_message_in_the_channel(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    pipeline.clock.turn(timedelta(days=20).total_seconds())
    pipeline.fetcher.fetched.clear()
    link = "https://cdn.invalid/boats-2.mp3"
    pipeline.messenger.channel_copies[job.id] = {TRACKS[1].id: link}

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert len(pipeline.messenger.ways[0].posted) == 2
    assert link in pipeline.fetcher.fetched
    kept = await pipeline.job(job)
    assert link not in [track.audio_url for track in kept.tracks]


async def test_what_is_neither_at_the_provider_nor_in_a_channel_is_refused(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    pipeline.clock.turn(timedelta(days=20).total_seconds())
    delivered = await pipeline.job(job)
    bare = tuple(replace(track, audio_url="") for track in delivered.tracks)
    await pipeline.storage.write(lambda work: work.jobs.save(replace(delivered, tracks=bare)))

    with pytest.raises(Refused) as refusal:
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert "no longer has these files" in refusal.value.sentences[0].message
    assert len(pipeline.messenger.ways[0].posted) == 1


async def test_a_delivered_result_can_be_sent_again(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    after = await pipeline.job(job)
    assert len(pipeline.messenger.ways[0].posted) == 2
    assert after.state is JobState.DELIVERED
    assert end_of(after) == MessageLink(guild_id=200, channel_id=555, message_id=2)


async def test_where_a_delivered_result_is_stays_known_when_its_member_gets_it_alone(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    delivered = await pipeline.job(job)
    channel, answer = FakeRoute(errors=[RouteClosed("no")]), FakeRoute(name="the private answer")
    pipeline.messenger.ways, pipeline.messenger.private_ways = [channel], [answer]

    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert len(answer.posted) == 1
    assert await pipeline.job(job) == delivered


async def test_what_was_sent_a_moment_ago_is_not_sent_once_more(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()
    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))
    pipeline.clock.turn(20)

    for _ in range(7):
        with pytest.raises(Refused) as refused:
            await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    (sentence,) = refused.value.sentences
    assert sentence.message == "I sent it {ago}: {link}. Wait a minute to get it again."
    assert sentence.facts == {
        "ago": pipeline.clock() - timedelta(seconds=20),
        "link": Verbatim("https://discord.com/channels/200/555/2"),
    }
    assert len(pipeline.messenger.ways[0].posted) == 2
    pipeline.clock.turn(41)
    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))
    assert len(pipeline.messenger.ways[0].posted) == 3


async def test_what_its_member_alone_got_a_moment_ago_has_no_link(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    pipeline.messenger.ways = [FakeRoute(errors=[RouteClosed("no")])]
    pipeline.messenger.private_ways = [FakeRoute(name="the private answer")]
    await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    with pytest.raises(Refused, match="where only you can see it"):
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))


async def test_a_member_is_sent_one_thing_at_a_time(pipeline: Pipeline) -> None:
    one, two = await pipeline.finished(), await pipeline.finished()
    while await pipeline.delivery.step():
        pass
    async with asyncio.timeout(PATIENCE_SECONDS), hold("while a track is fetched") as fetching:
        sending = asyncio.create_task(pipeline.resend.send_again(one.id, MIA, the_click(pipeline)))
        await fetching.reached()

        with pytest.raises(Refused, match="already sending it"):
            await pipeline.resend.send_again(one.id, MIA, the_click(pipeline))
        with pytest.raises(Refused, match="something else"):
            await pipeline.resend.send_again(two.id, MIA, the_click(pipeline))
        fetching.release()
        await sending

    await pipeline.resend.send_again(two.id, MIA, the_click(pipeline))


async def test_only_a_few_jobs_are_sent_again_at_the_same_time(pipeline: Pipeline) -> None:
    members = (MIA, 2002, 2003)
    jobs = [await pipeline.finished(member_id=member_id) for member_id in members]
    while await pipeline.delivery.step():
        pass
    async with asyncio.timeout(PATIENCE_SECONDS), hold("while a track is fetched") as fetching:
        sending = [
            asyncio.create_task(pipeline.resend.send_again(job.id, member_id, the_click(pipeline)))
            for job, member_id in zip(jobs, members, strict=True)
        ]
        await fetching.reached()
        await fetching.reached()

        with pytest.raises(TimeoutError):
            await fetching.reached(timeout=0.2)
        fetching.release()
        await asyncio.gather(*sending)

    assert len(pipeline.messenger.ways[0].posted) == 6


async def test_our_own_copies_are_sent_again_once_the_providers_files_are_gone(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path, keep_tracks_days=30) as pipeline:
        job = await pipeline.finished()
        assert not await pipeline.resend.has_copies(job)
        await pipeline.delivery.step()
        pipeline.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
        pipeline.clock.turn(20 * 86400)

        assert await pipeline.resend.has_copies(job)
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

        _, files = pipeline.messenger.ways[0].posted[-1]
        assert [file.path is not None for file in files] == [True, True]


async def test_without_copies_there_is_nothing_of_our_own_to_send_again(pipeline: Pipeline) -> None:
    job = await pipeline.finished()
    await pipeline.delivery.step()

    assert not await pipeline.resend.has_copies(job)


@pytest.mark.parametrize("member_id", [MIA, 2002])
async def test_what_cannot_be_sent_is_refused_with_a_reason(pipeline: Pipeline, member_id: int) -> None:
    job = await pipeline.running()

    with pytest.raises(Refused, match="hasn't finished" if member_id == MIA else "can't find that job"):
        await pipeline.resend.send_again(job.id, member_id, the_click(pipeline))
    with pytest.raises(Refused, match="can't find that job"):
        await pipeline.resend.send_again("gone", member_id, the_click(pipeline))


async def test_files_that_are_gone_and_a_silent_discord_are_told_and_lose_nothing(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    pipeline.messenger.ways[0].errors = [RouteUnavailable("503")]
    with pytest.raises(Refused, match="isn't answering"):
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))
    pipeline.fetcher.errors = {track.audio_url: SourceUnreachable("404", text("gone")) for track in TRACKS}
    with pytest.raises(Refused, match="no longer has"):
        await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))

    assert (await pipeline.job(job)).state is JobState.UNCOLLECTED
