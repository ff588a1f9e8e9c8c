"""The bot ends before the provider has answered a submission."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.town import QUICK, Town, a_town
from tests.support.database import open_storage
from tests.support.process import BotProcess, bot_process, environ_of


@asynccontextmanager
async def submitting(town: Town, environ: dict[str, str], folder: Path) -> AsyncIterator[BotProcess]:
    """A bot whose submission has reached the provider and has no answer yet."""
    async with bot_process(environ, "run", folder=folder) as bot:
        await town.discord.gateway.wait_identified(1)
        await town.discord.wait_for_commands("extend")
        await town.extend()
        await town.suno.wait_for_submit()
        yield bot


async def test_stopping_waits_for_the_answer_to_an_open_submission(tmp_path: Path, source: Path) -> None:
    """Without PUBLIC_URL, nothing else would ever reveal the task."""
    async with a_town(tmp_path, source, QUICK) as town:
        town.settings = replace(town.settings, public_url="")
        environ = environ_of(town.settings, POLL_AFTER_SECONDS="0.2", POLL_EVERY_SECONDS="0.2")
        town.suno.next_submit("slow-answer 2")
        async with submitting(town, environ, tmp_path) as bot:
            assert await bot.end() == 0
        await town.start(poll_every_seconds=0.2)

        result = await town.result()

        assert len(result.attachments) == 2
        assert town.suno.submits == 1
        assert not (await town.job_in(JobState.DELIVERED)).outcome_unknown


async def test_stopping_does_not_wait_for_ever_for_an_answer(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, QUICK) as town:
        town.suno.next_submit("hold started")
        async with submitting(town, environ_of(town.settings), tmp_path) as bot:
            assert await bot.end() == 0

        assert any("not answered within 8 s" in line for line in bot.said)


async def test_a_bot_that_discord_throws_out_still_waits_for_an_answer_it_has_paid_for(
    tmp_path: Path, source: Path
) -> None:
    async with a_town(tmp_path, source, QUICK) as town:
        town.suno.next_submit("slow-answer 3")
        async with submitting(town, environ_of(town.settings), tmp_path) as bot:
            town.discord.gateway.drop(code=4004)
            assert await asyncio.wait_for(bot.process.wait(), PATIENCE_SECONDS) == 1

        async with open_storage(town.settings.database_path) as storage:
            (job,) = await storage.reading.jobs.of_member(town.mia.id, limit=2)
        assert job.task_id == next(iter(town.suno.tasks))
