"""What the bot may do in each of its servers."""

import asyncio
from collections.abc import Sequence

import discord
import msgspec

from bot.chat.discord_errors import TROUBLES, in_words
from bot.chat.permissions import NEEDED, missing
from bot.doctor.examination import CHECK_SECONDS
from bot.doctor.finding import Found, Problem, failed, summed_up
from bot.settings import Settings

TRIED = "reading the bot's permissions in every server and channel"
EVERY_SECONDS = 0.15
"""Between two servers. Each takes three requests, and Discord allows the bot 50 a second in all."""
AT_ONCE = 4
ONE_SECONDS = 60.0
"""The longest that Discord may take over one server; discord.py repeats a request for 25 s."""
NAMED_MAX = 10
CHANNELS = (discord.TextChannel, discord.VoiceChannel, discord.ForumChannel, discord.StageChannel)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One server. `lacking`: permissions that the bot's roles do not grant; `best`: those missing where least are.

    `usable` counts the channels in which nothing is missing.
    """

    server_id: int
    name: str
    lacking: tuple[str, ...]
    best: tuple[str, ...]
    usable: int
    channels: int


async def check_servers(
    client: discord.Client, settings: Settings, *, invite: str, every_seconds: float = EVERY_SECONDS
) -> Found:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            ids = [guild.id async for guild in client.fetch_guilds(limit=None)]
        looks = await _all_looks(client, ids, every_seconds)
    except TROUBLES as error:
        return failed(TRIED, f"Discord does not say ({in_words(error)})", "try again in a few minutes")
    return judge_servers(looks, settings, invite=invite)


async def _all_looks(client: discord.Client, server_ids: Sequence[int], every_seconds: float) -> list[Look]:
    """At a pace that leaves the running bot most of the requests that Discord allows."""
    turn = asyncio.Semaphore(AT_ONCE)
    looks = [
        asyncio.create_task(_look(client, server_id, turn, after_seconds=number * every_seconds))
        for number, server_id in enumerate(server_ids)
    ]
    try:
        return [found for found in await asyncio.gather(*looks) if found is not None]
    finally:
        for look in looks:
            look.cancel()


async def _look(client: discord.Client, guild_id: int, turn: asyncio.Semaphore, *, after_seconds: float) -> Look | None:
    """None if the bot has left the server meanwhile."""
    assert client.user is not None  # noqa: S101  # it has logged in
    await asyncio.sleep(after_seconds)
    try:
        async with turn, asyncio.timeout(ONE_SECONDS):
            guild = await client.fetch_guild(guild_id, with_counts=False)
            own = await guild.fetch_member(client.user.id)
            channels = [channel for channel in await guild.fetch_channels() if isinstance(channel, CHANNELS)]
    except discord.NotFound:
        return None
    lacking = [_missing_in(channel.permissions_for(own)) for channel in channels]
    granted = own.guild_permissions
    return Look(
        server_id=guild.id,
        name=guild.name,
        lacking=tuple(name.message for flag, name in NEEDED.items() if not getattr(granted, flag)),
        best=min(lacking, key=len, default=()),
        usable=lacking.count(()),
        channels=len(channels),
    )


def _missing_in(allowed: discord.Permissions) -> tuple[str, ...]:
    return tuple(name.message for name in missing(allowed, in_thread=False))


def judge_servers(looks: Sequence[Look], settings: Settings, *, invite: str) -> Found:
    if not looks:
        nowhere = Problem(what="the bot is in no server yet", remedy=f"open the invite link: {invite}", is_fault=False)
        return summed_up(TRIED, [nowhere], "")
    problems = [problem for look in looks if (problem := _problem_with(look)) is not None]
    problems += _problems_with_the_list(looks, settings)
    more = len(problems) - NAMED_MAX
    if more > 0:
        problems = [*problems[:NAMED_MAX], Problem(what=f"and {more} more", remedy="", is_fault=False)]
    usable, channels = (sum(getattr(look, name) for look in looks) for name in ("usable", "channels"))
    servers = f"{len(looks)} server{'' if len(looks) == 1 else 's'}"
    return summed_up(TRIED, problems, f"in {servers}, the bot can work in {usable} of {channels} channels")


def _problem_with(look: Look) -> Problem | None:
    if not look.usable:
        lacking = look.best or look.lacking
        what = f"in {look.name}, the bot can't work in any channel: it is missing {', '.join(lacking)}"
        if not look.channels:
            what = f"in {look.name}, there is no channel"
        return Problem(
            what=what,
            remedy="give these permissions to the bot's role in the server's settings, and allow them in the channel's",
        )
    if look.lacking:
        return Problem(
            what=f"in {look.name}, the bot's roles don't grant {', '.join(look.lacking)}; it can work in"
            f" {look.usable} of {look.channels} channels",
            remedy="grant them to the bot's role unless you mean it, or open the invite link again",
            is_fault=False,
        )
    return None


def _problems_with_the_list(looks: Sequence[Look], settings: Settings) -> list[Problem]:
    if not settings.allowed_servers:
        return []
    others = [look.name for look in looks if look.server_id not in settings.allowed_servers]
    absent = settings.allowed_servers - {look.server_id for look in looks}
    problems = []
    if others:
        problems.append(
            Problem(
                what=f"not in ALLOWED_SERVERS, so the bot leaves: {', '.join(others)}",
                remedy="add their ids to ALLOWED_SERVERS, unless you mean it",
                is_fault=False,
            )
        )
    if absent:
        problems.append(
            Problem(
                what=f"in ALLOWED_SERVERS, but the bot is not there: {', '.join(map(str, sorted(absent)))}",
                remedy="invite it there, or correct the ids",
                is_fault=False,
            )
        )
    return problems
