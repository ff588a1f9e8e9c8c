"""One process keeps to Discord's 50 requests a second, which discord.py does not count."""

import asyncio
import time

from bot.chat.global_budget import LIMIT, WINDOW_SECONDS, Urgency
from bot.chat.pacing import Pacer
from bot.sandbox.discord import FakeDiscord
from tests.support.discord_api import staged
from tests.support.paced import processes


async def test_a_hundred_posts_at_once_draw_no_refusal() -> None:
    async with FakeDiscord() as fake:
        guild = fake.guild()
        async with processes(fake, [Pacer()]) as (bot,):
            channels = [guild.channel(f"songs {number}").id for number in range(100)]
            await asyncio.gather(*(bot.post(channel_id, "result", Urgency.MESSAGE) for channel_id in channels))

        assert fake.rate_limited == []


async def test_requests_other_than_posts_count_and_wait_too() -> None:
    async with FakeDiscord() as fake:
        songs = fake.guild().channel("songs")
        async with processes(fake, [Pacer()]) as (bot,):
            began = time.monotonic()
            await asyncio.gather(*(bot.client.fetch_channel(songs.id) for _ in range(LIMIT)))

            assert time.monotonic() - began > WINDOW_SECONDS / 2
        assert fake.rate_limited == []


async def test_another_program_with_the_token_costs_at_most_one_refusal() -> None:
    async with staged() as stage:
        async with processes(stage.discord, [Pacer()]) as (bot,):
            channels = [stage.guild.channel(f"songs {number}").id for number in range(20)]
            await asyncio.gather(*(stage.api.ask("GET", "/users/@me") for _ in range(50)))
            theirs = len(stage.discord.rate_limited)

            await bot.post(stage.songs.id, "first")
            await asyncio.gather(*(bot.post(channel_id, "result") for channel_id in channels))

        assert len(stage.discord.rate_limited) - theirs <= 1
