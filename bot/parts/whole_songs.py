"""Whole songs: the button, and the workers that join."""

from bot.chat.message_files import MessageFiles
from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.parts.pipeline import kept_tracks, source_again
from bot.services.common.worker import Worker
from bot.services.pipeline.take_again import TakeAgain
from bot.services.songs.results import Results
from bot.services.songs.whole_song import WholeSongs, WholeSongTimes
from cogs.whole_song import WholeSongCog

JOINERS = 2
"""How many songs are joined at the same time; the audio process has as many places."""


def whole_song_button(ground: Ground) -> Part:
    """For the processes that answer members."""
    results = Results(ground.storage, bells=ground.bells, clock=ground.clock)
    return Part(cogs=(WholeSongCog(ground.client, results, _whole_songs(ground)),))


def whole_song_workers(ground: Ground) -> Part:
    songs = _whole_songs(ground)
    bell = ground.bells.whole_songs
    workers = [
        Worker(f"whole songs {number}", songs, bell, ground.clock, asks_first=True) for number in range(1, JOINERS + 1)
    ]
    return Part(workers=tuple(workers), releases=(songs.release,))


def _whole_songs(ground: Ground) -> WholeSongs:
    settings, kept = ground.settings, kept_tracks(ground)
    return WholeSongs(
        ground.storage,
        ground.messenger,
        ground.messenger.whole_songs,
        ground.audio,
        ground.audio,
        sources=source_again(ground, kept),
        takes=TakeAgain(ground.provider, ground.tracks, MessageFiles(ground.client), kept),
        fetcher=ground.tracks,
        folder=ground.folder,
        times=WholeSongTimes(lease=settings.lease_seconds, backoff_base=settings.retry_base_seconds),
        bells=ground.bells,
        clock=ground.clock,
    )
