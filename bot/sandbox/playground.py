"""`encore sandbox`: a furnished Discord, the music service and the bot on this machine, and a page to use them from."""

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot import logs
from bot.sandbox.discord import FORUM, VOICE, FakeDiscord
from bot.sandbox.jobs_seen import JobsSeen
from bot.sandbox.page.samples import Samples
from bot.sandbox.page.scene import Identity, Scene
from bot.sandbox.page.server import PageServer
from bot.sandbox.stand_ins import API_KEY, TOKEN, stand_ins
from bot.sandbox.suno import SunoOptions
from bot.sandbox.supervised import SandboxBot

BRISK = SunoOptions(time_scale=0.1)
"""Three minutes of the music service pass in 18 seconds."""

_tell = partial(print, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    scene: Scene
    bot: SandboxBot
    page: PageServer


async def keep_running() -> None:
    """Run everything until a signal, and print the page's address."""
    logs.set_up(level="info", form="text", secrets=(API_KEY, TOKEN))
    log = logging.getLogger("bot.sandbox")
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    with tempfile.TemporaryDirectory(prefix="encore-sandbox-") as folder:
        async with playground(Path(folder), tell=_tell) as ground:
            starting = asyncio.create_task(ground.bot.start(), name="start of the bot")
            asking = asyncio.create_task(asked.wait())
            await asyncio.wait({starting, asking}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.is_set():
                if ground.bot.ended:
                    raise SandboxError("the bot ended; its lines above say why")
                log.info("the sandbox runs; open this address in a browser, and stop with Ctrl-C:")
                _tell(ground.page.url)
                await asking
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting


class SandboxError(Exception):
    """The sandbox cannot run; the text says why."""


@asynccontextmanager
async def playground(
    folder: Path, *, tell: Callable[[str], None], suno: SunoOptions = BRISK
) -> AsyncIterator[Playground]:
    """Everything but the bot's first start. `tell` is called with the bot's lines."""
    async with stand_ins(suno, folder=folder) as both:
        identities = furnish(both.discord)
        bot = SandboxBot(both.settings, folder=folder, tell=tell)
        jobs = JobsSeen(both.settings.database_path, [each.member for each in identities])
        scene = Scene(
            discord=both.discord,
            suno=both.suno,
            identities=identities,
            samples=Samples(folder),
            bot=bot,
            jobs=jobs.latest,
        )
        try:
            async with PageServer(scene) as page:
                yield Playground(scene=scene, bot=bot, page=page)
        finally:
            await jobs.close()
            await bot.close()


def furnish(discord: FakeDiscord) -> list[Identity]:
    """Add servers, channels of every kind, and people; returns those whom one can be."""
    guild = discord.guild("Harbour Choir")
    mia = discord.member("Mia", guild=guild)
    jonas = discord.member("Jonas", guild=guild, locale="de")
    moderators = guild.role("Moderators", "MANAGE_MESSAGES", "MANAGE_GUILD", "MANAGE_THREADS", mentionable=True)
    priya = discord.member("Priya", guild=guild, roles=(moderators,))
    olga = discord.member("Olga", guild=guild)
    guild.owner = olga
    discord.owner.name = "Sam"

    songs = guild.channel("songs")
    songs.topic = "Extend something here"
    chatter = guild.channel("chatter")
    takes = songs.thread("takes for Friday")
    notice_board = guild.channel("notice-board")
    notice_board.topic = "Encore may not post files here"
    notice_board.deny("ATTACH_FILES")
    forum = guild.channel("workshop", kind=FORUM)
    forum.topic = "A forum: every post is a thread"
    post = forum.thread("How should the bridge go?")
    guild.channel("rehearsal-room", kind=VOICE)
    moderators_only = guild.channel("moderators")
    moderators_only.deny("VIEW_CHANNEL", who="everyone")
    moderators_only.allow("VIEW_CHANNEL", who=priya)
    moderators_only.allow("VIEW_CHANNEL")

    second = discord.guild("Next Door", locale="de")
    second.join(mia)
    second.join(jonas)
    second.channel("general")

    priya.post(songs, "Welcome! Type `/extend`, pick one of the sample pieces, and Encore continues it.")
    jonas.post(chatter, "Anyone up for rehearsing on Thursday?")
    mia.post(takes, "One thread for everything we want to sing on Friday.")
    jonas.post(post, "It needs eight more bars before the chorus. Ideas?")
    olga.post(notice_board, "No music here, please. Encore can't post files in this channel; try `/extend` and see.")
    return [
        Identity(member=mia, note="a member"),
        Identity(member=jonas, note="reads German"),
        Identity(member=priya, note="a moderator"),
        Identity(member=olga, note="owns the server"),
        Identity(member=discord.owner, note="runs the bot"),
    ]
