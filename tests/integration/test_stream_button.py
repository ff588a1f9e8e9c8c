"""The lyrics callback usually comes without the streams; record-info has them a moment later."""

from pathlib import Path

from bot.domain.jobs import Track
from bot.domain.reports import ReportKind, TaskReport
from tests.support.pipeline import a_pipeline


async def test_a_stream_found_after_the_lyrics_updates_the_progress_message(tmp_path: Path) -> None:
    async with a_pipeline(tmp_path) as pipeline:
        job = await pipeline.running()
        assert job.task_id is not None
        await pipeline.call_back(job, "text")
        rung = pipeline.bells.progress.rung
        heard = Track(id="one", stream_url="https://stream.example/one")
        pipeline.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.TEXT, tracks=(heard,))

        assert await pipeline.watch.step()

        assert (await pipeline.job(job)).tracks == (heard,)
        assert pipeline.bells.progress.rung == rung + 1
