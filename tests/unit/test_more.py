"""What `More…` offers, and the lyrics that it shows."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bot.chat.result.lyrics import lyrics_shown
from bot.domain.jobs import Job, Track
from bot.domain.more import MoreAction, lyrics_of, more_actions
from bot.domain.text import Text
from bot.text import Catalogue
from tests.support.storage_samples import a_delivered, a_job, a_track

MIA, NOA = 1, 2


@pytest.fixture(scope="module")
def say() -> Callable[[Text], str]:
    return Catalogue.load().for_reader("en-US")


def a_result(*lyrics: str) -> Job:
    tracks = [replace(a_track(number), lyrics=words) for number, words in enumerate(lyrics, 1)]
    return a_delivered(a_job(member_id=MIA), *tracks)


def offered(
    job: Job,
    member_id: int,
    *,
    manages_messages: bool = False,
    is_answer: bool = False,
    has_times: bool = True,
) -> tuple[MoreAction, ...]:
    return more_actions(
        job, member_id=member_id, manages_messages=manages_messages, is_answer=is_answer, has_times=has_times
    )


def test_its_requester_may_do_everything() -> None:
    assert offered(a_result("la"), MIA) == tuple(MoreAction)


def test_others_may_neither_edit_nor_delete() -> None:
    assert offered(a_result("la"), NOA) == (
        MoreAction.LYRICS,
        MoreAction.TIMES,
        MoreAction.JOIN,
        MoreAction.WAV,
        MoreAction.FLAC,
        MoreAction.REPORT,
    )


def test_who_manages_messages_may_delete() -> None:
    assert MoreAction.DELETE in offered(a_result("la"), NOA, manages_messages=True)


def test_what_one_person_sees_can_be_neither_reported_nor_deleted() -> None:
    assert offered(a_result("la"), MIA, is_answer=True) == (
        MoreAction.EDIT,
        MoreAction.LYRICS,
        MoreAction.TIMES,
        MoreAction.JOIN,
        MoreAction.WAV,
        MoreAction.FLAC,
    )


def test_there_are_no_lyrics_where_nobody_sings() -> None:
    job = a_result("[Verse]\nla")
    silent = replace(job, request=replace(job.request, instrumental=True))

    assert not {MoreAction.LYRICS, MoreAction.TIMES} & {*offered(silent, MIA)}


def test_times_are_not_offered_where_they_are_switched_off() -> None:
    actions = offered(a_result("la"), MIA, has_times=False)

    assert MoreAction.TIMES not in actions
    assert MoreAction.LYRICS in actions


def test_what_was_asked_for_word_by_word_counts_and_an_idea_does_not() -> None:
    job = a_result("")
    idea = replace(job, request=replace(job.request, style="", title="", prompt="something about the sea"))

    assert lyrics_of(job) == {1: job.request.prompt}
    assert lyrics_of(idea) == {}


def test_lyrics_that_both_takes_share_are_shown_once(say: Callable[[Text], str]) -> None:
    content, files = lyrics_shown(a_result("[Verse]\nla *la*", "[Verse]\nla *la*"), say)

    assert content == "The lyrics of **Tide**\n\n\\[Verse\\]\nla \\*la\\*"
    assert not files


def test_different_lyrics_are_shown_by_take(say: Callable[[Text], str]) -> None:
    content, _ = lyrics_shown(a_result("la", "lu"), say)

    assert content == "The lyrics of **Tide**\n\n**Take 1**\nla\n\n**Take 2**\nlu"


def test_long_lyrics_come_as_a_file_for_each_take(say: Callable[[Text], str]) -> None:
    long = "la la la\n" * 300
    content, files = lyrics_shown(a_result(long, long + "end"), say)

    assert content == "The lyrics of **Tide**"
    assert [(file.name, file.words) for file in files] == [
        ("tide-1.txt", long.strip()),
        ("tide-2.txt", long + "end"),
    ]
    assert [file.alt for file in files] == ["The lyrics of Tide, take 1", "The lyrics of Tide, take 2"]


def test_words_from_outside_break_neither_the_message_nor_its_limit(say: Callable[[Text], str]) -> None:
    nasty = "@everyone <@999> [link](https://evil.example)\n# heading " + "x" * 5000
    job = a_result(nasty, "y" * 1990)
    title = Track(id="t", audio_url="https://x.invalid/a", title=nasty)

    content, files = lyrics_shown(replace(job, tracks=(*job.tracks, title)), say)

    assert len(content) <= 2000
    assert "<@999>" not in content
    assert files
