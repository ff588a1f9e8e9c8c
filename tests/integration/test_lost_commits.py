"""A commit is kept and its outcome is lost, as when PostgreSQL crashes before it answers: nothing is done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bot.domain.jobs import JobState
from bot.errors import ProviderBusy
from storage.errors import StorageUnavailable
from storage.storage import SqlStorage, SqlWork
from tests.integration.test_late_answers import SlowProvider, nothing
from tests.support.pipeline import a_pipeline, another_process

T = TypeVar("T")


class Forgetful(SqlStorage):
    """After the next transaction is committed, `meanwhile` happens; then the commit counts as lost."""

    def __init__(self, storage: SqlStorage, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(storage._engine)
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def write(self, piece: Callable[[SqlWork], Coroutine[Any, Any, T]]) -> T:
        written = await super().write(piece)
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
            raise StorageUnavailable("the server crashed")
        return written


async def test_a_job_that_another_process_has_sent_again_is_not_sent_a_third_time(tmp_path: Path) -> None:
    """The provider took nothing, which was written down. When that is repeated, the job is at the provider again."""
    provider = SlowProvider(answers=[ProviderBusy("later", code=455)])
    async with a_pipeline(tmp_path, provider=provider) as one, another_process(tmp_path, one) as other:
        job = await one.accepted()
        sending, answering = asyncio.Event(), asyncio.Event()
        tasks: list[asyncio.Task[bool]] = []

        async def send_elsewhere() -> None:
            async def think() -> None:
                sending.set()
                await answering.wait()

            provider.meanwhile = think
            one.clock.turn(121)
            tasks.append(asyncio.create_task(other.submission.step()))
            await sending.wait()
            provider.meanwhile = nothing

        async def forget() -> None:
            one.submission._storage = Forgetful(one.storage, send_elsewhere)

        provider.meanwhile = forget
        await one.submission.step()

        assert (await one.job(job)).state is JobState.SUBMITTING
        assert not await one.submission.step()
        answering.set()
        assert await tasks[0]
        assert (await one.job(job)).state is JobState.RUNNING
        assert len(provider.extended) == 2
