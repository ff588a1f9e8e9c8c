"""Lyrics from an idea: the command, and the workers that have them written."""

from bot.chat.lyrics.messages import LyricsMessages
from bot.domain.pace import SlidingWindow
from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.parts.pipeline import CLAIM_LEASES, NOWHERE
from bot.services.common.worker import Worker
from bot.services.members.members import Members
from bot.services.pipeline.rate import Rate
from bot.services.songs.lyrics import Lyrics
from bot.services.songs.lyrics_allowance import LyricsAllowance
from bot.services.songs.lyrics_timing import LyricsTiming
from bot.services.songs.lyrics_writing import LyricsWriting, WritingTimes
from cogs.form import FormCog
from cogs.lyrics import LyricsCog

WRITERS = 4
"""How many orders are sent, asked about or shown at the same time."""
POLLS = 3
"""Lyrics are asked about this many times as often as music, of which they take a tenth of the time."""


def lyrics_cog(ground: Ground, members: Members, form: FormCog) -> LyricsCog:
    settings = ground.settings
    lyrics = Lyrics(
        ground.storage,
        allowance=lyrics_allowance(ground),
        takeover_seconds=settings.lease_seconds,
        offer=settings.offer,
        bells=ground.bells,
        clock=ground.clock,
    )
    return LyricsCog(
        ground.client, lyrics, _messages(ground), members, form, max_source_bytes=settings.max_source_bytes
    )


def lyrics_allowance(ground: Ground) -> LyricsAllowance:
    return LyricsAllowance(per_day=ground.settings.lyrics_per_day, caps=ground.caps, clock=ground.clock)


def lyrics_timing(ground: Ground) -> LyricsTiming:
    return LyricsTiming(
        ground.storage,
        ground.provider,
        allowance=lyrics_allowance(ground),
        account=ground.account,
        rate=Rate(SlidingWindow()),
        clock=ground.clock,
    )


def lyrics_part(ground: Ground) -> Part:
    settings = ground.settings
    writing = LyricsWriting(
        ground.storage,
        ground.provider,
        _messages(ground),
        account=ground.account,
        rate=Rate(SlidingWindow()),
        callback_url=lambda token: (
            f"{settings.public_url}/callbacks/lyrics/{token}" if settings.public_url else NOWHERE
        ),
        times=WritingTimes(
            lease=CLAIM_LEASES * settings.lease_seconds,
            pace=settings.poll_every_seconds / POLLS,
            token=settings.interaction_seconds,
            give_up=settings.give_up_after_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        bells=ground.bells,
        clock=ground.clock,
    )
    bell, clock = ground.bells.lyrics, ground.clock
    workers = (Worker(f"lyrics {number}", writing, bell, clock, asks_first=True) for number in range(1, WRITERS + 1))
    return Part(submitters=tuple(workers), releases=(writing.release,))


def _messages(ground: Ground) -> LyricsMessages:
    return LyricsMessages(
        ground.client,
        ground.client.catalogue,
        answer_seconds=ground.settings.interaction_seconds,
        watched_seconds=ground.settings.watched_seconds,
        clock=ground.clock,
    )
