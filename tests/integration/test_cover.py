"""A result's picture is attached if available, and never holds the music back."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.text import text
from bot.errors import SourceUnreachable
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import ResultFile
from bot.services.pipeline.cover import image_ending
from tests.support.fakes import FakeFetcher
from tests.support.pipeline import TRACKS, Pipeline, a_pipeline

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
IMAGE_URL = "https://images.example/one.jpeg"


@dataclass
class FetcherOfPictures(FakeFetcher):
    """Returns `picture` for the cover's address, once `may_answer` is set."""

    picture: bytes = PNG
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, url: str, to: Path, *, limit_bytes: int) -> int:
        if url != IMAGE_URL:
            return await super().fetch(url, to, limit_bytes=limit_bytes)
        if IMAGE_URL in self.errors:
            raise self.errors[IMAGE_URL]
        await self.may_answer.wait()
        assert len(self.picture) <= limit_bytes
        return to.write_bytes(self.picture)


async def finished(pipeline: Pipeline) -> Job:
    job = await pipeline.running()
    tracks = (replace(TRACKS[0], image_url=IMAGE_URL), TRACKS[1])
    async with pipeline.storage.transaction() as work:
        await work.jobs.save(replace(job, tracks=tracks))
    await pipeline.call_back(job, "complete")
    return await pipeline.job(job)


def posted(pipeline: Pipeline) -> list[ResultFile]:
    ((_, files),) = pipeline.messenger.ways[0].posted
    return files


@pytest.mark.parametrize(
    ("head", "ending"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"),
        (PNG, "png"),
        (b"GIF89a", "gif"),
        (b"RIFF\0\0\0\0WEBP", "webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg xmlns=", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_picture_is_recognised_only_by_its_bytes(head: bytes, ending: str | None) -> None:
    assert image_ending(head) == ending


async def test_a_cover_comes_with_the_music_with_the_ending_for_its_bytes(tmp_path: Path) -> None:
    fetcher = FetcherOfPictures()
    fetcher.may_answer.set()
    async with a_pipeline(tmp_path, fetcher=fetcher) as pipeline:
        job = await finished(pipeline)

        await pipeline.delivery.step()

        assert (await pipeline.job(job)).state is JobState.DELIVERED
        assert [file.cover and file.cover.name for file in posted(pipeline)] == ["cover.png"] * 2


@pytest.mark.parametrize("trouble", ["unreachable", "broken", "hanging", "no picture"])
async def test_the_music_comes_even_without_its_cover(tmp_path: Path, trouble: str) -> None:
    fetcher = FetcherOfPictures()
    if trouble == "unreachable":
        fetcher.errors[IMAGE_URL] = SourceUnreachable("404", text("gone"))
    if trouble == "broken":
        fetcher.errors[IMAGE_URL] = ValueError("a URL that breaks the parser")
    if trouble == "no picture":
        fetcher.picture = b"<html>not here</html>"
    if trouble != "hanging":
        fetcher.may_answer.set()
    async with a_pipeline(tmp_path, fetcher=fetcher) as pipeline:
        job = await finished(pipeline)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await pipeline.delivery.step()

        assert (await pipeline.job(job)).state is JobState.DELIVERED
        assert [file.cover for file in posted(pipeline)] == [None, None]
        assert [file.path is None for file in posted(pipeline)] == [False, False]
