"""Relays: the command and its button, and the worker that tells threads how theirs go."""

from datetime import timedelta

from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.services.common.worker import Worker
from bot.services.members.members import Members
from bot.services.songs.relay_news import RelayNews, RelayTimes
from bot.services.songs.relays import Relays
from cogs.form import FormCog
from cogs.relay import RelayCog


def relay_commands(ground: Ground, members: Members, form: FormCog) -> Part:
    """For the processes that answer members."""
    settings = ground.settings
    voting = timedelta(seconds=settings.relay_vote_seconds)
    relays = Relays(ground.storage, voting=voting, bells=ground.bells, clock=ground.clock)
    cog = RelayCog(
        ground.client, relays, members, form, offer=settings.offer, max_source_bytes=settings.max_source_bytes
    )
    return Part(cogs=(cog,))


def relay_workers(ground: Ground) -> Part:
    settings = ground.settings
    times = RelayTimes(
        every=settings.progress_every_seconds, lease=settings.lease_seconds, backoff_base=settings.retry_base_seconds
    )
    news = RelayNews(ground.storage, ground.messenger.relays, times=times, clock=ground.clock)
    return Part(
        workers=(Worker("relays", news, ground.bells.relays, ground.clock, asks_first=True),), releases=(news.release,)
    )
