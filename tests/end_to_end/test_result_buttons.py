"""The buttons below a result, clicked by its member and by others, also after a restart."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.sandbox.discord import Member, Message, TroubleKind
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.town import Town, ended, eventually
from tests.support.database import tamper

pytestmark = pytest.mark.either_way

AGAIN_SOON = 0.3
PRIMARY = 1


async def a_result(town: Town, **changes: Any) -> Message:  # noqa: ANN401  # settings of any type
    """Mia's result in #songs."""
    await town.start(**changes)
    await town.extend(style="folk", title="Boats", prompt="la la")
    result = await town.result()
    await town.job_in(JobState.DELIVERED)  # the post is seen before it is written down
    return result


def labels(message: Message) -> list[list[str]]:
    return [[part["label"] for part in row["components"]] for row in message.components]


def styles(message: Message) -> dict[str, int]:
    return {part["label"]: part["style"] for row in message.components for part in row["components"]}


async def said(town: Town, message: Message, button: str, *, by: Member | None = None) -> str:
    """What the answer to a click says."""
    return (await (await (by or town.mia).click(message, button)).response()).content


async def has_label(message: Message, label: str) -> None:
    async def look() -> bool:
        return any(label in row for row in labels(message))

    await eventually(look)


async def jobs_of(town: Town, member: Member) -> list[Job]:
    return await town.app.storage.reading.jobs.of_member(member.id, limit=10)


def noa(town: Town) -> Member:
    return town.discord.member("Noa", guild=town.guild)


async def test_a_result_has_two_rows_of_buttons(town: Town) -> None:
    result = await a_result(town)

    assert labels(result) == [["Extend 1", "Extend 2", "Whole song", "Again", "More…"], ["Take 1 · 0", "Take 2 · 0"]]


async def test_a_private_result_has_no_votes(town: Town) -> None:
    await town.start()
    answer = await town.extend(private=True)
    result = await answer.wait_until(lambda message: message.attachments)

    assert labels(result) == [["Extend 1", "Extend 2", "Whole song", "Again", "More…"]]


async def test_votes_are_counted_below_the_result(town: Town) -> None:
    result, other = await a_result(town), noa(town)

    assert "You voted for take 2" in await said(town, result, "Take 2 · 0")
    await has_label(result, "Take 2 · 1")
    assert "You voted for take 2" in await said(town, result, "Take 2 · 1", by=other)
    await has_label(result, "Take 2 · 2")
    assert styles(result)["Extend 1"] != styles(result)["Extend 2"] == PRIMARY
    assert "Your vote is now for take 1" in await said(town, result, "Take 1 · 0", by=other)
    await has_label(result, "Take 1 · 1")

    assert labels(result)[1] == ["Take 1 · 1", "Take 2 · 1"]
    assert styles(result)["Extend 1"] == styles(result)["Extend 2"]
    assert len(result.attachments) == 2
    assert result.embeds


async def test_a_vote_after_a_restart_counts_too(town: Town) -> None:
    result = await a_result(town)
    await said(town, result, "Take 2 · 0")
    await has_label(result, "Take 2 · 1")
    await town.stop()
    await town.start()

    assert "You voted" in await said(town, result, "Take 2 · 1", by=noa(town))

    await has_label(result, "Take 2 · 2")


async def test_everything_works_after_a_restart(town: Town) -> None:
    result = await a_result(town)
    more = await (await town.mia.click(result, "More…")).response()
    question = await (await town.mia.click(more, "Delete")).response()
    await town.stop()
    await town.start(undo_seconds=AGAIN_SOON)

    form = await (await town.mia.click(result, "Extend 1")).opened_modal()
    await town.mia.submit_modal(form, {})
    await town.result(2)
    await said(town, result, "Again")
    await town.result(3)
    assert labels(await (await town.mia.click(result, "More…")).response())
    assert (await (await town.mia.click(more, "Edit")).opened_modal()).fields
    assert "lyrics" in await said(town, more, "Lyrics")
    assert "1 person" in await said(town, more, "Family")
    assert "0.5 credits" in await said(town, more, "Lyrics with times")
    for whole in ("Whole song as WAV", "Whole song as FLAC"):
        await (await town.mia.click(more, whole)).wait_until(lambda answer: "Here it is" in answer.content, timeout=30)
    assert "let my operator know" in await said(town, more, "Report")
    await town.mia.click(question, "Delete")
    await _until_said(question, "Deleted.")


async def test_again_submits_the_same_at_once_for_anyone(town: Town) -> None:
    result, other = await a_result(town, undo_seconds=AGAIN_SOON), noa(town)

    assert "I'll make **Boats** again" in await said(town, result, "Again", by=other)
    second = await town.result(2)

    assert second.pinged == [other]
    first, (again,) = await town.job(), await jobs_of(town, other)
    assert again.request == first.request
    assert again.parent is not None
    assert (again.parent.job_id, again.parent.song_id, again.parent.track_id) == (first.id, first.id, None)
    assert (await town.balance()).left == town.settings.quota_per_day - 1


async def test_again_can_be_undone_before_it_is_queued(town: Town) -> None:
    result = await a_result(town, undo_seconds=60.0)
    answer = await (await town.mia.click(result, "Again")).response()
    assert labels(answer) == [["Undo"]]

    await town.mia.click(answer, "Undo")
    await asyncio.wait_for(_until_said(answer, "Undone"), PATIENCE_SECONDS)

    assert labels(answer) == []
    assert len(await jobs_of(town, town.mia)) == 1
    assert (await town.balance()).left == town.settings.quota_per_day - 1
    assert len(town.songs.messages) == 2


async def test_nobody_begins_before_the_member_can_undo_it(town: Town) -> None:
    """Otherwise, a late answer with `Undo` would replace the news about the job."""
    result = await a_result(town, undo_seconds=AGAIN_SOON)
    held = town.discord.troubles.add("PATCH", "/webhooks/*", TroubleKind.HOLD_BEFORE)
    click = await town.mia.click(result, "Again")
    await held.reached()

    due = await town.app.storage.reading.intakes.next_due()
    assert due is not None
    assert due - click.interaction.created_at > timedelta(seconds=5)

    held.release()
    await town.result(2)
    await _until_said(await click.response(), "Got it")


async def _until_said(message: Message, words: str) -> None:
    async def look() -> bool:
        return words in message.content

    await eventually(look)


async def test_again_is_undone_after_a_restart(town: Town) -> None:
    result = await a_result(town, undo_seconds=60.0)
    answer = await (await town.mia.click(result, "Again")).response()
    await town.stop()
    await town.start()

    await town.mia.click(answer, "Undo")

    await _until_said(answer, "Undone")


async def test_it_is_too_late_to_undo_what_has_begun(town: Town) -> None:
    result = await a_result(town, undo_seconds=AGAIN_SOON)
    click = await town.mia.click(result, "Again")
    answer = await click.response()
    await town.result(2)
    undo = next(version for version in answer.versions if version.components).components[0]["components"][0]

    assert "Got it" in answer.content
    assert labels(answer) == [["Cancel"]]
    assert undo["custom_id"].startswith("encore:undo:")


async def test_a_double_click_on_again_makes_one_job(town: Town) -> None:
    result = await a_result(town, undo_seconds=AGAIN_SOON)

    first, second = await asyncio.gather(town.mia.click(result, "Again"), town.mia.click(result, "Again"))
    answers = [(await first.response()).content, (await second.response()).content]
    await town.result(2)

    assert sum("already on it" in content for content in answers) == 1
    assert len(await jobs_of(town, town.mia)) == 2


async def test_extend_opens_the_form_for_the_end_of_the_take_and_continues_it(town: Town) -> None:
    result, other = await a_result(town), noa(town)
    first = await town.job()

    form = await (await other.click(result, "Extend 2")).opened_modal()
    assert {field.label: field.value for field in form.fields}["Where to continue"] == ""
    await other.submit_modal(form, {})
    await town.result(2)

    (made,) = await jobs_of(town, other)
    assert made.parent is not None
    assert (made.parent.job_id, made.parent.track_id) == (first.id, first.tracks[1].id)
    assert made.request.model == first.request.model
    assert made.source.length_seconds == pytest.approx(first.tracks[1].length_seconds, abs=0.5)


@pytest.mark.parametrize("age_days", [0, 20])
async def test_a_take_that_the_provider_no_longer_has_is_continued_from_the_message(town: Town, age_days: int) -> None:
    result = await a_result(town)
    job = await town.job_in(JobState.DELIVERED)
    gone = tuple(replace(track, audio_url=f"{track.audio_url}/gone") for track in job.tracks)
    async with town.app.storage.transaction() as work:
        assert job.finished_at is not None
        await work.jobs.save(replace(job, tracks=gone, finished_at=job.finished_at - timedelta(days=age_days)))

    form = await (await town.mia.click(result, "Extend 1")).opened_modal()
    await town.mia.submit_modal(form, {})
    await town.result(2)

    made = await town.job_in(JobState.DELIVERED)
    assert made.parent is not None
    assert made.parent.job_id == job.id


async def test_more_offers_what_each_may_do(town: Town) -> None:
    result, other = await a_result(town), noa(town)
    moderator = town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"])

    offered = {
        member: [label for row in labels(await (await member.click(result, "More…")).response()) for label in row]
        for member in (town.mia, other, moderator)
    }

    for_all = [
        "Lyrics",
        "Lyrics with times",
        "Hear the join",
        "Whole song as WAV",
        "Whole song as FLAC",
        "Family",
        "Report",
    ]
    assert offered[town.mia] == ["Edit", *for_all, "Delete"]
    assert offered[other] == for_all
    assert offered[moderator] == [*for_all, "Delete"]


async def test_edit_opens_the_form_filled_in(town: Town) -> None:
    result = await a_result(town)
    first = await town.job()
    more = await (await town.mia.click(result, "More…")).response()

    form = await (await town.mia.click(more, "Edit")).opened_modal()
    assert {field.label: field.value for field in form.fields}["Title"] == "Boats"
    await town.mia.submit_modal(form, {"Title": "Ships"})
    await town.result(2)

    made = await town.job_in(JobState.DELIVERED)
    assert (made.request.title, made.request.style, made.request.prompt) == ("Ships", "folk", "la la")
    assert made.parent is not None
    assert (made.parent.job_id, made.parent.track_id) == (first.id, None)


async def test_lyrics_come_as_text(town: Town) -> None:
    result = await a_result(town)
    more = await (await town.mia.click(result, "More…")).response()

    content = await said(town, more, "Lyrics")

    assert content.startswith("The lyrics of **Boats**")
    assert len(content.splitlines()) > 2


async def test_a_report_reaches_the_operator_once(town: Town) -> None:
    result, other = await a_result(town), noa(town)
    more = await (await other.click(result, "More…")).response()

    assert "I'll let my operator know" in await said(town, more, "Report", by=other)
    assert "reported this already" in await said(town, more, "Report", by=other)

    told = await town.discord.owner.dm.wait_for(lambda message: "reported" in message.content)
    assert f"https://discord.com/channels/{town.guild.id}/{town.songs.id}/{result.id}" in told.content


async def test_delete_asks_first_and_the_job_stays(town: Town) -> None:
    result = await a_result(town)
    more = await (await town.mia.click(result, "More…")).response()
    question = await (await town.mia.click(more, "Delete")).response()
    assert not result.deleted

    await town.mia.click(question, "Delete")
    await _until_said(question, "Deleted.")

    assert result.deleted
    assert labels(question) == []
    await town.songs.wait_for(lambda message: message.content.endswith(": done"))
    listed = await (await town.mia.command(town.songs, "jobs")).response()
    assert "Boats" in listed.content


async def test_a_message_that_is_gone_already_is_said_to_be_gone(town: Town) -> None:
    result = await a_result(town)
    more = await (await town.mia.click(result, "More…")).response()
    question = await (await town.mia.click(more, "Delete")).response()
    town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"]).delete_post(result)

    await town.mia.click(question, "Delete")

    await _until_said(question, "gone already")


@pytest.mark.parametrize("button", ["Extend 1", "Again", "More…", "Take 1 · 0"])
async def test_a_button_of_an_erased_job_says_so(town: Town, button: str) -> None:
    result = await a_result(town)
    job = await town.job_in(JobState.DELIVERED)
    async with town.app.storage.transaction() as work:
        assert job.ended_at is not None
        await work.housekeeping.remove_jobs(ended_before=town.app.client.clock(), limit=10)

    assert "don't have this job any more" in await said(town, result, button)


async def test_a_result_that_is_sent_again_has_buttons_that_work(town: Town) -> None:
    await a_result(town)
    job = await town.job_in(JobState.DELIVERED)
    listed = await (await town.mia.command(town.songs, "jobs")).wait_until(lambda message: "**" in message.content)
    chosen = await town.mia.choose(listed, "Choose a job…", job.id)
    detail = await chosen.wait_until(lambda message: job.short_id in message.content)
    await town.mia.click(detail, "Send again")
    again = await ended(town.songs, 2)

    assert "You voted" in await said(town, again, "Take 1 · 0")

    await has_label(again, "Take 1 · 1")


async def test_a_source_that_can_no_longer_be_read_is_said_to_be_gone(town: Town) -> None:
    await town.start(undo_seconds=AGAIN_SOON)
    command = await town.extend(style="folk", title="Boats", prompt="la la")
    result = await town.result()
    town.discord.vanish(command)

    click = await town.mia.click(result, "Again")
    answer = await click.wait_until(lambda message: "make" not in message.content)

    assert "didn't use up an extension" in answer.content
    assert len(await jobs_of(town, town.mia)) == 1


async def test_nobody_extends_where_the_bot_may_not_post(town: Town) -> None:
    result = await a_result(town)
    town.songs.deny("SEND_MESSAGES")

    assert "I can't post in this channel" in await said(town, result, "Again")
    assert "I can't post in this channel" in await said(town, result, "Extend 1")


async def test_nothing_is_posted_for_a_member_who_may_not_write_in_the_channel(town: Town) -> None:
    result, muted = await a_result(town), noa(town)
    form = await (await muted.click(result, "Extend 1")).opened_modal()
    own = await (await town.mia.command(town.songs, "library")).response()
    mine = await (await town.mia.choose(own, "Choose a result…", "Boats")).wait_until(
        lambda message: "Post it here" in str(message.components)
    )
    for member in (muted, town.mia):
        town.songs.deny("SEND_MESSAGES", who=member)
    posted = len(town.songs.messages)

    for button in ("Again", "Extend 1", "Whole song"):
        assert "You can't write in this channel" in await said(town, result, button, by=muted)
    late = await muted.submit_modal(form, {"Title": "A rude word"})
    assert "You can't write in this channel" in (await late.response()).content
    assert "You voted" in await said(town, result, "Take 2 · 0", by=muted)
    sent = await town.mia.click(mine, "Post it here")
    await sent.wait_until(lambda message: message.attachments)

    assert len(town.songs.messages) == posted
    assert not await jobs_of(town, muted)


async def test_again_needs_a_quota_of_ones_own(town: Town) -> None:
    result = await a_result(town, quota_per_day=1, undo_seconds=AGAIN_SOON)

    assert "You've used all" in await said(town, result, "Again")

    await said(town, result, "Again", by=noa(town))
    assert len((await town.result(2)).attachments) == 2


async def test_a_result_in_a_direct_message_has_buttons_that_work_or_say_why_not(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la la")
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES")
    result = await town.mia.dm.wait_for(lambda message: message.attachments)

    assert labels(result) == [["Extend 1", "Extend 2", "Whole song", "Again", "More…"]]
    for button in ("Again", "Extend 1"):
        assert "only works in servers. There, use `/extend`" in await said(town, result, button)
    more = await (await town.mia.click(result, "More…")).response()
    assert "lyrics" in await said(town, more, "Lyrics")
    assert "only works in servers" in await said(town, more, "Edit")
    question = await (await town.mia.click(more, "Delete")).response()
    await town.mia.click(question, "Delete")
    await _until_said(question, "Deleted.")
    assert result.deleted


async def test_what_an_earlier_release_made_cannot_be_made_again_but_extended(town: Town) -> None:
    result = await a_result(town)
    await town.job_in(JobState.DELIVERED)
    await tamper(town.app.storage, "UPDATE job SET source_choice = NULL")

    more = await (await town.mia.click(result, "More…")).response()
    assert "An earlier version of me" in await said(town, result, "Again")
    assert "An earlier version of me" in await said(town, more, "Edit")
    assert (await (await town.mia.click(result, "Extend 1")).opened_modal()).fields
