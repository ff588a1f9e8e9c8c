"""What members read, in English, and that nothing of theirs breaks its form or Discord's limits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chat import cards
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Stage, Track
from bot.domain.progress import ProgressView, progress_of
from bot.domain.quota import QuotaBalance
from bot.domain.text import Text, text
from bot.services.messenger import ResultFile
from bot.text import Catalogue
from tests.support.fakes import BEGINNING
from tests.support.storage_samples import a_job

NASTY = "@everyone <@999> **bold** [link](https://evil.example) `code` ||spoiler||\n# heading " + "x" * 6000


@pytest.fixture(scope="module")
def say() -> Callable[[Text], str]:
    return Catalogue.load().for_reader("en-US")


def a_result(job: Job, *, tracks: int = 2, linked: bool = False) -> list[ResultFile]:
    track = Track(
        id="one",
        audio_url="https://files.example/one.mp3",
        image_url="https://files.example/one.png",
        title=job.request.title,
        tags="dream pop",
        lyrics="[Verse]\nPaper boats",
        length_seconds=198.44,
    )
    path = None if linked else cards_path()
    return [ResultFile(track=replace(track, id=str(number)), path=path) for number in range(tracks)]


def cards_path() -> Path:

    return Path("one.mp3")


def shown(job: Job, say: Callable[[Text], str], *, position: int | None = None) -> str:
    view = progress_of(job, queue_position=position, usual_seconds=120, resumed=False)
    return cards.progress_content(job, view, say)


def test_a_waiting_job_tells_its_place_and_since_when(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), state=JobState.ACCEPTED, accepted_at=BEGINNING)

    content = shown(job, say, position=3)

    assert "number 3 in the queue" in content
    assert f"<t:{int(BEGINNING.timestamp())}:R>" in content


@pytest.mark.parametrize("stage", list(Stage))
def test_a_running_job_tells_its_stage_and_when_it_is_usually_ready(say: Callable[[Text], str], stage: Stage) -> None:
    job = replace(a_job(), state=JobState.RUNNING, stage=stage, submitted_at=BEGINNING)

    content = shown(job, say)

    if stage is not Stage.COMPLETE:
        assert f"<t:{int((BEGINNING + timedelta(seconds=120)).timestamp())}:R>" in content
    assert cards._STAGES[stage].message in content


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_its_words_and_looking_twice_gives_the_same(
    say: Callable[[Text], str], state: JobState
) -> None:
    job = replace(a_job(), state=state)

    assert shown(job, say) == shown(job, say)
    assert len(shown(job, say).splitlines()) >= 2


def test_an_unknown_outcome_and_a_restart_are_told_plainly(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), state=JobState.SUBMITTING, outcome_unknown=True)
    view = progress_of(job, queue_position=None, usual_seconds=None, resumed=True)

    content = cards.progress_content(job, view, say)

    assert "not known yet" in content
    assert "I was restarted; your song is safe." in content


def test_a_result_mentions_the_member_and_shows_the_facts(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), sent_continue_at=65.5)

    card = cards.result_card(job, a_result(job), say)

    assert card.content == f"<@{job.place.member_id}> Your 2 tracks are ready."
    assert card.embed is not None
    fields = {field.name: field.value for field in card.embed.fields}
    assert fields["Length"] == "3:18.4 · 3:18.4"
    assert fields["Continues from"] == "1:05.5"
    assert fields["Style"] == "dream pop"
    assert card.embed.description == "\\[Verse\\]\nPaper boats"
    assert card.embed.thumbnail.url == "https://files.example/one.png"
    assert card.embed.footer.text == cards.mark(job)


def test_one_track_is_told_in_the_singular(say: Callable[[Text], str]) -> None:
    assert cards.result_card(a_job(), a_result(a_job(), tracks=1), say).content.endswith("Your track is ready.")


def test_long_lyrics_come_as_a_file(say: Callable[[Text], str]) -> None:
    job, lyrics = a_job(), "la la la\n" * 400
    files = [replace(file, track=replace(file.track, lyrics=lyrics)) for file in a_result(job)]

    card = cards.result_card(job, files, say)

    assert card.lyrics_file == lyrics.strip()
    assert card.embed is not None
    assert not card.embed.description


def test_a_track_too_large_for_the_server_is_a_link_with_its_end(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), finished_at=BEGINNING)

    card = cards.result_card(job, a_result(job, linked=True), say)

    assert card.embed is not None
    link = next(field.value for field in card.embed.fields if field.name == "Track 1")
    assert link is not None
    assert "(https://files.example/one.mp3)" in link
    assert f"<t:{int((BEGINNING + timedelta(days=14)).timestamp())}:R>" in link


def test_words_of_members_and_of_the_provider_cannot_break_a_message(say: Callable[[Text], str]) -> None:
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
        assert len(card.content) <= 2000
        assert len(card.embed) <= 6000
        assert len(card.embed.title or "") <= 256
        assert all(len(field.value or "") <= 1024 for field in card.embed.fields)
        written = card.content + str(card.embed.to_dict())
        assert "<@999>" not in written
        assert "](https://evil" not in written
        assert not any(line.startswith("#") for line in card.content.splitlines())
    assert len(shown(job, say)) <= 2000
    assert "**bold**" not in shown(job, say)


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

    assert cards.file_name(replace(job, request=replace(job.request, title=title)), 2, 2) == name


@pytest.mark.parametrize("reason", list(FailureReason))
def test_every_failure_says_what_happened_and_that_nothing_was_counted(
    say: Callable[[Text], str], reason: FailureReason
) -> None:
    job = replace(a_job(), state=JobState.FAILED, failure=Failure(reason=reason, provider_message="boom"))

    card = cards.failure_card(job, say)

    assert card.embed is not None
    assert "boom" in (card.embed.description or "")
    assert "Nothing was counted" in (card.embed.description or "")


def test_a_quota_is_told_as_a_bar_and_in_words(say: Callable[[Text], str]) -> None:
    balance = QuotaBalance(limit=10, held=1, spent=3, day=BEGINNING.date())

    assert cards.quota_content(balance, say).startswith("`███▒░░░░░░` 6 of 10 left today · 3 used · 1 on the way")


def test_many_jobs_fit_into_one_message(say: Callable[[Text], str]) -> None:
    job = replace(a_job(), final_message_id=5, final_channel_id=a_job().place.channel_id, state=JobState.DELIVERED)

    content = cards.jobs_content([(job, None)] * 30, say)

    assert len(content) <= 2000
    assert f"/{job.place.channel_id}/5)" in content
    assert cards.jobs_content([], say) == "You have no jobs yet. Begin with `/extend`."


def test_several_sentences_are_a_list_and_never_longer_than_a_message(say: Callable[[Text], str]) -> None:
    assert cards.told([text("One.")], say) == "One."
    assert cards.told([text("One."), text("Two.")], say) == "• One.\n• Two."
    assert cards.told([text("x" * 900)] * 5, say).count("•") == 2


def test_equal_jobs_look_equal_and_a_stream_is_offered_while_it_runs() -> None:
    job = replace(a_job(), state=JobState.RUNNING, tracks=(Track(id="one", stream_url="https://stream.example/x"),))

    def view() -> ProgressView:
        return progress_of(job, queue_position=None, usual_seconds=None, resumed=False)

    assert view() == view()
    assert view().stream_url == "https://stream.example/x"
