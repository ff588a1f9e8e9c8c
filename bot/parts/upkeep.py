"""What keeps a long-running bot healthy: the clock, failing jobs, clearing up."""

from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.services.common.bells import Bell
from bot.services.common.clock_watch import ClockWatch
from bot.services.common.worker import Worker
from bot.services.operator.housekeeping import Housekeeping, HousekeepingTimes


def upkeep_part(ground: Ground) -> Part:
    settings, clock = ground.settings, ground.clock
    times = HousekeepingTimes(
        answer_seconds=settings.interaction_seconds,
        keep_jobs_days=settings.keep_jobs_days,
        keep_tracks_days=settings.keep_tracks_days,
    )
    housekeeping = Housekeeping(ground.storage, times=times, clock=clock)
    return Part(
        workers=(
            Worker("isolation", ground.isolation, Bell(), clock),
            Worker("housekeeping", housekeeping, Bell(), clock),
        )
    )


def clock_part(ground: Ground) -> Part:
    """For every process: its regular writes also find out whether the database can be written."""
    lease_seconds, clock = ground.settings.lease_seconds, ground.clock
    clock_watch = ClockWatch(ground.storage, grace_seconds=lease_seconds, bells=ground.bells, clock=clock)
    return Part(workers=(Worker("the clock", clock_watch, Bell(), clock),))
