"""What a progress message says, in English."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from bot.chat.progress_card import progress_content, reading_content
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Stage, WaitReason
from bot.domain.progress import BANDS, progress_of
from bot.domain.text import Text
from bot.text import Catalogue
from tests.support.storage_samples import NOW, a_job, a_place, after

Say = Callable[[Text], str]


@pytest.fixture(scope="module")
def say() -> Say:
    return Catalogue.load().for_reader("en-US")


def shown(
    job: Job, say: Say, *, band: int | None = None, at: datetime = NOW, began_at: datetime = NOW - timedelta(days=1)
) -> list[str]:
    view = progress_of(job, band=band, usual_seconds=120, began_at=began_at, at=at)
    return progress_content(job, view, say).splitlines()


def running(**changes: object) -> Job:
    job = replace(a_job(), state=JobState.RUNNING, submitted_at=NOW)
    return replace(job, **changes)  # each test names the fields it means


def stamp(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:R>"


def test_the_first_words_name_the_file_and_whose_it_is(say: Say) -> None:
    place = a_place(member_id=1001, interaction_id=0xABC1234567)

    assert reading_content(place, "Paper_Boats.mp3", say).splitlines() == [
        "🎧 Reading **Paper\\_Boats** for <@1001>…",
        "-# Encore · 1234567",
    ]
    assert reading_content(place, "3f9a2c1e7b.mp3", say).startswith("🎧 Reading a file for <@1001>…\n")


def test_two_commands_with_the_same_file_are_told_apart(say: Say) -> None:
    first, second = (reading_content(a_place(), "tide.mp3", say) for _ in range(2))

    assert first != second


def test_a_job_on_its_way_is_named_with_its_member_its_moment_and_its_model(say: Say) -> None:
    assert shown(running(), say)[0] == "🎵 **Tide** for <@1>, from 0:59.2 with V5"


@pytest.mark.parametrize("band", BANDS)
def test_a_waiting_job_tells_roughly_its_place_and_since_when(say: Say, band: int) -> None:
    line = shown(a_job(), say, band=band)[1]

    assert line.endswith(f"queued {stamp(NOW)}")
    assert "since" not in line


def test_the_next_job_reads_that_it_is_next(say: Say) -> None:
    assert shown(a_job(), say, band=1)[1] == f"⏳ Next in line, queued {stamp(NOW)}"


@pytest.mark.parametrize("reason", sorted(set(WaitReason) - {WaitReason.DOWNLOAD}))
def test_a_job_that_has_to_wait_reads_why(say: Say, reason: WaitReason) -> None:
    line = shown(replace(a_job(), waits_for=reason), say, band=1)[1]

    assert "in line" not in line
    assert "{" not in line
    assert "<t:" in line


@pytest.mark.parametrize("stage", [Stage.QUEUED, Stage.TEXT, Stage.FIRST])
def test_a_running_job_tells_its_stage_and_when_it_is_usually_ready(say: Say, stage: Stage) -> None:
    lines = shown(running(stage=stage), say)

    assert "Composing" in lines[1]
    assert lines[2] == f"-# Usually ready {stamp(after(120))}"


def test_past_its_usual_time_a_job_says_so_and_names_no_time_that_is_over(say: Say) -> None:
    assert shown(running(), say, at=after(121))[1:] == ["⏳ Taking longer than usual. I'm still on it."]


def test_an_unknown_outcome_is_told_plainly(say: Say) -> None:
    content = shown(running(state=JobState.SUBMITTING, outcome_unknown=True), say)[1]

    assert "hasn't confirmed that it started" in content
    assert "nobody pays twice" in content


def test_after_a_restart_it_says_that_nothing_was_lost(say: Say) -> None:
    assert shown(running(), say, began_at=after(1))[-1] == "-# I was restarted, but nothing was lost."


def test_the_end_is_a_link_to_the_result(say: Say) -> None:
    job = running(
        state=JobState.DELIVERED, final_channel_id=300, final_guild_id=200, final_message_id=5, notified_at=NOW
    )

    assert shown(job, say) == ["✅ **Tide** for <@1>: [here it is](https://discord.com/channels/200/300/5)"]


def test_a_result_sent_by_direct_message_is_no_link(say: Say) -> None:
    job = running(state=JobState.DELIVERED, final_channel_id=999, final_message_id=5, notified_at=NOW)

    assert shown(job, say) == ["✅ **Tide** for <@1>: sent by direct message"]


def test_a_result_that_only_its_member_sees_is_no_link(say: Say) -> None:
    job = running(state=JobState.DELIVERED, final_channel_id=999, final_message_id=5, final_is_answer=True)

    assert shown(job, say) == ["✅ **Tide** for <@1>: done"]


def test_a_failure_links_to_its_reason_unless_that_is_for_the_member_alone(say: Say) -> None:
    failed = running(state=JobState.FAILED, failure=Failure(reason=FailureReason.PROVIDER), notified_at=NOW)

    told = replace(failed, final_channel_id=300, final_guild_id=200, final_message_id=5)
    assert shown(told, say)[0].endswith("[Here's why](https://discord.com/channels/200/300/5)")
    alone = replace(told, final_guild_id=None, final_is_answer=True)
    assert shown(alone, say)[0].endswith("I've told them why.")
    assert shown(failed, say)[0].endswith("`/jobs` says why.")


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_its_words_and_looking_twice_gives_the_same(say: Say, state: JobState) -> None:
    job = running(state=state)

    assert shown(job, say) == shown(job, say)
    assert "{" not in "".join(shown(job, say))
    assert "**Tide** for <@1>" in shown(job, say)[0]
