"""The sandbox's own bot and its database, as the panel behind the scenes shows and moves them."""

import asyncio
from pathlib import Path

from bot.sandbox.discord import FakeDiscord
from bot.sandbox.jobs_seen import JobsSeen
from bot.sandbox.playground import playground


async def test_two_windows_may_open_the_panel_at_the_same_time(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        jobs = JobsSeen(tmp_path / "encore.db", [discord.member("Mia")])
        try:
            assert [*await asyncio.gather(jobs.latest(), jobs.latest(), jobs.latest())] == [[], [], []]
        finally:
            await jobs.close()


async def test_a_window_that_closes_the_panel_at_once_leaves_it_to_the_others(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        jobs = JobsSeen(tmp_path / "encore.db", [discord.member("Mia")])
        try:
            closing = asyncio.create_task(jobs.latest())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            assert await jobs.latest() == []
        finally:
            await jobs.close()


async def test_a_database_that_cannot_be_read_shows_no_jobs(tmp_path: Path) -> None:
    (tmp_path / "encore.db").write_text("This is a letter, and no database.")
    async with FakeDiscord() as discord:
        jobs = JobsSeen(tmp_path / "encore.db", [discord.member("Mia")])
        try:
            assert await jobs.latest() == []
        finally:
            await jobs.close()


async def test_a_bot_that_is_started_while_it_stops_runs_again(tmp_path: Path) -> None:
    async with playground(tmp_path, tell=lambda _: None) as ground:
        await ground.bot.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(ground.bot.stop())
            await asyncio.sleep(0)
            group.create_task(ground.bot.start())

        assert ground.bot.state == "running"
