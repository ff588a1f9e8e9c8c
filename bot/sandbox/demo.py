"""`encore demo`: one member, one `/extend`, from the command to the audio in the channel, narrated live."""

import asyncio
import re
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from bot import logs
from bot.audio.process import AudioProcess
from bot.domain.times import clock
from bot.sandbox.discord import Channel, FakeDiscord, Invocation, Message, Upload
from bot.sandbox.sounds import compose
from bot.sandbox.stand_ins import API_KEY, TOKEN, StandIns, running, stand_ins
from bot.sandbox.suno import SunoOptions

OUT = Path("out")
PATIENCE_SECONDS = 300.0
TIME_SCALE = 0.03
"""Three minutes of the music service pass in five seconds."""
COMPOSED_SECONDS = 24.0
HOW_TO_TRY = "Try it yourself: `make sandbox` (or `encore sandbox`) prints the address of a page with every command."


class DemoError(Exception):
    """The demo did not finish; the text says why."""


async def demonstrate(audio: Path | None, continue_at: str | None) -> None:
    """Follow one job from start to end and write its audio to `out/`.

    Raises:
        DemoError: the file cannot be read, or the bot refused it.
    """
    logs.set_up(level="warning", form="text", secrets=(API_KEY, TOKEN))
    if audio is not None and not await asyncio.to_thread(audio.is_file):
        raise DemoError(f"AUDIO={audio}: there is no such file")
    with tempfile.TemporaryDirectory(prefix="encore-demo-") as name:
        folder = Path(name)
        async with stand_ins(SunoOptions(time_scale=TIME_SCALE), folder=folder) as both:
            settings = replace(both.settings, progress_every_seconds=0.2)
            async with running(both, settings):
                await _one_extend(both, folder, audio, continue_at)
    print(HOW_TO_TRY, flush=True)


async def _one_extend(both: StandIns, folder: Path, audio: Path | None, continue_at: str | None) -> None:
    tell = _Telling()
    tell("The bot is connected to the stand-in for Discord and has announced its commands.")
    source = audio or folder / "paper-boats.mp3"
    if audio is None:
        await asyncio.to_thread(compose, source, seconds=COMPOSED_SECONDS, seed=7, title="Paper Boats")
        tell(f"A piece of {COMPOSED_SECONDS:g} s has been composed to continue: {source.name}")
    both.suno.script("new-alone")  # so that there is something to join
    guild = both.discord.guild("Harbour Choir")
    channel = guild.channel("songs")
    mia = both.discord.member("Mia", guild=guild)
    options = {"continue_at": continue_at} if continue_at else {}
    tell("Mia:    /extend audio:" + " ".join([source.name, *(f"{name}:{value}" for name, value in options.items())]))
    invocation = await mia.command(channel, "extend", audio=Upload(source), **options)
    result = await _watch(both.discord, channel, invocation, tell)
    tell(f"Mia is mentioned by the new message: {mia in result.pinged}")
    for embed in result.embeds:
        if picture := embed.get("image"):
            tell(f"The picture's description: {picture.get('description')}")
    await _keep(result, tell)
    tell("Mia:    presses Whole song")
    click = await mia.click(result, "Whole song")
    joined = await click.wait_until(lambda answer: not answer.content.startswith("I'm joining"))
    tell(f"Encore: {_readable(joined)} (only Mia sees this)")
    songs = [message for message in channel.messages if message.reference is result]
    if not songs:
        raise DemoError("no whole song was posted; see what the bot said above")
    for message in songs:
        tell(f"Encore: {_readable(message)}")
        await _keep(message, tell)


async def _watch(discord: FakeDiscord, channel: Channel, invocation: Invocation, tell: "_Telling") -> Message:
    """Print each new thing the bot says, and return the message with the audio.

    Raises:
        DemoError: the command was refused or the job failed.
    """
    said: dict[int, str] = {}
    versions: dict[int, int] = {}

    def news() -> Message | None:
        answer = invocation.message
        seen = [answer] if answer is not None and not answer.is_thinking else []
        for message in [*seen, *channel.messages]:
            words = _readable(message)
            if len(message.versions) != versions.get(message.id) and said.get(message.id) != words:
                versions[message.id], said[message.id] = len(message.versions), words
                return message
        return None

    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        patience = max(0.01, ends - time.monotonic())
        message = await discord.world.changes.until(
            news, timeout=patience, wanted="the music", seen=lambda: "; ".join(said.values())
        )
        tell(f"Encore: {said[message.id]}{' (only Mia sees this)' if message.is_ephemeral else ''}")
        if message.attachments:
            return message
        if message.embeds or (message.is_ephemeral and "Got it" not in message.content):
            raise DemoError("the bot refused or failed; see what it said above")


def _readable(message: Message) -> str:
    """As a client would show it: times in words, mentions by name, no markup."""
    words = re.sub(r"<t:(\d+):R>", lambda match: _relative(int(match[1])), message.content)
    words = re.sub(r"\\([^\w\s])", r"\1", words)
    words = re.sub(r"<@\d+>", "@Mia", words).replace("**", "").replace("`", "").replace("-# ", "").replace("\n", " / ")
    names = ", ".join(f"{file.filename} ({file.size_bytes / 1e6:.2f} MB)" for file in message.attachments)
    facts = [f"{field['name']} {field['value']}" for embed in message.embeds for field in embed.get("fields", [])]
    buttons = [f"[{button['label']}]" for row in message.components for button in row.get("components", [])]
    shown = [*buttons, f"[{' · '.join(facts)}]" if facts else "", f"📎 {names}" if names else ""]
    return " ".join([words, *(part for part in shown if part)])


def _relative(moment: int) -> str:
    seconds = round(moment - time.time())
    if abs(seconds) < 60:
        return "now" if abs(seconds) < 2 else f"in {seconds} s" if seconds > 0 else f"{-seconds} s ago"
    return f"in {round(seconds / 60)} min" if seconds > 0 else f"{round(-seconds / 60)} min ago"


async def _keep(result: Message, tell: "_Telling") -> None:
    """Write the audio to `out/` and print what it is, measured by decoding it."""
    await asyncio.to_thread(OUT.mkdir, exist_ok=True)
    tools = AudioProcess()
    for file in result.attachments:
        if file.filename.endswith(".mp3"):
            path = OUT / file.filename
            await asyncio.to_thread(path.write_bytes, file.data)
            facts = await tools.probe(path)
            tell(f"{path}  {clock(facts.length_seconds)} long, {facts.codec}: {file.description}")


class _Telling:
    """Prints each line with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:6.2f} s  {line}", flush=True)
