"""`LOG_LEVEL=debug` in a separate process with asyncio's debugging on: it says more, but no secret."""

from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import TroubleKind
from tests.end_to_end.town import Town, check_secrets, eventually
from tests.support.database import open_storage
from tests.support.process import bot_process, environ_of, said


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_whole_job_at_debug_level_logs_no_secret(town: Town, tmp_path: Path, form: str) -> None:
    environ = environ_of(town.settings, LOG_LEVEL="debug", LOG_FORMAT=form, PYTHONASYNCIODEBUG="1")

    async with bot_process(environ, "run", folder=tmp_path) as bot:
        await town.discord.wait_ready()
        await town.discord.wait_for_commands("extend")
        town.discord.troubles.add("POST", "/interactions/*", TroubleKind.RATE_LIMITED)
        town.discord.troubles.add("PATCH", "/webhooks/*", TroubleKind.ERROR_BEFORE)
        await town.mia.autocomplete(town.songs, "extend", focused="model", value="V")
        await town.extend()
        await town.extend(private=True)
        await town.result()
        await delivered(town, 2)
        town.discord.gateway.refuse_connections(1)
        town.discord.gateway.drop(code=4000)
        await town.discord.gateway.wait_resumed()
        await said(bot, "lost the connection to Discord")
        assert await bot.end() == 0

    assert len(town.suno.tasks) == 2
    assert len(town.discord.world.interactions) == 3
    check_secrets(town, bot.said)
    assert not [line for line in bot.said if "Traceback" in line]


async def delivered(town: Town, jobs: int) -> None:
    async with open_storage(town.settings.database_path) as storage:

        async def all_of_them() -> bool:
            found = await storage.reading.jobs.of_member(town.mia.id, limit=10)
            return [job.state for job in found] == [JobState.DELIVERED] * jobs

        await eventually(all_of_them)
