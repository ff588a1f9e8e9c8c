"""Pages of `/library`: what they say, and what their custom ids carry."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.chat.song.library import (
    LIBRARY_ID,
    LibraryVerb,
    library_id,
    page_content,
    page_view,
    read_library_id,
    result_content,
    searched,
)
from bot.domain.jobs import Job, JobState
from bot.domain.library import PAGE_SIZE, Edge, LibraryPage, LibraryQuery, page_of
from bot.domain.models import MODELS
from bot.services.songs.library import Left
from bot.text import Catalogue
from tests.support.storage_samples import NOW, a_job, a_track, after

SAY = Catalogue.load().for_reader("en-GB")
LAST_SNOWFLAKE = 2**63 - 1


def done(number: int = 0) -> Job:
    job = replace(a_job(), state=JobState.DELIVERED, tracks=(a_track(1), a_track(2)), ended_at=after(number))
    return replace(job, final_message_id=7, final_channel_id=300, final_guild_id=200, finished_at=after(number))


def left(**changes: bool | None) -> Left:
    return replace(Left(at_provider=True, kept=False, in_channel=True, has_message=True), **changes)


queries = st.builds(
    LibraryQuery,
    search=st.text(max_size=60).map(searched),
    model=st.sampled_from(["", *MODELS]),
    guild_id=st.none() | st.integers(1, LAST_SNOWFLAKE),
)
edges = st.none() | st.builds(
    Edge,
    at=st.integers(0, 4 * 10**12).map(lambda each: NOW.replace(microsecond=0) + timedelta(milliseconds=each // 1000)),
    job_id=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    is_newer=st.booleans(),
)


@given(st.sampled_from(LibraryVerb), queries, edges)
def test_a_custom_id_carries_the_whole_state_within_discords_limit(
    verb: LibraryVerb, query: LibraryQuery, edge: Edge | None
) -> None:
    custom_id = library_id(verb, query, edge)
    match = re.fullmatch(LIBRARY_ID, custom_id)

    assert len(custom_id) <= 100
    assert match is not None
    assert read_library_id(match) == (verb, query, edge)


@pytest.mark.parametrize(
    "custom_id",
    ["encore:library:page:x1.a:::", "encore:library:drop::::", "encore:library:page:::", "encore:library:page::v5::"],
)
def test_a_custom_id_of_another_kind_is_left_alone(custom_id: str) -> None:
    assert re.fullmatch(LIBRARY_ID, custom_id) is None


def test_the_first_page_leads_to_older_results_only() -> None:
    found = [done(-each) for each in range(PAGE_SIZE + 1)]

    page = page_of(found, LibraryQuery(), None)

    assert page.jobs == tuple(found[:PAGE_SIZE])
    assert page.newer is None
    assert page.older == Edge(at=after(1 - PAGE_SIZE), job_id=found[PAGE_SIZE - 1].id[:8])


def test_a_page_in_the_middle_leads_both_ways_whichever_way_one_came() -> None:
    found = [done(-each) for each in range(PAGE_SIZE + 1)]

    from_newer = page_of(found, LibraryQuery(), Edge(at=after(1), job_id="a"))
    from_older = page_of(found, LibraryQuery(), Edge(at=after(-100), job_id="a", is_newer=True))

    assert from_newer.newer is not None
    assert from_newer.older is not None
    assert from_older.jobs == tuple(found[1:])
    assert from_older.newer is not None
    assert from_older.older is not None


def test_the_last_page_leads_to_newer_results_only() -> None:
    page = page_of([done()], LibraryQuery(), Edge(at=after(1), job_id="a"))

    assert (page.newer is None, page.older is None) == (False, True)


def test_a_page_names_each_result_with_its_model_takes_and_link() -> None:
    page = LibraryPage(query=LibraryQuery(search="ti", model="V5", guild_id=200), jobs=(done(),))

    heading, line = page_content(page, SAY).splitlines()

    assert heading == "**Your results** · with “ti” in the title or style · made with V5 · from this server"
    at = int(after(0).timestamp())
    link = "[open](https://discord.com/channels/200/300/7)"
    assert line == f"- **Tide** · V5 · 2 takes · <t:{at}:R> · {link}"


def test_an_empty_library_says_how_to_begin_and_an_empty_search_what_was_looked_for() -> None:
    assert "Make one with `/extend`" in page_content(LibraryPage(query=LibraryQuery(), jobs=()), SAY)
    assert page_view(LibraryPage(query=LibraryQuery(), jobs=()), None, here=1, say=SAY) is None
    narrow = LibraryPage(query=LibraryQuery(search="x"), jobs=())
    assert "None of your results match." in page_content(narrow, SAY)
    assert page_view(narrow, None, here=1, say=SAY) is not None


def test_a_page_fits_a_message_whatever_the_titles_are() -> None:
    awful = done()
    awful = replace(awful, request=replace(awful.request, title="*_`~|@everyone" * 30))

    assert len(page_content(LibraryPage(query=LibraryQuery(search="*" * 32), jobs=(awful,) * PAGE_SIZE), SAY)) <= 2000


def test_a_result_says_when_the_providers_copy_expires_and_that_the_channels_remains() -> None:
    shown = result_content(done(), left(), SAY)

    expires = int((after(0) + timedelta(days=14)).timestamp())
    assert f"The music service deletes the files <t:{expires}:R>." in shown
    assert "There's a copy in <#300>: https://discord.com/channels/200/300/7" in shown
    assert "Take 2: 3:18" in shown


def test_a_result_says_what_is_gone() -> None:
    gone = result_content(done(), left(at_provider=False, in_channel=False), SAY)
    alone = result_content(replace(done(), final_is_answer=True), left(in_channel=False, has_message=False), SAY)
    deleted = replace(done(), final_message_id=None, final_channel_id=None, final_guild_id=None)
    removed = result_content(deleted, left(in_channel=False, has_message=False), SAY)
    unknown = result_content(done(), left(in_channel=None, kept=True), SAY)

    assert "The music service no longer has the files." in gone
    assert "Its message is gone, or has no files." in gone
    assert "It was sent to you alone" in alone
    assert "Its message is gone, or has no files." in removed
    assert "I can't check right now" in unknown
    assert "I keep copies of my own." in unknown
