"""A member continues an earlier track, found by its id, its title or part of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.source import SourceKind
from bot.errors import (
    Refused,
)
from bot.text import Catalogue
from tests.support.pipeline import MIA, TRACKS, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_a_members_own_track_can_be_a_source_with_its_model(pipeline: Pipeline) -> None:
    await pipeline.finished()
    await pipeline.delivery.step()

    choice = await pipeline.members.source_from_track(MIA, "one")

    assert (choice.kind, choice.model, choice.takes) == (SourceKind.TRACK, "V5", None)
    with pytest.raises(Refused):
        await pipeline.members.source_from_track(2002, "one")


async def delivered(pipeline: Pipeline, title: str, *, model: str = "V5") -> Job:
    """A job of Mia's with two tracks of the given title."""
    job = await pipeline.accepted(style="folk", title=title, prompt="la la", model=model)
    assert await pipeline.submission.step()
    task_id = (await pipeline.job(job)).task_id
    assert task_id is not None
    tracks = tuple(replace(track, id=f"{title}-{n}-{job.id[:4]}", title=title) for n, track in enumerate(TRACKS, 1))
    pipeline.provider.reports[task_id] = TaskReport(task_id=task_id, kind=ReportKind.COMPLETE, tracks=tracks)
    pipeline.clock.turn(31)
    assert await pipeline.watch.step()
    assert await pipeline.delivery.step()
    return await pipeline.job(job)


async def test_a_title_means_the_newest_track_that_has_it(pipeline: Pipeline) -> None:
    await delivered(pipeline, "Paper Boats", model="V4")
    newest = await delivered(pipeline, "paper boats", model="V4_5")
    await delivered(pipeline, "Paper Boats II")

    for words in ("Paper Boats", " PAPER BOATS "):
        choice = await pipeline.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.model, choice.takes) == (newest.tracks[0].id, "V4_5", 2)


async def test_part_of_a_title_is_enough_if_no_other_title_contains_it(pipeline: Pipeline) -> None:
    boats = await delivered(pipeline, "Paper Boats")
    await delivered(pipeline, "Harbour")

    choice = await pipeline.members.source_from_track(MIA, "boat")

    assert (choice.track_id, choice.name, choice.takes) == (boats.tracks[0].id, "Paper Boats", 2)


async def test_a_take_is_chosen_by_the_number_after_its_title(pipeline: Pipeline) -> None:
    boats = await delivered(pipeline, "Paper Boats")

    for words in ("Paper Boats take 2", "boats take 2"):
        choice = await pipeline.members.source_from_track(MIA, words)
        assert (choice.track_id, choice.takes) == (boats.tracks[1].id, None)
    with pytest.raises(Refused):
        await pipeline.members.source_from_track(MIA, "Paper Boats take 3")


async def test_ambiguous_words_are_answered_with_all_matching_titles(pipeline: Pipeline) -> None:
    await delivered(pipeline, "Paper Boats")
    await delivered(pipeline, "Paper Planes")

    with pytest.raises(Refused) as refused:
        await pipeline.members.source_from_track(MIA, "paper")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "“paper” could mean several of your tracks: Paper Planes · take 1 · 1:30 · 23 Nov and"
        " Paper Boats · take 1 · 1:30 · 23 Nov. Write the whole title, or pick one from the list."
    )


async def test_a_member_without_tracks_hears_how_to_go_on(pipeline: Pipeline) -> None:
    with pytest.raises(Refused, match="You have no tracks yet"):
        await pipeline.members.source_from_track(MIA, "boats")


async def test_a_track_that_cannot_be_found_is_named(pipeline: Pipeline) -> None:
    await delivered(pipeline, "Paper Planes")
    with pytest.raises(Refused) as refused:
        await pipeline.members.source_from_track(MIA, "*boats*")

    assert Catalogue.load().render(refused.value.sentences[0], "en-GB") == (
        "I can't find “\\*boats\\*” among your tracks. Pick one from the list that `track` shows."
    )
