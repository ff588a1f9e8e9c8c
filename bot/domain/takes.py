"""Takes: the numbers of a job's tracks."""

from bot.domain.jobs import Job, Track


def takes_of(job: Job) -> dict[int, Track]:
    """The tracks that were posted, by their numbers.

    Those are the ones with audio. Once all links are erased, every track that is left counts.
    """
    posted = [track for track in job.tracks if track.audio_url] or job.tracks
    return dict(enumerate(posted, 1))


def take_of(job: Job, track_id: str) -> int | None:
    """The number of this track; None if the job has no such track."""
    return next((take for take, track in takes_of(job).items() if track.id == track_id), None)
