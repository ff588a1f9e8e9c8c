"""What is joined to what: a take, and the source that it continues."""

from pathlib import Path

from bot.domain.jobs import Job
from bot.domain.joins import JoinPart
from bot.domain.request import trimmed_until
from bot.services.common.studio import Studio


async def heard_until(studio: Studio, job: Job, source: Path, take: Path) -> float:
    """Up to where the source of a job is heard before one of its takes, in seconds of the source.

    Takes often contain what was sent. If that was only a part of the source, such a take continues the source from the
    beginning of that part, which is found out by joining the two. Scratch files are left beside `take`.

    Raises:
        BadSource: one of the files cannot be used.
    """
    if not job.request.source_began_at:
        return job.continues_from
    part = await part_sent(studio, job, source, take.with_name(f"{take.name}-part"))
    scratch = take.with_name(f"{take.name}-joined")
    joined = await studio.join([JoinPart(path=part, until_seconds=job.sent_continue_at), JoinPart(path=take)], scratch)
    scratch.unlink(missing_ok=True)
    return job.request.source_began_at if joined.is_whole_already else job.continues_from


async def part_sent(studio: Studio, job: Job, source: Path, to: Path) -> Path:
    """What was sent to the provider: the source, or the part of it that is written to `to`. Raises `BadSource`."""
    if not job.request.source_began_at:
        return source
    length, model = job.request.source_length or 0.0, job.request.known_model
    until = trimmed_until(job.request, length)
    at_most = float(model.source_max_seconds) if model else length
    await studio.trim(source, to, until_seconds=until, at_most_seconds=at_most)
    return to
