"""The commands: what members start, look up and change."""

from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline
from bot.services.members.members import Members
from cogs.extend import ExtendCog
from cogs.jobs import JobsCog
from cogs.members import MembersCog
from cogs.openings import OpeningsCog


def members_part(ground: Ground, pipeline: Pipeline) -> Part:
    settings = ground.settings
    members = Members(ground.storage, quota_per_day=settings.quota_per_day, bells=ground.bells, clock=ground.clock)
    extend = ExtendCog(pipeline.acceptance, members, offer=settings.offer, max_source_bytes=settings.max_source_bytes)
    jobs = JobsCog(ground.client, members, pipeline.resend)
    cogs = (extend, MembersCog(members), jobs, OpeningsCog(members, ground.messenger))
    return Part(cogs=cogs, releases=(pipeline.resend.release,))
