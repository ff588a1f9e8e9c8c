"""Work has one owner. A worker that lost its claim, after a freeze or a jump of the clock, leaves without a word."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.drafts import Draft
from bot.domain.jobs import Job, JobState, Place
from bot.domain.text import Text
from bot.errors import NotAudio, Refused
from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import Posted, ResultFile, RouteClosed, RouteUnavailable
from bot.services.common.sentences import without_cost
from bot.services.pipeline.accept import GOT_IT, INTERRUPTED, TOO_LATE
from tests.support.fakes import FakeRoute
from tests.support.pipeline import LIMIT, MIA, Pipeline, a_pipeline, set_the_clock_back
from tests.support.storage_samples import a_place

ACCEPTING_SECONDS = 181
DELIVERING_SECONDS = 31
"""After these a claim has run out."""


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@pytest.fixture
async def other(tmp_path: Path, pipeline: Pipeline) -> AsyncIterator[Pipeline]:
    """Another process on the same database, in the same channel."""
    async with a_pipeline(tmp_path, clock=pipeline.clock, provider=pipeline.provider) as other:
        other.messenger.ways = pipeline.messenger.ways
        other.messenger.placeholders = pipeline.messenger.placeholders
        yield other


def posted(pipeline: Pipeline) -> list[str]:
    return [job_id for job_id, _ in pipeline.messenger.ways[0].posted]


def said(pipeline: Pipeline) -> list[Sequence[Text]]:
    return [*pipeline.messenger.answers, *pipeline.messenger.told_directly]


# Commands


@pytest.mark.parametrize("jump_seconds", [ACCEPTING_SECONDS, 3600])
async def test_a_command_stays_with_the_worker_that_reads_its_source_when_the_clock_is_set_forward(
    pipeline: Pipeline, jump_seconds: float
) -> None:
    await pipeline.waiting_command()
    async with asyncio.timeout(PATIENCE_SECONDS), hold("after the source upload") as uploaded:
        accepting = asyncio.create_task(pipeline.acceptance.step())
        await uploaded.reached()
        pipeline.clock.jump(jump_seconds)

        assert await pipeline.acceptance.step()
        uploaded.release()
        await accepting

    job = await pipeline.latest_job()
    assert job is not None
    assert said(pipeline) == [[GOT_IT]]
    assert job.progress_message_id in pipeline.messenger.placeholders.values()
    assert (await pipeline.balance()).held == 1


async def test_a_command_stays_with_its_worker_when_the_clock_is_set_back(pipeline: Pipeline) -> None:
    await pipeline.waiting_command()
    async with hold("after the source upload") as uploaded:
        accepting = asyncio.create_task(pipeline.acceptance.step())
        await uploaded.reached()
        await set_the_clock_back(pipeline, 600)
        uploaded.release()
        await accepting

    assert await pipeline.latest_job() is not None
    assert said(pipeline) == [[GOT_IT]]


async def test_a_worker_that_wakes_up_after_another_made_the_job_says_nothing(
    pipeline: Pipeline, other: Pipeline
) -> None:
    await pipeline.waiting_command()
    async with hold("after the source upload") as uploaded:
        frozen = asyncio.create_task(pipeline.acceptance.step())
        await uploaded.reached()
        pipeline.clock.turn(ACCEPTING_SECONDS)
        taking_over = asyncio.create_task(other.acceptance.step())
        await uploaded.reached()

        uploaded.release()
        await asyncio.gather(frozen, taking_over)

    (job,) = await pipeline.storage.reading.jobs.of_member(MIA, limit=5)
    assert job.progress_message_id in pipeline.messenger.placeholders.values()
    assert said(pipeline) == []
    assert said(other) == [[INTERRUPTED], [GOT_IT]]
    assert (await pipeline.balance()).held == 1


async def test_a_worker_that_cannot_use_the_source_after_a_takeover_refuses_nothing(
    pipeline: Pipeline, other: Pipeline
) -> None:
    await pipeline.waiting_command()
    pipeline.audio.error = NotAudio()
    reading, may_go_on = asyncio.Event(), asyncio.Event()
    probe = pipeline.audio.probe

    async def slowly(path: Path) -> object:
        reading.set()
        await may_go_on.wait()
        return await probe(path)

    pipeline.audio.probe = slowly  # type: ignore[method-assign,assignment]  # a decoder that takes its time
    frozen = asyncio.create_task(pipeline.acceptance.step())
    await reading.wait()
    pipeline.clock.turn(ACCEPTING_SECONDS)
    assert await other.acceptance.step()
    may_go_on.set()
    await frozen

    assert said(pipeline) == []
    assert said(other)[-1] == [GOT_IT]
    assert pipeline.messenger.withdrawn == []


async def test_no_job_is_made_of_a_command_that_another_has_refused(pipeline: Pipeline, other: Pipeline) -> None:
    await pipeline.waiting_command()
    async with hold("after the source upload") as uploaded:
        frozen = asyncio.create_task(pipeline.acceptance.step())
        await uploaded.reached()
        pipeline.clock.turn(3600)
        assert await other.acceptance.step()
        uploaded.release()
        await frozen

    assert await pipeline.latest_job() is None
    assert said(pipeline) == []
    assert said(other) == [without_cost([TOO_LATE])]
    assert (await pipeline.balance()).left == LIMIT


async def test_a_command_that_was_refused_stays_refused_when_the_process_ends_while_telling_so(
    pipeline: Pipeline, other: Pipeline
) -> None:
    await pipeline.waiting_command()
    pipeline.audio.error = NotAudio()
    tell = pipeline.messenger.tell

    async def end(place: Place, sentences: Sequence[Text], *, draft: Draft | None = None) -> None:
        await tell(place, sentences, draft=draft)
        raise asyncio.CancelledError

    pipeline.messenger.tell = end  # type: ignore[method-assign]  # the process ends there
    with pytest.raises(asyncio.CancelledError):
        await pipeline.acceptance.step()
    pipeline.clock.turn(ACCEPTING_SECONDS)

    assert await other.acceptance.step()

    assert await pipeline.latest_job() is None
    assert said(other) == said(pipeline)  # though this process could read the source
    assert other.messenger.fixable == pipeline.messenger.fixable != [None]
    assert pipeline.messenger.placeholders == {}
    assert not await other.acceptance.step()


# Deliveries


async def test_a_worker_that_wakes_up_before_its_post_does_not_repeat_another_post(
    pipeline: Pipeline, other: Pipeline
) -> None:
    job = await pipeline.finished()
    async with hold("before the post") as ready:
        frozen = asyncio.create_task(pipeline.delivery.step())
        await ready.reached()
        pipeline.clock.turn(600)  # by now Discord has forgotten every nonce
        taking_over = asyncio.create_task(other.delivery.step())
        await ready.reached()

        ready.release()
        await asyncio.gather(frozen, taking_over)

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_delivery_stays_with_its_process_when_the_clock_is_set_back(
    pipeline: Pipeline, other: Pipeline
) -> None:
    job = await pipeline.finished()
    async with hold("before the post") as ready:
        delivering = asyncio.create_task(pipeline.delivery.step())
        await ready.reached()
        await set_the_clock_back(pipeline, 600)
        assert not await other.delivery.step()
        ready.release()
        await delivering

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


class SlowRoute(FakeRoute):
    """Posts that are under way until `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted:
        self.begun.set()
        await self.go_on.wait()
        return await super().post_result(job, files)

    async def post_failure(self, job: Job) -> Posted:
        self.begun.set()
        await self.go_on.wait()
        return await super().post_failure(job)


async def test_a_post_that_arrives_after_a_takeover_keeps_the_other_from_posting(
    pipeline: Pipeline, other: Pipeline
) -> None:
    job = await pipeline.finished()
    slow = SlowRoute()
    pipeline.messenger.ways = [slow]
    frozen = asyncio.create_task(pipeline.delivery.step())
    await slow.begun.wait()
    pipeline.clock.turn(DELIVERING_SECONDS)
    async with hold("before the post") as ready:
        taking_over = asyncio.create_task(other.delivery.step())
        await ready.reached()
        slow.go_on.set()
        await frozen
        ready.release()
        await taking_over

    assert posted(pipeline) == [job.id]
    assert posted(other) == []
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_a_failure_that_another_has_told_is_not_told_again(pipeline: Pipeline, other: Pipeline) -> None:
    job = await pipeline.running()
    await pipeline.call_back(job, "error", code=500)
    slow = SlowRoute()
    slow.errors = [RouteUnavailable("timed out")]
    pipeline.messenger.ways = [slow]
    frozen = asyncio.create_task(pipeline.delivery.step())
    await slow.begun.wait()
    pipeline.clock.turn(DELIVERING_SECONDS)
    assert await other.delivery.step()
    slow.go_on.set()
    await frozen

    told = await pipeline.job(job)
    assert (told.notified_at, told.due_at) == (pipeline.clock(), None)
    pipeline.clock.turn(600)
    assert not await other.delivery.step()
    assert other.messenger.ways[0].told_failures == [job.id]


# Sending again


def the_click(pipeline: Pipeline) -> Place:
    return replace(a_place(), interaction_id=77, channel_id=555, member_id=MIA, received_at=pipeline.clock())


async def uncollected(pipeline: Pipeline) -> Job:
    pipeline.messenger.ways[0].errors = [RouteClosed("locked")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_what_is_being_delivered_is_not_sent_again(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    assert job.place.guild_id is not None
    await pipeline.members.try_uncollected(job.place.guild_id)
    async with asyncio.timeout(PATIENCE_SECONDS), hold("while a track is fetched") as fetching:
        delivering = asyncio.create_task(pipeline.delivery.step())
        await fetching.reached()

        with pytest.raises(Refused, match="already sending"):
            await pipeline.resend.send_again(job.id, MIA, the_click(pipeline))
        fetching.release()
        await delivering

    assert posted(pipeline) == [job.id]


async def test_what_is_being_sent_again_is_not_delivered_when_a_channel_opens_up(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    assert job.place.guild_id is not None
    async with asyncio.timeout(PATIENCE_SECONDS), hold("while a track is fetched") as fetching:
        sending = asyncio.create_task(pipeline.resend.send_again(job.id, MIA, the_click(pipeline)))
        await fetching.reached()
        await pipeline.members.try_uncollected(job.place.guild_id)

        assert not await pipeline.delivery.step()
        fetching.release()
        await sending

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED


async def test_what_is_being_sent_again_is_posted_once_even_if_the_clock_is_set_back(pipeline: Pipeline) -> None:
    job = await uncollected(pipeline)
    async with hold("while a track is fetched") as fetching:
        sending = asyncio.create_task(pipeline.resend.send_again(job.id, MIA, the_click(pipeline)))
        await fetching.reached()
        await set_the_clock_back(pipeline, 60)
        pipeline.clock.turn(DELIVERING_SECONDS)  # and the sender is frozen until its claim has run out
        delivering = asyncio.create_task(pipeline.delivery.step())
        await fetching.reached()

        fetching.release()
        results = await asyncio.gather(delivering, sending, return_exceptions=True)

    assert posted(pipeline) == [job.id]
    assert (await pipeline.job(job)).state is JobState.DELIVERED
    assert [type(result) for result in results] == [bool, Refused]
