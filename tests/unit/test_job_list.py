"""What `/jobs` and `/quota` say, in English."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bot.chat import job_list
from bot.domain.actions import JobAction, actions_on
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Track, WaitReason
from bot.domain.quota import QuotaBalance
from bot.domain.text import Text
from bot.text import Catalogue
from cogs.jobs import continued_sentence
from tests.support.fakes import BEGINNING
from tests.support.storage_samples import NOW, a_delivered, a_job, a_track, after

Say = Callable[[Text], str]
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def say() -> Say:
    return Catalogue.load().for_reader("en-US")


def delivered(**changes: object) -> Job:
    job = replace(
        a_delivered(a_job(), a_track(1), a_track(2)), final_channel_id=300, final_guild_id=200, final_message_id=5
    )
    return replace(job, **changes)  # each test names the fields it means


def test_a_line_leads_with_the_title_and_says_when_a_finished_job_ended(say: Say) -> None:
    content = job_list.jobs_content([(delivered(), None)], say)

    ended = f"<t:{int(NOW.timestamp())}:R>"
    assert content == f"**Tide**: done {ended} · [open](https://discord.com/channels/200/300/5)"


def test_a_waiting_job_shows_its_place_in_line(say: Say) -> None:
    assert job_list.jobs_content([(a_job(), 3)], say).startswith("**Tide**: waiting, number 3 in line, queued <t:")


def test_a_private_result_is_never_linked(say: Say) -> None:
    private = delivered(final_guild_id=None, final_is_answer=True)

    assert "discord.com" not in job_list.jobs_content([(private, None)], say)
    assert job_list.open_url(private) is None
    assert (
        job_list.open_url(delivered(final_channel_id=999, final_guild_id=None))
        == "https://discord.com/channels/@me/999/5"
    )


def test_many_jobs_fit_into_one_message_and_no_jobs_get_a_sentence(say: Say) -> None:
    assert len(job_list.jobs_content([(delivered(), None)] * 30, say)) <= 2000
    assert job_list.jobs_content([], say) == "You have no jobs yet. Start one with `/extend`."


def test_each_job_can_be_chosen_by_its_title(say: Say) -> None:
    job = delivered()
    (option,) = job_list.job_options([(job, None)], say)

    assert (option.label, option.value) == ("Tide", job.id)
    assert option.description == f"done · {NOW.day} Nov · {NOW:%H:%M} UTC"


def test_a_jobs_details_show_its_tracks_while_their_files_exist(say: Say) -> None:
    job = delivered()

    fresh = job_list.job_content(job, None, say, at=after(60))
    old = job_list.job_content(job, None, say, at=after(15 * DAY_SECONDS))

    assert "[Track 1](https://audio.invalid/1.mp3) · 3:18.4" in fresh
    assert "Track 1" not in old
    assert f"From 0:59.2 with V5 · `{job.short_id}`" in old


def test_a_provider_link_that_is_not_a_link_is_left_out(say: Say) -> None:
    job = delivered(tracks=(Track(id="one", audio_url="https://x) [click](https://evil.example"), a_track(2)))

    content = job_list.job_content(job, None, say, at=after(60))

    assert "evil" not in content
    assert "[Track 2]" in content


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (WaitReason.NO_CREDITS, "I've run out of credits"),
        (WaitReason.DAY_CAP, "Today's credits are used up. I'll continue <t:"),
        (None, None),
    ],
)
def test_the_details_of_a_waiting_job_say_what_it_waits_for(
    say: Say, reason: WaitReason | None, words: str | None
) -> None:
    lines = job_list.job_content(replace(a_job(), waits_for=reason), 1, say, at=after(60)).splitlines()

    assert len(lines) == (2 if words is None else 3)
    assert words is None or words in lines[2]


def test_a_failed_job_says_why(say: Say) -> None:
    job = replace(a_job(), state=JobState.FAILED, ended_at=NOW, failure=Failure(reason=FailureReason.SILENCE))

    content = job_list.job_content(job, None, say, at=after(60))

    assert "never answered" in content
    assert "This didn't use up an extension." in content


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (JobState.ACCEPTED, (JobAction.CANCEL,)),
        (JobState.ON_HOLD, (JobAction.CONTINUE, JobAction.CANCEL)),
        (JobState.RUNNING, ()),
        (JobState.FINISHED, ()),
        (JobState.UNCOLLECTED, (JobAction.SEND_AGAIN,)),
        (JobState.DELIVERED, (JobAction.SEND_AGAIN,)),
        (JobState.FAILED, ()),
        (JobState.CANCELLED, ()),
    ],
)
def test_only_possible_actions_are_offered(state: JobState, actions: tuple[JobAction, ...]) -> None:
    assert actions_on(delivered(state=state), at=after(60)) == actions


def test_a_continued_job_names_the_place_where_its_music_will_be_posted(say: Say) -> None:
    job = a_job()

    here = say(continued_sentence(job, job.place.channel_id))
    elsewhere = say(continued_sentence(job, 999))
    alone = say(continued_sentence(replace(job, place=replace(job.place, private=True)), job.place.channel_id))

    assert here == "**Tide** is back in line. I'll post here and ping you."
    assert elsewhere == f"**Tide** is back in line. I'll post in <#{job.place.channel_id}> and ping you."
    assert alone == "**Tide** is back in line. Only you will see the result."


def test_nothing_is_sent_again_once_the_files_are_gone() -> None:
    assert actions_on(delivered(), at=after(15 * DAY_SECONDS)) == ()
    assert actions_on(delivered(tracks=()), at=after(60)) == ()


def test_a_quota_is_shown_in_words_and_as_a_bar(say: Say) -> None:
    balance = QuotaBalance(limit=10, held=1, spent=3, day=BEGINNING.date())

    words, bar = job_list.quota_content(balance, say).splitlines()
    assert words.startswith("6 of 10 extensions left today · 3 used · 1 in progress")
    assert bar == "`███▒░░░░░░`"
    assert job_list.quota_content(replace(balance, limit=0), say) == "Extensions are switched off."


def test_a_continued_job_is_queued_since_it_was_continued(say: Say) -> None:
    job = replace(a_job(), continued_at=after(2 * DAY_SECONDS))

    for position in (3, None):
        assert job_list.jobs_content([(job, position)], say).endswith(
            f"queued <t:{int(after(2 * DAY_SECONDS).timestamp())}:R>"
        )
