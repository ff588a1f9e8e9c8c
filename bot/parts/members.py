"""The commands: what members start, look up and change."""

from bot.parts.ground import Ground
from bot.parts.lyrics import lyrics_cog
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline
from bot.services.members.members import Members
from bot.services.members.standing import Standing
from bot.services.songs.drafts import Drafts
from bot.services.songs.lyrics_file import LyricsFiles
from cogs.extend import ExtendCog
from cogs.form import FormCog
from cogs.from_message import FromMessageCog
from cogs.jobs import JobsCog
from cogs.members import MembersCog
from cogs.openings import OpeningsCog
from cogs.why import WhyCog


def members_part(ground: Ground, pipeline: Pipeline) -> Part:
    settings = ground.settings
    members = Members(ground.storage, quota_per_day=settings.quota_per_day, bells=ground.bells, clock=ground.clock)
    drafts = Drafts(ground.storage)
    form = FormCog(
        ground.client,
        pipeline.acceptance,
        members,
        drafts,
        LyricsFiles(ground.sources, folder=ground.folder),
        offer=settings.offer,
        max_source_bytes=settings.max_source_bytes,
    )
    extend = ExtendCog(
        pipeline.acceptance,
        members,
        drafts,
        form,
        offer=settings.offer,
        max_source_bytes=settings.max_source_bytes,
    )
    message = FromMessageCog(ground.client, drafts, form, offer=settings.offer)
    jobs = JobsCog(ground.client, members, pipeline.resend)
    why = WhyCog(_standing(ground), ground.messenger.post_wait_seconds)
    lyrics = lyrics_cog(ground, members, form)
    cogs = (extend, form, message, lyrics, MembersCog(members), jobs, why, OpeningsCog(members, ground.messenger))
    return Part(cogs=cogs, releases=(pipeline.resend.release,))


def _standing(ground: Ground) -> Standing:
    return Standing(
        ground.storage,
        quota_per_day=ground.settings.quota_per_day,
        open_commands=ground.settings.open_commands_per_member,
        caps=ground.caps,
        account=ground.account,
        balance=ground.balance,
        clock=ground.clock,
    )
