"""Two workers processes keep to Discord's limits together."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.roles import Role
from bot.sandbox.discord import RateLimit
from bot.sandbox.discord.options import MESSAGE, MESSAGES
from bot.sandbox.stand_ins import running
from tests.end_to_end.town import QUICK, UNHURRIED, a_town

JOBS = 8
WORKERS = frozenset({Role.WORKERS})


@pytest.mark.postgres
async def test_a_burst_of_results_from_two_processes_draws_no_refusal_and_goes_before_edits(
    tmp_path: Path, source: Path
) -> None:
    five = RateLimit(5, 1.5)
    discord = dataclasses.replace(UNHURRIED, rate_limits={("POST", MESSAGES): five, ("PATCH", MESSAGE): five})
    async with a_town(tmp_path, source, dataclasses.replace(QUICK, manual=True), discord) as town:
        town.settings = replace(
            town.settings, quota_per_day=100, lease_seconds=30.0, progress_every_seconds=1.0, database_connections=8
        )
        await town.start(only=frozenset({Role.GATEWAY, Role.WEB}))
        one, other = (running(town.stand_ins, town.settings, only=WORKERS) for _ in range(2))
        async with one, other:
            for number in range(JOBS):
                await town.extend(style="folk", title=f"Boats {number}", prompt="la")
            await town.suno.wait_for_submit(JOBS)
            await town.songs.wait_until(lambda here: len(here.messages) == JOBS)
            before = len(town.discord.requests)

            await asyncio.gather(*(town.suno.finish(task_id) for task_id in town.suno.tasks))
            await town.result(JOBS)
            made = list(town.discord.requests)[before:]
            await town.songs.wait_until(
                lambda here: sum("here it is" in message.content for message in here.messages) == JOBS,
            )

        posts = [number for number, request in enumerate(made) if request.method == "POST" and request.files]
        assert len(posts) == JOBS
        assert sum(request.method == "PATCH" for request in made[posts[0] : posts[-1]]) <= 1
        assert town.discord.rate_limited == []
