"""This machine: room on its disks, and its clock."""

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp

from bot.doctor.finding import Found, Problem, failed, ok, summed_up, warning
from bot.settings import Settings
from storage.look import Seen, nearest_folder

MB = 1_000_000
LEAST_BYTES = 100 * MB
COMFORTABLE_BYTES = 1000 * MB
CLOCK_SECONDS = 30.0
"""Discord lets an answer be edited for 15 minutes by its own clock; the bot stops half a minute earlier by this one."""
ASK_SECONDS = 20.0
USER_AGENT = "DiscordBot (https://discord.com, 1) Encore"


async def check_disk(settings: Settings) -> Found:
    """Beside the database are kept tracks, also with PostgreSQL; in the temporary folder, what is being worked on."""
    beside = "the folder for kept tracks" if settings.postgres_url else "the database's folder"
    folders = {
        beside: nearest_folder(settings.database_path),
        "the temporary folder": Path(tempfile.gettempdir()),
    }
    free = {f"{name} {folder}": await asyncio.to_thread(_free_bytes, folder) for name, folder in folders.items()}
    return judge_disk(free)


def _free_bytes(folder: Path) -> int:
    """None at all if nothing can be written there."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free
    except OSError:
        return 0


def judge_disk(free: dict[str, int]) -> Found:
    """`free`: bytes by folder; 0 where nothing can be written."""
    problems = [
        Problem(
            what=f"{folder} has {size / MB:.0f} MB free" if size else f"nothing can be written in {folder}",
            remedy="make room on the disk" if size else "give this user the right to write there, or make room",
            is_fault=size < LEAST_BYTES,
        )
        for folder, size in free.items()
        if size < COMFORTABLE_BYTES
    ]
    rest = "; ".join(f"{folder} has {size / 1e9:.1f} GB free" for folder, size in free.items())
    return summed_up("writing a file and looking at the free disk", problems, rest)


async def check_clock(settings: Settings, seen: Seen | None) -> Found:
    """By Discord's clock, whose snowflakes and deadlines the bot calculates with."""
    url = f"{settings.discord_api_url}/gateway"
    tried = f"comparing the clock with that of {url}"
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, headers={"User-Agent": USER_AGENT}, allow_redirects=False) as response,
        ):
            here, there = datetime.now(UTC), parsedate_to_datetime(response.headers.get("Date", ""))
    except (aiohttp.ClientError, OSError, ValueError):
        return warning(tried, "Discord didn't say what time it is", "check the network and DISCORD_API_URL")
    ahead = {"this machine": here - there}
    if seen is not None and seen.clock is not None:
        ahead["the database's server"] = seen.clock - seen.looked_at + (here - there)
    return judge_clocks(tried, ahead)


def judge_clocks(tried: str, ahead: dict[str, timedelta]) -> Found:
    """`ahead`: by how much each clock differs from Discord's. With PostgreSQL, the bot goes by the server's."""
    wrong = {name: by for name, by in ahead.items() if abs(by.total_seconds()) > CLOCK_SECONDS}
    if not wrong:
        whose = "the clocks of" if len(ahead) > 1 else "the clock of"
        how = f"{'agree' if len(ahead) > 1 else 'agrees'} with Discord's within {CLOCK_SECONDS:g} s"
        return ok(tried, f"{whose} {' and '.join(ahead)} {how}")
    what = "; ".join(
        f"the clock of {name} is {abs(by.total_seconds()):.0f} s {'ahead' if by > timedelta(0) else 'behind'}"
        for name, by in wrong.items()
    )
    return failed(tried, what, "let the clock be set over the network (NTP), such as with systemd-timesyncd or chrony")
