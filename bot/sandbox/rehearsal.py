"""One `/extend` against the stand-ins, from command to music, without a word: `encore doctor --rehearse`."""

import asyncio
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from bot.sandbox.discord import Message, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import running, stand_ins
from bot.sandbox.suno import SunoOptions

PATIENCE_SECONDS = 90.0
TIME_SCALE = 0.01
SOURCE_SECONDS = 8.0


class RehearsalError(Exception):
    """The job did not end with music; the text says what was posted instead."""


async def rehearse() -> float:
    """Play one job on this machine alone; returns how many seconds it took.

    Raises:
        RehearsalError: it ended without music.
        Exception: the bot did not start, or nothing was posted in time.
    """
    with tempfile.TemporaryDirectory(prefix="encore-rehearsal-") as name:
        folder = Path(name)
        source = folder / "paper-boats.mp3"
        await asyncio.to_thread(compose, source, seconds=SOURCE_SECONDS, seed=7)
        async with stand_ins(SunoOptions(time_scale=TIME_SCALE, continuation_seconds=5), folder=folder) as both:
            channel = both.discord.guild("Harbour Choir").channel("songs")
            mia = both.discord.member("Mia")
            async with running(both, replace(both.settings, progress_every_seconds=0.2)):
                began = time.monotonic()
                await mia.command(channel, "extend", audio=Upload(source))
                end = await channel.wait_for(_is_the_end, timeout=PATIENCE_SECONDS)
    if not end.attachments:
        raise RehearsalError(end.text)
    return time.monotonic() - began


def _is_the_end(message: Message) -> bool:
    return bool(message.attachments or message.embeds)
