"""The process ends during a job, and another one continues."""

import asyncio
from dataclasses import replace
from pathlib import Path

from bot.domain.jobs import JobState
from bot.fault_points import hold
from tests.end_to_end.town import QUICK, Town, a_town, ends, eventually
from tests.support.database import on_postgres


async def test_a_job_that_runs_while_the_bot_is_away_is_delivered_afterwards(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        await town.start()
        await town.extend()
        await town.songs.wait_for(lambda message: "Composing" in message.content)
        task_id = next(iter(town.suno.tasks))
        await town.stop()

        await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
        if not on_postgres():  # there, other processes may have been at work all the time
            await town.songs.wait_for(lambda message: "I was restarted, but nothing was lost." in message.content)
        await town.suno.finish(task_id, "complete")
        result = await town.result()
        await town.job_in(JobState.DELIVERED)

        assert len(result.attachments) == 2
        assert result.reference is town.progress()
        assert len(ends(town.songs)) == 1
        assert town.suno.submits == 1
        assert (await town.balance()).spent == 1


async def test_a_job_that_finished_while_the_bot_was_away_is_polled(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, manual=True)) as town:
        await town.start(poll_after_seconds=0.5, poll_every_seconds=0.5)
        await town.extend()
        await town.suno.wait_for_submit()
        await town.job_in(JobState.RUNNING)
        task_id = next(iter(town.suno.tasks))
        await town.stop()
        await town.suno.finish(task_id, "complete")

        await town.start(poll_after_seconds=0.5, poll_every_seconds=0.5)

        assert len((await town.result()).attachments) == 2


async def test_an_interrupted_command_is_resumed(town: Town) -> None:
    await town.start()
    town.suno.next_call("file-stream-upload", "hold")
    await town.extend()

    async def uploading() -> bool:
        return any("file-stream-upload" in request.path for request in town.suno.requests)

    await eventually(uploading)
    await town.stop()

    await town.start()

    assert len((await town.result()).attachments) == 2
    assert (await town.balance()).left == 9
    assert len(town.songs.messages) == 2  # the result, and the earlier progress message


async def test_a_progress_message_that_was_not_written_down_is_found_and_used(town: Town) -> None:
    """Even after Discord has forgotten its nonce, when posting again would make a second one."""
    await town.start()
    async with hold("after the progress message is posted") as posted:
        await town.extend()
        await posted.reached()
        await town.stop()
    town.discord.advance(400)

    await town.start()

    result = await town.result()
    assert [message for message in town.songs.messages if message is not result] == [result.reference]


async def test_two_commands_with_the_same_file_each_go_on_with_their_own_message(town: Town) -> None:
    await town.start()
    async with hold("after the progress message is posted") as posted:
        await asyncio.gather(town.extend(), town.extend())
        await posted.reached()
        await posted.reached()
        await town.stop()

    await town.start()

    results = [await town.result(number) for number in (1, 2)]
    begun = [message for message in town.songs.messages if message not in results]
    jobs = await town.app.storage.reading.jobs.of_member(town.mia.id, limit=10)
    assert sorted(job.progress_message_id or 0 for job in jobs) == sorted(message.id for message in begun)
    assert len(begun) == 2


async def test_waiting_jobs_keep_their_order(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, replace(QUICK, credits=0)) as town:
        await town.start()
        for title in ("one", "two"):
            invocation = await town.extend(style="folk", title=title, prompt="la")
            await invocation.response()
        await town.stop()
        town.suno.credits = 1000

        await town.start()
        await town.result(2)

        titles = [task.request["title"] for task in town.suno.tasks.values()]
        assert titles == ["one", "two"]
