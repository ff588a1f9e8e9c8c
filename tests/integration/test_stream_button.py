"""The lyrics' callback mostly comes without the streams; record-info has them a moment later."""

from pathlib import Path

from bot.domain.jobs import Track
from bot.domain.reports import ReportKind, TaskReport
from tests.support.pipeline import a_world


async def test_a_stream_that_becomes_known_after_the_lyrics_wakes_the_progress_message(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        job = await world.running()
        assert job.task_id is not None
        await world.call_back(job, "text")
        rung = world.bells.progress.rung
        heard = Track(id="one", stream_url="https://stream.example/one")
        world.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.TEXT, tracks=(heard,))

        assert await world.watch.step()

        assert (await world.job(job)).tracks == (heard,)
        assert world.bells.progress.rung == rung + 1
