"""How much the operator lets the bot spend per UTC day, in all and for each server."""

from datetime import datetime

import msgspec

from bot.domain.jobs import Job, WaitReason
from bot.domain.quota import quota_day
from bot.domain.spending import A_JOB, Spent
from bot.services.common.ports import Work


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """In credits; None: no limit. Used in the transaction that claims a job, so no other submission can intervene."""

    per_day: int | None = None
    per_server_per_day: int | None = None

    async def reached(
        self, work: Work, guild_id: int | None, *, now: datetime, more: Spent = A_JOB
    ) -> WaitReason | None:
        """Which limit `more` from this server would exceed today."""
        day = quota_day(now)
        if self.per_day is not None and (await work.spending.of_day(day) + more).credits > self.per_day:
            return WaitReason.DAY_CAP
        if self.per_server_per_day is not None:
            of_guild = await work.spending.of_guild(guild_id, day=day)
            if (of_guild + more).credits > self.per_server_per_day:
                return WaitReason.SERVER_CAP
        return None

    async def count(self, work: Work, job: Job, *, now: datetime) -> None:
        """Count `job`, which is being submitted."""
        await work.spending.add(job.place.guild_id, day=quota_day(now), submissions=1)
