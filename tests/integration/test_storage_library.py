"""Results page by page, with and without something to look for."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Parent
from bot.domain.library import PAGE_SIZE, Edge, LibraryQuery, page_of
from bot.domain.presets import Preset, PresetOptions
from bot.domain.votes import Vote
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.storage_samples import NOW, a_job, a_track, after, insert


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


def done(
    seconds: float = 0,
    *,
    member_id: int = 1,
    title: str = "Tide",
    tags: str = "folk",
    model: str = "V5",
    guild_id: int | None = 200,
    private: bool = False,
) -> Job:
    job = a_job(member_id=member_id, accepted_at=after(seconds))
    return replace(
        job,
        id=secrets.token_hex(16),  # as real ones are: their beginnings differ
        place=replace(job.place, guild_id=guild_id, private=private),
        request=replace(job.request, title=title, model=model),
        state=JobState.DELIVERED,
        ended_at=after(seconds),
        tracks=(a_track(1, tags=tags),),
        due_at=None,
    )


async def walked(storage: SqlStorage, query: LibraryQuery, *, towards_newer: bool = False) -> list[str]:
    """The ids of all results, page by page: from the newest to the oldest, or back from there."""
    ids: list[str] = []
    edge = Edge(at=after(-(10**6)), job_id="0", is_newer=True) if towards_newer else None
    while True:
        found = await storage.reading.library.page(1, query, edge=edge, limit=PAGE_SIZE + 1)
        page = page_of(found, query, edge)
        ids += [job.id for job in (reversed(page.jobs) if towards_newer else page.jobs)]
        edge = page.newer if towards_newer else page.older
        if edge is None:
            return ids


async def test_every_result_is_on_one_page_whichever_way_they_are_turned(storage: SqlStorage) -> None:
    jobs = [done(number // 3) for number in range(3 * PAGE_SIZE + 2)]  # three end in the same millisecond
    await insert(storage, *jobs, done(5, member_id=2), replace(a_job(), tracks=(a_track(1),)))
    newest_first = [job.id for job in sorted(jobs, key=lambda job: (job.ended_at or NOW, job.id), reverse=True)]

    assert await walked(storage, LibraryQuery()) == newest_first
    assert await walked(storage, LibraryQuery(), towards_newer=True) == newest_first[::-1]


async def test_results_are_found_by_a_part_of_their_title_or_style_in_any_case(storage: SqlStorage) -> None:
    boats, dub = done(1, title="Paper BOATS"), done(2, tags="Heavy Dub")
    await insert(storage, boats, dub, done(3))

    assert await walked(storage, LibraryQuery(search="boats")) == [boats.id]
    assert await walked(storage, LibraryQuery(search="dub")) == [dub.id]
    assert await walked(storage, LibraryQuery(search="%")) == []


async def test_results_are_narrowed_to_a_model_and_a_server(storage: SqlStorage) -> None:
    plus, plain = done(1, model="V4_5PLUS"), done(2, model="V4_5")
    elsewhere, direct = done(3, guild_id=201), done(4, guild_id=None)
    liar = done(5, title='","model":"V4_5","x":"')
    await insert(storage, plus, plain, elsewhere, direct, liar)

    assert await walked(storage, LibraryQuery(model="V4_5")) == [plain.id]
    assert await walked(storage, LibraryQuery(model="V4_5PLUS")) == [plus.id]
    assert await walked(storage, LibraryQuery(guild_id=201)) == [elsewhere.id]
    assert await walked(storage, LibraryQuery(guild_id=201, model="V4")) == []


async def test_a_servers_public_results_leave_out_private_ones_and_other_servers(storage: SqlStorage) -> None:
    mine, other = done(1), done(2, member_id=2, title="Ships")
    await insert(storage, mine, other, done(3, private=True), done(4, guild_id=201), a_job())

    async def public(search: str = "", *, among: int = 10) -> list[Job]:
        return await storage.reading.library.public(200, search=search, among=among, limit=10)

    assert await public() == [other, mine]
    assert await public("ship") == [other]
    assert await public("tide", among=1) == []


async def test_the_votes_of_a_song_are_read_at_once(storage: SqlStorage) -> None:
    first = done(1)
    second = replace(done(2), parent=Parent(job_id=first.id, song_id=first.id))
    other = done(3)
    await insert(storage, first, second, other)
    votes = [
        Vote(message_id=n, member_id=n, job_id=job.id, take=1, at=NOW) for n, job in enumerate((first, second, other))
    ]
    async with storage.transaction() as work:
        for vote in votes:
            await work.votes.put(vote)

    found = await storage.reading.votes.of_song(first.id, limit=10)

    assert {vote.job_id for vote in found} == {first.id, second.id}


async def test_a_preset_is_kept_by_its_name_in_any_case_and_one_is_in_use(storage: SqlStorage) -> None:
    options = PresetOptions(style="dub", instrumental=False, style_weight=0.25)
    first = Preset(member_id=1, name="Late Night", options=options)
    async with storage.transaction() as work:
        await work.presets.put(first)
        await work.presets.put(Preset(member_id=1, name="Öde", options=PresetOptions(model="V5")))
        await work.presets.put(Preset(member_id=2, name="Late Night", options=PresetOptions(model="V4")))
        await work.presets.use(1, "LATE  night")

    in_use = replace(first, is_in_use=True)
    assert await storage.reading.presets.get(1, "late night") == in_use
    assert [preset.name for preset in await storage.reading.presets.of_member(1)] == ["Late Night", "Öde"]
    async with storage.transaction() as work:
        await work.presets.put(replace(first, name="late NIGHT", options=PresetOptions(style="ska")))
    renamed = Preset(member_id=1, name="late NIGHT", options=PresetOptions(style="ska"), is_in_use=True)
    assert await storage.reading.presets.get(1, "Late Night") == renamed
    async with storage.transaction() as work:
        await work.presets.use(1, None)
        assert await work.presets.delete(1, "ÖDE")
        assert not await work.presets.delete(1, "ÖDE")
    assert await storage.reading.presets.of_member(1) == [replace(renamed, is_in_use=False)]
