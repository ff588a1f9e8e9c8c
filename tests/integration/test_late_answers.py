"""The provider's answer to a submission comes after a jump of the clock, when the job already counts as overdue."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.domain.jobs import FailureReason, Job, JobState
from bot.domain.quota import quota_day
from bot.domain.request import ExtensionRequest
from bot.domain.spending import Spent
from bot.errors import ProviderBusy, ProviderError, ProviderOutOfCredits, ProviderRefused, ProviderSilent
from tests.support.fakes import FakeProvider
from tests.support.pipeline import LIMIT, Pipeline, a_pipeline

HOUR_SECONDS = 3600
REFUSED = ProviderRefused("no", code=400)


async def nothing() -> None:
    pass


class SlowProvider(FakeProvider):
    """While it thinks about a submission, `meanwhile` happens."""

    meanwhile: Callable[[], Awaitable[None]] = staticmethod(nothing)

    async def extend(
        self, request: ExtensionRequest, *, source_url: str, sent_continue_at: float, callback_url: str
    ) -> str:
        await self.meanwhile()
        return await super().extend(
            request, source_url=source_url, sent_continue_at=sent_continue_at, callback_url=callback_url
        )


@asynccontextmanager
async def answered_late(tmp_path: Path, answer: ProviderError | str) -> AsyncIterator[tuple[Pipeline, Job]]:
    """A job that became overdue before the provider gave its `answer` to the submission."""
    provider = SlowProvider(answers=[answer])
    async with a_pipeline(tmp_path, provider=provider) as pipeline:
        job = await pipeline.accepted()

        async def jump() -> None:
            pipeline.clock.jump(HOUR_SECONDS)
            assert await pipeline.watch.step()
            assert (await pipeline.job(job)).state is JobState.OVERDUE

        provider.meanwhile = jump
        await pipeline.submission.step()
        provider.meanwhile = nothing
        yield pipeline, await pipeline.job(job)


async def test_a_refusal_ends_the_job_and_its_member_reads_why(tmp_path: Path) -> None:
    async with answered_late(tmp_path, REFUSED) as (pipeline, job):
        assert job.failure is not None
        assert (job.state, job.failure.reason) == (JobState.FAILED, FailureReason.REFUSED)
        assert (await pipeline.balance()).left == LIMIT
        assert await pipeline.storage.reading.spending.of_day(quota_day(pipeline.clock())) == Spent()
        await pipeline.delivery.step()
        assert pipeline.messenger.ways[0].told_failures == [job.id]


@pytest.mark.parametrize("answer", [ProviderBusy("later", code=455), ProviderOutOfCredits("top up", code=429)])
async def test_a_job_that_was_not_taken_goes_back_to_its_place(tmp_path: Path, answer: ProviderError) -> None:
    async with answered_late(tmp_path, answer) as (pipeline, job):
        assert (job.state, job.outcome_unknown, job.submitted_at) == (JobState.ACCEPTED, False, None)
        assert job.source_url
        pipeline.clock.turn(121)
        await pipeline.submission.step()
        assert (await pipeline.job(job)).state is JobState.RUNNING


async def test_without_a_clear_answer_the_outcome_stays_unknown(tmp_path: Path) -> None:
    async with answered_late(tmp_path, ProviderSilent("timeout")) as (pipeline, job):
        assert (job.state, job.outcome_unknown) == (JobState.OVERDUE, True)
        pipeline.clock.turn(121)
        assert not await pipeline.submission.step()


async def test_a_task_id_starts_the_job(tmp_path: Path) -> None:
    async with answered_late(tmp_path, "task-late") as (_, job):
        assert (job.state, job.task_id, job.outcome_unknown) == (JobState.RUNNING, "task-late", False)
