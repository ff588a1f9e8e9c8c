"""The measured processes: the real bot, and bare discord.py clients."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.stand_ins import StandIns
from bot.settings import Settings
from tests.support.process import environ_of

READY_SECONDS = 30
END_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    pid: int
    seconds: float  # from the start of the process to the gateway's READY


def the_bot() -> tuple[str, ...]:
    return ("-m", "bot", "run")


def bare(script: str, settings: Settings) -> tuple[str, ...]:
    """A script in this folder, with Discord's addresses as arguments."""
    path = Path(__file__).with_name(script)
    return (str(path), settings.discord_api_url, settings.discord_gateway_url, settings.discord_token)


@asynccontextmanager
async def a_process(
    both: StandIns, arguments: tuple[str, ...], *, folder: Path, settings: Settings | None = None, **environ: str
) -> AsyncIterator[Connected]:
    """`python ARGUMENTS` in `folder`, connected; ended on leaving. What it said is added to an error."""
    gateway = both.discord.gateway
    identified = gateway.identified
    heard = folder / f"said-{identified}.txt"
    with heard.open("wb") as said:
        began_at = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=folder,
            env=environ_of(settings or both.settings, **environ),
            stdout=said,
            stderr=said,
        )
    try:
        await gateway.wait_identified(identified + 1, timeout=READY_SECONDS)
        yield Connected(pid=process.pid, seconds=time.perf_counter() - began_at)
    except Exception as error:
        error.add_note(heard.read_text(errors="replace"))
        raise
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
