"""A backup is restored midway, with jobs that ran in it and with jobs that waited in it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from bot.domain.jobs import Job, JobState
from storage.backup import back_up
from storage.restore import restore
from tests.end_to_end.town import Town, eventually
from tests.faults.killing import Balance, a_bot, all_are_submitted, all_jobs, connected, count, extend_times, settled

COMMANDS = 6
RUNNING = "a backup is restored midway; its jobs were running"
WAITING = "a backup is restored midway; its jobs were waiting"


async def restored_with_running_jobs(town: Town, folder: Path) -> Balance:
    """The backup is made while jobs run; everything later is lost with the database it replaces."""
    database = town.settings.database_path
    async with a_bot(town, folder):
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        await eventually(partial(all_are_submitted, town, COMMANDS), seconds=60)
        await back_up(database, folder / "copy.db")
        await settled(town, jobs=COMMANDS)
    await restore(folder / "copy.db", database)
    async with a_bot(town, folder):
        await connected(town, 2)
        await settled(town, jobs=COMMANDS)
    return await count(town)


async def restored_with_waiting_jobs(town: Town, folder: Path) -> Balance:
    """The backup is made while jobs wait for credits. Then half of them are submitted and posted. After the restore all
    are on hold: their member cancels those that were posted, and continues the others.
    """
    database = town.settings.database_path
    town.suno.credits = 0
    async with a_bot(town, folder):
        await connected(town, 1)
        await extend_times(town, COMMANDS)
        await eventually(partial(all_are, JobState.ACCEPTED, town))
        await back_up(database, folder / "copy.db")
        town.suno.credits = COMMANDS // 2 * town.suno.options.cost

        async def half_are_posted() -> bool:
            return len([job for job in await all_jobs(town) if job.state is JobState.DELIVERED]) == COMMANDS // 2

        await eventually(half_are_posted, seconds=60)
        posted = {job.id for job in await all_jobs(town) if job.state is JobState.DELIVERED}
    await restore(folder / "copy.db", database)
    town.suno.credits = 1000
    async with a_bot(town, folder):
        await connected(town, 2)
        await eventually(partial(all_are, JobState.ON_HOLD, town))
        for job in await all_jobs(town):
            await press("Cancel" if job.id in posted else "Continue", job, town)
        await settled(town, jobs=COMMANDS)
    return await count(town)


async def all_are(state: JobState, town: Town) -> bool:
    return [job.state for job in await all_jobs(town)] == [state] * COMMANDS


async def press(button: str, job: Job, town: Town) -> None:
    """Mia chooses the job in her list and presses a button on it."""
    listed = await (await town.mia.command(town.songs, "jobs")).response()
    shown = await (await town.mia.choose(listed, "Choose a job…", job.id)).response()
    await (await town.mia.click(shown, button)).response()


BACKUP_TROUBLES: Mapping[str, Callable[[Town, Path], Awaitable[Balance]]] = {
    RUNNING: restored_with_running_jobs,
    WAITING: restored_with_waiting_jobs,
}
