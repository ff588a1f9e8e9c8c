"""What people do with results: the buttons below them, and the workers that show votes and pass complaints on."""

from bot.parts.ground import Ground
from bot.parts.lyrics import lyrics_timing
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline
from bot.services.common.worker import Worker
from bot.services.members.members import Members
from bot.services.songs.complaints import Complaints
from bot.services.songs.results import Results
from bot.services.songs.vote_counts import VoteCounts, VoteTimes
from cogs.form import FormCog
from cogs.more import MoreCog
from cogs.results import ResultsCog
from cogs.timed_lyrics import TimedLyricsCog


def result_buttons(ground: Ground, pipeline: Pipeline, members: Members, form: FormCog) -> Part:
    """For the processes that answer members."""
    results = Results(ground.storage, bells=ground.bells, clock=ground.clock)
    timing = lyrics_timing(ground)
    return Part(
        cogs=(
            ResultsCog(
                ground.client,
                pipeline.acceptance,
                members,
                results,
                form,
                undo_seconds=ground.settings.undo_seconds,
            ),
            MoreCog(
                ground.client,
                results,
                _complaints(ground),
                ground.messenger,
                form,
                pipeline.joins,
                timing,
            ),
            TimedLyricsCog(ground.client, results, timing),
        )
    )


def result_workers(ground: Ground) -> Part:
    settings, bells, clock = ground.settings, ground.bells, ground.clock
    times = VoteTimes(
        every=settings.progress_every_seconds, lease=settings.lease_seconds, backoff_base=settings.retry_base_seconds
    )
    votes = VoteCounts(ground.storage, ground.messenger, times=times, clock=clock)
    return Part(
        workers=(
            Worker("votes", votes, bells.votes, clock, asks_first=True),
            Worker("complaints", _complaints(ground), bells.complaints, clock, asks_first=True),
        ),
        releases=(votes.release,),
    )


def _complaints(ground: Ground) -> Complaints:
    return Complaints(ground.storage, ground.messenger, bells=ground.bells, clock=ground.clock)
