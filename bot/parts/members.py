"""The commands: what members start, look up and change."""

from bot.parts.ground import Ground
from bot.parts.lyrics import lyrics_cog
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline
from bot.parts.results import result_buttons
from bot.parts.songs import songs_part
from bot.parts.whole_songs import whole_song_button
from bot.services.members.members import Members
from bot.services.members.standing import Standing
from bot.services.songs.drafts import Drafts
from bot.services.songs.lyrics_file import LyricsFiles
from bot.services.songs.picking import Picking
from bot.services.songs.presets import Presets
from cogs.beginning import Beginning
from cogs.extend import ExtendCog
from cogs.form import FormCog
from cogs.from_message import FromMessageCog
from cogs.jobs import JobsCog
from cogs.members import MembersCog
from cogs.openings import OpeningsCog
from cogs.pick import PickCog
from cogs.picture import Pictures
from cogs.presets import PresetsCog
from cogs.trim import TrimCog
from cogs.why import WhyCog


def members_part(ground: Ground, pipeline: Pipeline) -> Part:
    settings = ground.settings
    members = Members(ground.storage, quota_per_day=settings.quota_per_day, bells=ground.bells, clock=ground.clock)
    drafts, presets = Drafts(ground.storage), Presets(ground.storage, offer=settings.offer)
    picking = Picking(ground.storage, pipeline.sources, ground.audio, folder=ground.folder, clock=ground.clock)
    pictures = Pictures(picking, drafts, members)
    form = FormCog(
        ground.client,
        pipeline.acceptance,
        members,
        drafts,
        LyricsFiles(ground.sources, folder=ground.folder),
        pictures,
        offer=settings.offer,
        max_source_bytes=settings.max_source_bytes,
    )
    beginning = Beginning(pipeline.acceptance, form, pictures, offer=settings.offer)
    extend = ExtendCog(
        members,
        drafts,
        beginning,
        presets,
        offer=settings.offer,
        max_source_bytes=settings.max_source_bytes,
    )
    message = FromMessageCog(ground.client, drafts, form, offer=settings.offer)
    results = result_buttons(ground, pipeline, members, form)
    whole = whole_song_button(ground)
    jobs = JobsCog(ground.client, members, pipeline.resend, ground.messenger)
    why = WhyCog(_standing(ground), ground.messenger.post_wait_seconds)
    lyrics = lyrics_cog(ground, members, form)
    cogs = (
        extend,
        form,
        message,
        lyrics,
        MembersCog(members, ground.messenger),
        jobs,
        *results.cogs,
        *whole.cogs,
        PickCog(ground.client, picking, drafts, beginning),
        TrimCog(ground.client, picking, drafts, beginning),
        *songs_part(ground, pipeline).cogs,
        PresetsCog(presets, offer=settings.offer),
        why,
        OpeningsCog(members, ground.messenger),
    )
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
