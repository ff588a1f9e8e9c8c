"""The only way in which services write a job: with its ledger row, in the same transaction."""

from datetime import datetime

from bot.domain.jobs import Job, JobState
from bot.services.ports import Work


async def save(work: Work, job: Job, *, at: datetime) -> None:
    """Write `job`; where it has ended, settle its unit of quota. Settling twice changes nothing."""
    await work.jobs.save(job)
    if job.state is JobState.DELIVERED:
        await work.ledger.spend(job.id, at=at)
    elif job.state in {JobState.FAILED, JobState.CANCELLED}:
        await work.ledger.give_back(job.id, at=at)
