"""Results that members report: the operator hears of each once, in few messages."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from bot.domain.clicks import Click
from bot.domain.jobs import Job
from bot.errors import TakenElsewhere
from bot.services.songs.complaints import EVERY, Complaints
from tests.support.pipeline import Pipeline, a_pipeline, another_process
from tests.support.storage_samples import a_delivered, a_job, a_track, insert

_interactions = count(9000)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def complaints(pipeline: Pipeline) -> Complaints:
    return Complaints(pipeline.storage, pipeline.messenger, bells=pipeline.bells, clock=pipeline.clock)


async def a_result(pipeline: Pipeline) -> Job:
    job = a_delivered(a_job(), a_track(1))
    await insert(pipeline.storage, job)
    return job


def click(member_id: int = 1, *, message_id: int = 700) -> Click:
    return Click(
        interaction_id=next(_interactions), member_id=member_id, message_id=message_id, channel_id=300, guild_id=200
    )


async def tell(pipeline: Pipeline) -> None:
    while await complaints(pipeline).step():
        pass


async def test_the_first_complaint_reaches_the_operator_at_once_with_a_link(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)

    assert await complaints(pipeline).complain(job.id, click())
    await tell(pipeline)

    ((head, line),) = pipeline.messenger.operator
    assert "reported a result" in head.message
    assert line.facts["job"] == job.short_id
    assert line.facts["member"] == "<@1>"
    assert line.facts["link"] == "https://discord.com/channels/200/300/700"


async def test_a_member_reports_a_message_once(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    await complaints(pipeline).complain(job.id, click())

    assert not await complaints(pipeline).complain(job.id, click())
    await tell(pipeline)
    pipeline.clock.turn(2 * EVERY.total_seconds())
    await tell(pipeline)

    assert len(pipeline.messenger.operator) == 1


async def test_further_complaints_come_together_a_while_later(pipeline: Pipeline) -> None:
    job = await a_result(pipeline)
    for member_id in range(1, 5):
        await complaints(pipeline).complain(job.id, click(member_id))
        await tell(pipeline)
    assert [len(sentences) - 1 for sentences in pipeline.messenger.operator] == [1]
    assert await complaints(pipeline).next_due() == pipeline.clock() + EVERY

    pipeline.clock.turn(EVERY.total_seconds())
    await tell(pipeline)

    assert [len(sentences) - 1 for sentences in pipeline.messenger.operator] == [1, 3]
    head = pipeline.messenger.operator[-1][0]
    assert (head.plural, head.facts["count"]) == ("Members sent {count} reports about results. Please look at them.", 3)


async def test_another_process_tells_what_was_reported_before_a_restart_and_nothing_twice(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    job, same = await a_result(pipeline), click()
    await complaints(pipeline).complain(job.id, same)

    async with another_process(tmp_path, pipeline) as other:
        with pytest.raises(TakenElsewhere):
            await complaints(other).complain(job.id, same)
        await tell(other)
        await tell(pipeline)
        assert len(other.messenger.operator) == 1
        assert not pipeline.messenger.operator
