"""The only way services write a job: with its unit of quota and its progress message, in one transaction."""

from datetime import datetime

from msgspec.structs import replace

from bot.domain.jobs import MADE_STATES, FailureReason, Job, JobState
from bot.domain.progress import looks_different
from bot.domain.quota import quota_day
from bot.services.common.ports import Work

NEEDS_SOURCE = frozenset({JobState.ACCEPTED, JobState.SUBMITTING, JobState.ON_HOLD})


async def insert(work: Work, job: Job, *, at: datetime) -> None:
    """Add an accepted job, whose unit is already held."""
    await work.jobs.insert(job)
    await work.progress.add(job.id, at=at)


async def save(work: Work, job: Job, *, before: Job, at: datetime) -> None:
    """Write `job`, which was `before`; settle its unit if its state says so. Settling twice changes nothing."""
    if job.state not in NEEDS_SOURCE and not _is_unanswered(job):
        job = replace(job, source_url="")  # signed, so a secret; no longer needed
    await work.jobs.save(job)
    if looks_different(before, job):
        await work.progress.touch(job.id, at=at)
    if job.state is not before.state:
        await _settle_unit(work, job, at=at)
        if _is_unanswered(before) and _was_not_started(job):
            day = quota_day(before.submitted_at or at)
            await work.spending.add(job.place.guild_id, day=day, submissions=-1)


def _is_unanswered(job: Job) -> bool:
    """It was sent, and may be refused yet: the answer can come late, or the clock can jump meanwhile."""
    return job.state in {JobState.SUBMITTING, JobState.OVERDUE} and job.task_id is None


def _was_not_started(job: Job) -> bool:
    """A job with a task was started, even if the provider refused its contents afterwards."""
    refused = job.failure is not None and job.failure.reason is FailureReason.REFUSED
    return job.state is JobState.ACCEPTED or (refused and job.task_id is None)


async def _settle_unit(work: Work, job: Job, *, at: datetime) -> None:
    """Spend it once tracks exist; return it if the job ends without any, or with none that could be fetched."""
    if job.state in MADE_STATES:
        await work.ledger.spend(job.id, at=at)
    elif job.state is JobState.FAILED:
        if job.failure is not None and job.failure.reason is FailureReason.TRACKS_GONE:
            await work.ledger.refund(job.id, at=at)
        else:
            await work.ledger.give_back(job.id, at=at)
    elif job.state is JobState.CANCELLED:
        await work.ledger.give_back(job.id, at=at)
