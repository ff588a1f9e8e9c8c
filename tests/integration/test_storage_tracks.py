"""Tracks of jobs on the database: how members find their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.request import ExtensionRequest
from storage.storage import SqlStorage
from tests.support.database import open_storage, tamper
from tests.support.storage_samples import (
    a_delivered,
    a_job,
    a_track,
    after,
    insert,
)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def test_delivered_tracks_of_a_member_come_newest_first(storage: SqlStorage) -> None:
    first = a_delivered(a_job(), a_track(1), a_track(2), at=after(1))
    second = a_delivered(a_job(), a_track(3), at=after(2))
    running = replace(a_job(state=JobState.RUNNING), tracks=(a_track(4),))
    strangers = a_delivered(a_job(member_id=2), a_track(5))
    await insert(storage, first, second, running, strangers)

    owned = await storage.reading.tracks.of_member(1, search="", limit=25)

    assert [(track.job_id, track.track.id) for track in owned] == [
        (second.id, "track-3"),
        (first.id, "track-1"),
        (first.id, "track-2"),
    ]
    assert (owned[0].track, owned[0].model, owned[0].delivered_at) == (a_track(3), "V5", after(2))
    assert await storage.reading.tracks.of_member(1, search="", limit=1) == owned[:1]
    assert await storage.reading.tracks.get(1, "track-1") == owned[1]
    assert await storage.reading.tracks.get(1, "track-4") is None
    assert await storage.reading.tracks.get(1, "track-5") is None


@pytest.mark.parametrize("damage", ["stage = 'dancing'", "request = '{'", "ended_ms = 9e18"])
async def test_a_job_that_cannot_be_read_hides_only_its_own_tracks(
    storage: SqlStorage, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    unreadable = a_delivered(a_job(), a_track(1), a_track(2), at=after(1))
    await insert(storage, unreadable, a_delivered(a_job(), a_track(3), at=after(2)))
    await tamper(storage, f"UPDATE job SET {damage} WHERE id = $1", unreadable.id)  # noqa: S608
    jobs = storage.reading.jobs

    listed = await storage.reading.tracks.of_member(1, search="", limit=25)

    assert [owned.track.id for owned in listed] == ["track-3"]
    (line,) = caplog.messages
    assert line.startswith(f"job {unreadable.short_id} cannot be read by this version")
    assert await storage.reading.tracks.titled(1, "tide", whole=True, limit=25) == listed
    assert await storage.reading.tracks.get(1, "track-1") is None
    assert await jobs.of_member(1, limit=5) == [await jobs.get(listed[0].job_id)]


def an_untitled_job() -> Job:
    """Its tracks have the provider's titles."""
    return replace(a_job(), request=ExtensionRequest(prompt="more of it"))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ÜBER", ["track-1"]),
        ("u\N{COMBINING DIAERESIS}ber", ["track-1"]),
        ("folk", ["track-1"]),
        ("STRASSE", ["track-2"]),
        ("100%", ["track-2"]),
        ("0%x", []),
        ("_", []),
        ("!", []),
        ("jazz", []),
    ],
)
async def test_a_search_finds_parts_of_title_or_tags_in_any_case(
    storage: SqlStorage, search: str, found: list[str]
) -> None:
    await insert(
        storage,
        a_delivered(an_untitled_job(), a_track(1, title="Über dem Meer", tags="Folk")),
        a_delivered(an_untitled_job(), a_track(2, title="Straße", tags="100% x")),
    )

    owned = await storage.reading.tracks.of_member(1, search=search, limit=25)

    assert [track.track.id for track in owned] == found


async def test_a_title_is_found_whole_or_in_part_but_not_among_the_tags(storage: SqlStorage) -> None:
    await insert(
        storage,
        a_delivered(an_untitled_job(), a_track(1, title="100% Über"), at=after(1)),
        a_delivered(an_untitled_job(), a_track(2, title="100% Über"), at=after(2)),
        a_delivered(an_untitled_job(), a_track(3, title="Überall"), at=after(3)),
        a_delivered(an_untitled_job(), a_track(4, title="Tide", tags="100% über"), at=after(4)),
    )

    async def found(title: str, *, whole: bool, limit: int = 25) -> list[str]:
        owned = await storage.reading.tracks.titled(1, title, whole=whole, limit=limit)
        return [track.track.id for track in owned]

    assert await found("100% ÜBER", whole=True) == ["track-2", "track-1"]
    assert await found("100_ über", whole=True) == []
    assert await found("über", whole=True) == []
    assert await found("ÜBER", whole=False) == ["track-3", "track-2", "track-1"]
    assert await found("über", whole=False, limit=1) == ["track-3"]


async def test_a_track_titled_with_an_id_is_named_and_found_by_its_sources_name(storage: SqlStorage) -> None:
    untitled = ExtensionRequest(prompt="more of it")
    job = replace(a_job(), request=untitled, source_name="Harbour Song.mp3")
    await insert(storage, a_delivered(job, a_track(1, title="3f9c1d0a5b7e4c2d8f6a1b3c5d7e9f00")))

    (owned,) = await storage.reading.tracks.of_member(1, search="harbour", limit=25)

    assert owned.title == "Harbour Song"
    assert await storage.reading.tracks.titled(1, "harbour song", whole=True, limit=25) == [owned]


async def test_takes_are_counted_among_the_tracks_that_can_be_heard(storage: SqlStorage) -> None:
    silent = replace(a_track(1), audio_url="")
    await insert(
        storage,
        a_delivered(a_job(), a_track(2), a_track(3), at=after(2)),
        a_delivered(a_job(), silent, a_track(4), at=after(1)),
    )

    owned = await storage.reading.tracks.of_member(1, search="", limit=25)

    assert [(each.track.id, each.take, each.takes) for each in owned] == [
        ("track-2", 1, 2),
        ("track-3", 2, 2),
        ("track-4", 1, 1),
    ]
    assert await storage.reading.tracks.get(1, "track-1") is None


async def test_other_tracks_can_replace_the_known_ones(storage: SqlStorage) -> None:
    job = a_delivered(a_job(), a_track(1), a_track(2))
    await insert(storage, job)

    async with storage.transaction() as work:
        await work.tracks.forget(job.id)
        await work.jobs.save(replace(job, tracks=(a_track(3),)))

    found = await storage.reading.jobs.get(job.id)
    assert found is not None
    assert found.tracks == (a_track(3),)
