"""A claim that is renewed while its work goes on: a dead process is noticed soon, a slow one is not disturbed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from bot.domain.jobs import FINAL_STATES
from bot.services.clock import Clock
from bot.services.ports import Storage


@asynccontextmanager
async def renewed(storage: Storage, job_id: str, *, seconds: float, clock: Clock) -> AsyncIterator[None]:
    """Push the job's `due_at` ahead three times per `seconds` until the block is left or the job has ended."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(seconds / 3)
            async with storage.transaction() as work:
                job = await work.jobs.get(job_id)
                if job is None or (job.state in FINAL_STATES and job.told_at is not None):
                    return
                await work.jobs.save(replace(job, due_at=clock() + timedelta(seconds=seconds)))

    task = asyncio.create_task(renew(), name=f"lease {job_id[:8]}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
