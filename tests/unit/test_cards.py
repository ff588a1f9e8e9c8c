"""The messages about a job's end, in English; no text from members or the provider breaks them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import discord
import pytest
from msgspec.structs import replace

from bot.chat import cards
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Track
from bot.domain.text import Text, text
from bot.services.common.messenger import ResultFile
from bot.text import Catalogue
from tests.support.fakes import BEGINNING
from tests.support.storage_samples import a_job

NASTY = "@everyone <@999> **bold** [link](https://evil.example) `code` ||spoiler||\n# heading " + "x" * 6000


@pytest.fixture(scope="module")
def say() -> Callable[[Text], str]:
    return Catalogue.load().for_reader("en-US")


def a_result(job: Job, *, tracks: int = 2, linked: bool = False, cover: Path | None = None) -> list[ResultFile]:
    track = Track(
        id="one",
        audio_url="https://files.example/one.mp3",
        image_url="https://files.example/one.png",
        title=job.request.title,
        tags="dream pop",
        lyrics="[Verse]\nPaper boats",
        length_seconds=198.44,
    )
    path = None if linked else Path("one.mp3")
    return [ResultFile(track=replace(track, id=str(number)), path=path, cover=cover) for number in range(tracks)]


def untitled(job: Job) -> Job:
    return replace(job, request=replace(job.request, title=""))


def fields_of(card: cards.Card) -> dict[str | None, str | None]:
    assert card.embed is not None
    return {field.name: field.value for field in card.embed.fields}


def test_a_result_mentions_the_member_and_shows_the_facts(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), sent_continue_at=65.2)

    card = cards.result_card(job, a_result(job), say)

    assert card.content.splitlines() == [
        f"<@{job.place.member_id}> Your 2 tracks are ready.",
        f"-# Encore · {job.short_id}",
    ]
    assert card.embed is not None
    fields = fields_of(card)
    assert fields["Length"] == "3 minutes 18 seconds"  # of both
    assert fields["Continues from"] == "1 minute 5.2 seconds"
    assert fields["Style"] == "dream pop"
    assert card.embed.description == "\\[Verse\\]\nPaper boats"
    assert card.embed.thumbnail.url == "https://files.example/one.png"


def test_one_track_is_announced_in_the_singular(say: Callable[[Text], str]) -> None:
    assert "Your track is ready." in cards.result_card(a_job(), a_result(a_job(), tracks=1), say).content


def test_an_untitled_result_is_named_after_the_source_and_never_after_an_id(say: Callable[[Text], str]) -> None:
    job = replace(untitled(a_job()), source_name="Paper Boats.mp3")
    files = [
        replace(file, track=replace(file.track, title="3f9a2c1e-0000-4000-8000-0305e82c3301")) for file in a_result(job)
    ]

    card = cards.result_card(job, files, say)

    assert card.embed is not None
    assert card.embed.title == "Paper Boats"
    assert [file.name for file in card.files] == ["paper-boats-1.mp3", "paper-boats-2.mp3"]


def test_a_result_with_nothing_but_ids_is_untitled(say: Callable[[Text], str]) -> None:
    job = replace(untitled(a_job()), source_name="3f9a2c1e7b.mp3")

    card = cards.result_card(job, a_result(job), say)

    assert card.embed is not None
    assert card.embed.title == "Untitled"
    assert card.files[0].name == "encore-1.mp3"


def test_every_attachment_says_what_it_is_to_those_who_cannot_see_it(say: Callable[[Text], str]) -> None:
    job, lyrics = a_job(), "la la la\n" * 400
    files = [
        replace(file, track=replace(file.track, lyrics=lyrics)) for file in a_result(job, cover=Path("x/picture.jpg"))
    ]

    card = cards.result_card(job, files, say)

    assert {file.name: file.alt for file in card.files} == {
        "tide-1.mp3": "Tide, track 1 of 2, 3 minutes 18 seconds",
        "tide-2.mp3": "Tide, track 2 of 2, 3 minutes 18 seconds",
        "tide.txt": "The lyrics of Tide",
        "cover.jpg": "The cover of Tide",
    }


def test_the_cover_is_shown_from_the_attached_file(say: Callable[[Text], str]) -> None:
    card = cards.result_card(a_job(), a_result(a_job(), cover=Path("x/picture.png")), say)

    assert card.embed is not None
    assert card.embed.thumbnail.url == "attachment://cover.png"
    assert card.files[-1].path == Path("x/picture.png")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://xn--a/", "https://[::1]@/", "", "https://x y/"])
def test_a_picture_without_a_web_address_is_left_out(say: Callable[[Text], str], url: str) -> None:
    files = [replace(file, track=replace(file.track, image_url=url)) for file in a_result(a_job())]

    card = cards.result_card(a_job(), files, say)

    assert card.embed is not None
    assert card.embed.thumbnail.url is None


def test_long_lyrics_come_as_a_file(say: Callable[[Text], str]) -> None:
    job, lyrics = a_job(), "la la la\n" * 400
    files = [replace(file, track=replace(file.track, lyrics=lyrics)) for file in a_result(job)]

    card = cards.result_card(job, files, say)

    assert card.files[-1].words == lyrics.strip()
    assert card.embed is not None
    assert not card.embed.description


def test_a_track_too_large_for_the_server_is_a_link_with_an_expiry(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), finished_at=BEGINNING)

    card = cards.result_card(job, a_result(job, linked=True), say)

    link = fields_of(card)["Track 1"]
    assert link is not None
    assert "(https://files.example/one.mp3)" in link
    assert f"<t:{int((BEGINNING + timedelta(days=14)).timestamp())}:R>" in link


def test_tracks_beyond_the_attachment_limit_are_links(say: Callable[[Text], str]) -> None:
    card = cards.result_card(a_job(), a_result(a_job(), tracks=14), say)

    attached = [file for file in card.files if file.path is not None]
    assert len(card.files) <= 10
    assert len(attached) + sum(name is not None and name.startswith("Track") for name in fields_of(card)) == 14


def test_tracks_that_do_not_fit_at_all_are_counted(say: Callable[[Text], str]) -> None:
    files = [
        replace(file, track=replace(file.track, audio_url="https://files.example/" + "x" * 480))
        for file in a_result(a_job(), tracks=12, linked=True)
    ]

    fields = fields_of(cards.result_card(a_job(), files, say))

    shown = sum(name is not None and name.startswith("Track") for name in fields)
    assert fields["…"] == f"{12 - shown} more tracks don't fit here."


def test_words_from_members_and_the_provider_cannot_break_a_message(say: Callable[[Text], str]) -> None:
    job = a_job()
    job = replace(
        job,
        request=replace(job.request, title=NASTY, style=NASTY, prompt=NASTY),
        state=JobState.FAILED,
        failure=Failure(reason=FailureReason.PROVIDER, provider_message=NASTY),
    )
    files = [
        replace(file, track=replace(file.track, title=NASTY, tags=NASTY, lyrics=NASTY, image_url=NASTY))
        for file in a_result(job)
    ]

    for card in (cards.result_card(job, files, say), cards.failure_card(job, say)):
        assert card.embed is not None
        written = card.content + str(card.embed.to_dict())
        assert "<@999>" not in written
        assert "](https://evil" not in written
        assert not any(line.startswith("# ") for line in card.content.splitlines())


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Paper Boats (Extended)", "paper-boats-extended-2.mp3"),
        ("Żółć", "zoc-2.mp3"),
        ("夜", "encore-2.mp3"),
        ("../../etc/passwd", "etc-passwd-2.mp3"),
        ("x" * 500, "x" * 60 + "-2.mp3"),
    ],
)
def test_file_names_are_plain_ascii(title: str, name: str) -> None:
    job = a_job()

    assert cards.file_name(replace(job, request=replace(job.request, title=title)), None, 2) == name


@pytest.mark.parametrize("reason", list(FailureReason))
def test_every_failure_says_what_happened_and_whether_an_extension_was_used(
    say: Callable[[Text], str], reason: FailureReason
) -> None:
    job = replace(a_job(), state=JobState.FAILED, failure=Failure(reason=reason, provider_message="boom"))

    card = cards.failure_card(job, say)

    assert card.embed is not None
    words = card.embed.description or ""
    assert "boom" in words
    kept = reason is FailureReason.UNDELIVERABLE  # its music was made, and could have been collected
    refunded = reason is FailureReason.TRACKS_GONE
    assert ("This didn't use up an extension." in words) is not (kept or refunded)
    assert ("Your extension was refunded." in words) is refunded


def test_a_message_is_recognised_by_its_mark_in_the_text_or_in_an_older_footer(say: Callable[[Text], str]) -> None:
    job, other = a_job(), replace(a_job(), id="f" * 32)
    footer = discord.Embed().set_footer(text=cards.mark(job))

    for card in (cards.result_card(job, a_result(job), say), cards.failure_card(job, say)):
        assert cards.carries_mark(card.content, [], job)
        assert not cards.carries_mark(card.content, [], other)
    assert cards.carries_mark("", [footer], job)
    assert not cards.carries_mark(f"somebody said {cards.mark(job)}", [], job)


def test_a_plainer_card_keeps_its_words_and_its_mark(say: Callable[[Text], str]) -> None:
    job = a_job()
    card = cards.result_card(job, a_result(job), say)

    first, without_pictures, words_alone = cards.plainer(card)

    assert first == card
    assert without_pictures.embed is not None
    assert without_pictures.embed.thumbnail.url is None
    assert words_alone.embed is None
    assert "Paper boats" in words_alone.content
    assert all(cards.carries_mark(each.content, [], job) for each in (first, without_pictures, words_alone))


def test_several_sentences_become_a_list_that_fits_into_a_message(say: Callable[[Text], str]) -> None:
    assert cards.as_list([text("One.")], say) == "One."
    assert cards.as_list([text("One."), text("Two.")], say) == "• One.\n• Two."
    assert cards.as_list([text("x" * 900)] * 5, say).count("•") == 2
