"""The machine fails: a locked database, a full disk, a file that cannot be written."""

import logging
import resource
from functools import partial
from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from storage.engines.base import BUSY_SECONDS
from tests.end_to_end.town import QUICK, Town, a_town, ended, ends, eventually
from tests.support.database import held, on_postgres, open_storage
from tests.support.process import BotProcess, bot_process, environ_of

CANNOT_WRITE = "I can't save anything right now. Please try again in a few minutes."


@pytest.fixture
def busy_seconds() -> float:
    return BUSY_SECONDS


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The bot's own log lines from warnings up, as the operator reads them."""
    return [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.partition(".")[0] in {"bot", "cogs", "storage"}
    ]


async def test_a_locked_database_is_reported_to_the_member_in_time_and_to_the_operator_once(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.start()
    await town.announced()
    with caplog.at_level(logging.INFO):
        async with held(town.settings.database_path):
            refused = await (await town.extend()).response()
            quota = await (await town.mia.command(town.songs, "quota")).response()
        await town.extend()
        await town.result()
        await town.job_in(JobState.DELIVERED)

    assert refused.content == CANNOT_WRITE
    assert "10 of 10 extensions left" in quota.content
    assert town.suno.submits == 1
    failed, again = loud(caplog)
    locked = (
        "canceling statement due to lock timeout; other processes" if on_postgres() else "database is locked; another"
    )
    assert failed.getMessage().startswith(f"database unavailable: {locked}")
    assert again.getMessage() == "the database can be written again"
    assert failed.exc_info is None


async def test_a_result_that_arrives_while_the_database_is_locked_is_posted_once_afterwards(slow_town: Town) -> None:
    town = slow_town
    await town.start(poll_after_seconds=0.2, poll_every_seconds=0.2)
    await town.extend()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    async with held(town.settings.database_path):
        await town.suno.finish(next(iter(town.suno.tasks)))

    assert len((await town.result()).attachments) == 2
    await town.job_in(JobState.DELIVERED)
    assert len(ends(town.songs)) == 1


async def test_the_answer_to_a_submission_is_kept_until_it_can_be_written(town: Town) -> None:
    await town.start()
    town.suno.script("slow-answer 0.5", "no-callbacks")
    await town.extend()
    await town.suno.wait_for_submit()
    async with held(town.settings.database_path):
        refused = await (await town.extend()).response()  # two seconds pass

    assert refused.content == CANNOT_WRITE
    job = await town.job_in(JobState.RUNNING)
    assert job.task_id == next(iter(town.suno.tasks))
    assert not job.outcome_unknown


def fill_the_disk(bot: BotProcess) -> None:
    """Stop every file of that process from growing, as on a full disk."""
    hard = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (0, hard))


def make_room(bot: BotProcess) -> None:
    hard = resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(bot.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def all_delivered(town: Town) -> bool:
    async with open_storage(town.settings.database_path) as storage:
        jobs = await storage.reading.jobs.of_member(town.mia.id, limit=10)
    return {job.state for job in jobs} == {JobState.DELIVERED}


@pytest.mark.sqlite
async def test_the_bot_recovers_from_a_full_disk(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, QUICK) as town:
        environ = environ_of(town.settings, POLL_AFTER_SECONDS="0.5", POLL_EVERY_SECONDS="0.5", LEASE_SECONDS="1")
        async with bot_process(environ, "run", folder=tmp_path) as bot:
            await town.discord.wait_ready(1)
            await town.discord.wait_for_commands("extend")
            town.suno.script("late-answer text")
            await town.extend()
            await town.suno.wait_for_submit()
            fill_the_disk(bot)
            refused = await (await town.extend()).response()

            async def told() -> bool:
                return any("database unavailable" in line for line in bot.said)

            await eventually(told)
            make_room(bot)
            await ended(town.songs, 1)
            await town.extend()
            await ended(town.songs, 2)
            await eventually(partial(all_delivered, town))
            assert await bot.end() == 0

        assert refused.content == CANNOT_WRITE
        assert town.suno.submits == len(ends(town.songs)) == 2
        assert sum("database unavailable" in line for line in bot.said) == 1
        assert sum("can be written again" in line for line in bot.said) == 1
        assert not any("Traceback" in line for line in bot.said)


@pytest.mark.sqlite
async def test_a_file_that_cannot_be_written_stops_the_start_with_a_remedy(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, QUICK) as town:
        async with open_storage(town.settings.database_path):
            pass
        with town.settings.database_path.open("r+b") as file:
            file.seek(18)  # a version that this SQLite reads but does not write
            file.write(b"\x03")
        async with bot_process(environ_of(town.settings), "run", folder=tmp_path) as bot:
            assert await bot.exit_status() == 1

        assert any("needs the right to write the file of DATABASE_URL" in line for line in bot.said), bot.said
        assert not any("Traceback" in line for line in bot.said)
