"""This machine: room on its disks, and its clock."""

import asyncio
import errno
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


async def check_disk(settings: Settings, *, passed_over: str = "") -> Found:
    """Beside the database are kept tracks, also with PostgreSQL; in the temporary folder, what is being worked on.

    `passed_over`: what to say if `TMPDIR` is not followed.
    """
    beside = "the folder for kept tracks" if settings.postgres_url else "the database's folder"
    folders = {
        beside: nearest_folder(settings.database_path),
        "the temporary folder": Path(tempfile.gettempdir()),
    }
    free = {f"{name} {folder}": await asyncio.to_thread(_free_bytes, folder) for name, folder in folders.items()}
    return judge_disk(free, passed_over=passed_over)


def _free_bytes(folder: Path) -> int | OSError:
    """Or why nothing can be written there."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free
    except OSError as error:
        return error


def judge_disk(free: dict[str, int | OSError], *, passed_over: str = "") -> Found:
    """`free`: bytes by folder, or why nothing can be written there; `passed_over`: what to say about `TMPDIR`."""
    problems, enough = [], []
    for folder, size in free.items():
        if isinstance(size, OSError):
            what = f"nothing can be written in {folder}: {size.strerror or size}"
            problems.append(Problem(what=what, remedy=_remedy(size)))
        elif size < COMFORTABLE_BYTES:
            what = f"{folder} has {size / MB:.0f} MB free"
            problems.append(Problem(what=what, remedy="make room on the disk", is_fault=size < LEAST_BYTES))
        else:
            enough.append(f"{folder} has {size / 1e9:.1f} GB free")
    if passed_over:
        remedy = "make room in that folder, give this user the right to write there, or clear TMPDIR"
        problems.append(Problem(what=passed_over, remedy=remedy, is_fault=False))
    rest = "; ".join(enough)
    return summed_up("writing a file and looking at the free disk", problems, rest)


def _remedy(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room on the disk"
    if error.errno == errno.EROFS:
        return "mount that file system for writing, or name another folder"
    return "give this user the right to write there"


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
