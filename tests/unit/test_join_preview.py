"""A result never waits long for what shows its join, and never fails with it."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from bot.domain.jobs import Job
from bot.domain.text import text
from bot.errors import NotAudio, SourceGone
from bot.services.common.clock import utc_now
from bot.services.common.messenger import JoinShown
from bot.services.pipeline.join_preview import JoinPreviews
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.source_again import SourceAgain
from bot.services.pipeline.tracks import FetchedTracks
from tests.support.fakes import FakeAudio, FakeFetcher, FakeMessageFiles, FakeStudio
from tests.support.storage_samples import a_job, a_track

WITHIN = 1.0
GONE = SourceGone("HTTP 404", text("It's gone."))


def job_with_two_takes() -> Job:
    return replace(a_job(), tracks=(a_track(1), a_track(2)))


async def joins_of(
    folder: Path,
    studio: FakeStudio,
    *,
    job: Job | None = None,
    fetcher: FakeFetcher | None = None,
    links: dict[int, str] | None = None,
    is_on: bool = True,
    in_haste: bool = False,
) -> list[JoinShown]:
    """What comes with each take of a job that has two."""
    job = job or job_with_two_takes()
    fetcher = fetcher or FakeFetcher()
    kept = KeptTracks(folder, days=0, clock=utc_now)
    sources = SourceAgain(fetcher, fetcher, FakeMessageFiles(links or {}), kept, max_bytes=1000)
    previews = JoinPreviews(sources, studio, is_on=is_on, within_seconds=WITHIN)
    paths = {track.id: folder / f"{number}.mp3" for number, track in enumerate(job.tracks)}
    for path in paths.values():
        path.write_bytes(b"take")
    fetched = FetchedTracks(tracks=job.tracks, paths=paths, error=None, audio=FakeAudio(), folder=folder)
    return [file.join for file in await (await previews.added(job, fetched, in_haste=in_haste)).fitted(1000)]


async def test_each_take_has_seconds_to_hear_and_the_first_a_picture(tmp_path: Path) -> None:
    first, second = await joins_of(tmp_path, FakeStudio())

    assert first.preview
    assert second.preview
    assert first.preview != second.preview
    assert first.picture
    assert second.picture is None
    assert first.outline is not None
    assert first.outline.seam == 59.25


async def test_the_picture_of_a_take_that_contains_the_original_shows_the_take(tmp_path: Path) -> None:
    first, _ = await joins_of(tmp_path, FakeStudio(is_whole_already=True))

    assert first.outline is not None
    assert first.outline.length_seconds == len(b"take")


async def test_what_takes_too_long_is_left_out_and_the_rest_is_posted(tmp_path: Path) -> None:
    first, second = await joins_of(tmp_path, FakeStudio(hangs=frozenset({"draw"})))

    assert first.preview
    assert second.preview
    assert first.picture is None


async def test_an_original_that_cannot_be_read_leaves_only_the_takes(tmp_path: Path) -> None:
    assert await joins_of(tmp_path, FakeStudio(error=NotAudio())) == [JoinShown(), JoinShown()]


async def test_an_original_that_nobody_has_any_more_leaves_only_the_takes(tmp_path: Path) -> None:
    job = job_with_two_takes()
    assert job.source_choice is not None
    fetcher = FakeFetcher(errors={job.source_choice.locator: GONE, job.source_url: GONE})

    assert await joins_of(tmp_path, FakeStudio(), job=job, fetcher=fetcher) == [JoinShown(), JoinShown()]
    assert fetcher.fetched == [job.source_choice.locator, job.source_url]


async def test_an_expired_link_is_renewed_through_its_message(tmp_path: Path) -> None:
    job = job_with_two_takes()
    assert job.source_choice is not None
    fetcher = FakeFetcher(errors={job.source_choice.locator: GONE, job.source_url: GONE})

    first, _ = await joins_of(
        tmp_path, FakeStudio(), job=job, fetcher=fetcher, links={13: "https://files.invalid/fresh.mp3"}
    )

    assert first.preview is not None


async def test_nothing_is_made_where_the_operator_wants_none(tmp_path: Path) -> None:
    fetcher = FakeFetcher()

    assert await joins_of(tmp_path, FakeStudio(), fetcher=fetcher, is_on=False) == [JoinShown(), JoinShown()]
    assert fetcher.fetched == []


async def test_a_result_that_others_wait_for_waits_less(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await joins_of(tmp_path, FakeStudio(hangs=frozenset({"draw"})), in_haste=True)

    assert loop.time() - began < WITHIN
