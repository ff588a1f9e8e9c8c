"""What members see in the channel, in their answers and in direct messages, besides the music itself."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobEvent, JobState
from bot.fault_points import hold
from bot.sandbox.discord import Invocation, Message, TroubleKind, Upload
from bot.sandbox.sounds import compose
from bot.services.common import settle
from bot.services.common.messenger import RouteBusy
from tests.end_to_end.town import Town, eventually

POST = ("POST", "/channels/{channel_id}/messages")
SILENT = 1 << 12


async def answered(invocation: Invocation, words: str) -> Message:
    return await invocation.wait_until(lambda message: words in message.content)


def buttons(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"] if part["type"] == 2]


async def jobs_of(town: Town) -> Message:
    return await answered(await town.mia.command(town.songs, "jobs"), "**")


async def details(town: Town, job: Job) -> Message:
    chosen = await town.mia.choose(await jobs_of(town), "Choose a job…", job.id)
    return await answered(chosen, job.short_id)


async def waiting_job(town: Town) -> Job:
    """Mia's latest job, once it waits for credits."""
    await town.songs.wait_for(lambda message: "run out of credits" in message.content)
    return await town.job_in(JobState.ACCEPTED)


# The progress message


async def test_a_member_reads_that_the_file_is_being_read_before_anything_is_uploaded(town: Town) -> None:
    await town.start()
    town.suno.next_call("file-stream-upload", "hold")

    await town.extend()
    reading = await town.songs.wait_for(lambda message: "Reading **paper-boats**" in message.content)

    assert town.mia.mention in reading.content
    assert reading.flags & SILENT
    assert town.mia.pings == []
    assert town.suno.submits == 0


async def test_the_progress_message_turns_into_a_link_to_the_result(town: Town) -> None:
    await town.start()

    await town.extend()
    result = await town.result()
    progress = await town.songs.wait_for(lambda message: "here it is" in message.content)

    assert f"/{town.guild.id}/{town.songs.id}/{result.id})" in progress.content
    assert progress is result.reference
    assert [ping.message for ping in town.mia.pings] == [result]


async def test_a_member_reads_that_the_music_is_ready_and_cannot_be_downloaded_yet(town: Town) -> None:
    await town.start()
    town.suno.script("file-error 503")
    await town.extend(title="Paper Boats", style="folk", instrumental=True)
    await town.job_in(JobState.FINISHED)

    await a_minute_after_the_end(town)

    words = "I can't download it yet"
    progress = await town.songs.wait_for(lambda message: words in message.content)
    assert progress.content == (
        f"🎧 **Paper Boats** for <@{town.mia.id}>: it's ready, but I can't download it yet. I'm still trying."
    )
    for task in town.suno.tasks.values():
        task.scenario = dataclasses.replace(task.scenario, file_trouble=None)
    async with town.app.storage.transaction() as work:
        await work.jobs.hasten(until=datetime.now(UTC))
    town.app.ground.bells.all_due()
    await town.result()
    assert "here it is" in (await town.songs.wait_for(lambda message: "here it is" in message.content)).content


async def a_minute_after_the_end(town: Town) -> None:
    """As if Mia's latest job had been finished for a minute."""
    async with town.app.storage.transaction() as work:
        (job,) = await work.jobs.of_member(town.mia.id, limit=1)
        assert job.finished_at is not None
        await work.jobs.save(replace(job, finished_at=job.finished_at - timedelta(seconds=60)))
        await work.progress.touch(job.id, at=datetime.now(UTC))
    town.app.ground.bells.all_due()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, 50013, "Discord doesn't let me post in"),
        (400, 50083, "This thread is archived. Reopen it and try again."),
        (403, 160005, "This thread is locked"),
    ],
)
async def test_if_nothing_can_be_posted_the_member_reads_why_and_nothing_is_uploaded(
    town: Town, status: int, code: int, words: str
) -> None:
    await town.start()
    town.discord.troubles.add(*POST, TroubleKind.ERROR_BEFORE, status=status, code=code)

    answer = await answered(await town.extend(), words)

    assert answer.is_ephemeral
    assert "This didn't use up an extension." in answer.content
    assert not town.handed_over()
    assert (await town.balance()).left == 10


async def test_a_refused_command_leaves_nothing_behind_in_the_channel(town: Town) -> None:
    await town.start()

    await answered(await town.extend(audio=Upload("notes.mp3", b"Dear diary, " * 100)), "as audio")

    await town.songs.wait_until(lambda here: not here.messages)


async def test_a_short_outage_of_discord_refuses_nobody(town: Town) -> None:
    await town.start()
    town.discord.troubles.add(*POST, TroubleKind.ERROR_BEFORE, status=503)
    town.discord.troubles.add(*POST, TroubleKind.ABORT_AFTER)

    await town.extend()

    assert len((await town.result()).attachments) == 2
    assert len(town.songs.messages) == 2


async def test_a_refusal_too_late_for_the_answer_is_a_direct_message_that_says_why(tmp_path: Path, town: Town) -> None:
    await town.start()
    held = town.discord.troubles.add("GET", "/ephemeral-attachments/*", TroubleKind.HOLD_BEFORE)
    notes = tmp_path / "notes.mp3"
    notes.write_bytes(b"Dear diary, " * 100)

    await town.extend(audio=Upload(notes))
    await held.reached()
    town.discord.advance(901)
    held.release()
    told = await town.mia.dm.wait_for(lambda message: "as audio" in message.content)

    assert "I couldn't answer your command in <#" in told.content


# Titles, covers and words for those who cannot see


async def test_an_untitled_song_is_named_after_its_source_everywhere(town: Town, tmp_path: Path) -> None:
    piece = tmp_path / "Harbour Lights.mp3"
    compose(piece, seconds=6)
    await town.start()

    await town.extend(audio=Upload(piece))
    result = await town.result()
    job = await town.job_in(JobState.DELIVERED)
    (choice, *_) = await town.mia.autocomplete(town.songs, "extend", focused="track", value="harbour")

    assert result.embeds[0]["title"] == "Harbour Lights"
    assert result.attachments[0].filename == "harbour-lights-1.mp3"
    assert choice.name.startswith("Harbour Lights")
    assert "harbour-lights-" in next(iter(town.suno.tasks.values())).request["uploadUrl"]  # type: ignore[operator]
    assert job.tracks


async def test_every_attachment_including_the_cover_says_what_it_is(town: Town) -> None:
    await town.start()

    await town.extend(style="folk", title="Boats", prompt="la la " * 400)
    result = await town.result()

    sent = next(request.payload["attachments"] for request in town.discord.requests if request.files)
    assert result.embeds[0]["thumbnail"]["url"].partition("?")[0].endswith("/cover.png")
    assert result.embeds[0]["thumbnail"]["description"] == "The cover of Boats"
    assert {file["filename"]: file["description"] for file in sent} == {
        "boats-1.mp3": "Boats, track 1 of 2, 2 seconds",
        "boats-2.mp3": "Boats, track 2 of 2, 2 seconds",
        "boats.txt": "The lyrics of Boats",
        "cover.png": "The cover of Boats",
    }


# Private results and direct messages


@pytest.mark.either_way
async def test_a_private_result_pings_its_member_once_and_posts_the_music_once(slow_town: Town) -> None:
    """Even if the answer to its edit is lost, so that the edit is repeated."""
    town = slow_town
    await town.start(watched_seconds=0.0)
    invocation = await town.extend(private=True)
    await town.suno.wait_for_submit()
    await answered(invocation, "Composing")
    town.discord.troubles.add("PATCH", "/webhooks/*/messages/@original", TroubleKind.ABORT_AFTER)

    await town.suno.finish(next(iter(town.suno.tasks)))
    answer = await invocation.wait_until(lambda message: message.attachments)
    ping = await invocation.followup(1)
    await town.job_in(JobState.DELIVERED)

    assert len(answer.attachments) == 2
    assert ping.content == f"{town.mia.mention} Your music is ready, in my answer above."
    assert ping.attachments == ()
    assert ping.is_ephemeral
    assert len(invocation.followups) == 1
    assert town.mia.dms == []
    assert sum(bool(version.attachments) for version in answer.versions) == 1


async def test_a_private_result_is_not_overwritten_by_an_earlier_edit(slow_town: Town) -> None:
    """In order: an edit is about to be made, the result is written into the same answer, then the edit continues."""
    town = slow_town
    await town.start(lease_seconds=30)  # so that no other worker takes the held edit over
    invocation = await town.extend(private=True)
    await town.suno.wait_for_submit()
    await answered(invocation, "Composing")
    task_id = next(iter(town.suno.tasks))

    async with hold("before a progress message is shown") as edit:
        await town.suno.finish(task_id, "text")
        await edit.reached()
        await town.suno.finish(task_id, "complete")
        await invocation.wait_until(lambda message: message.attachments)
        job = await town.job_in(JobState.DELIVERED)
        async with hold("after a progress view is read") as begun:
            edit.release()
            await begun.reached()
            begun.release()

    async def edit_is_over() -> bool:
        try:
            async with town.app.ground.messenger.alone(job.id):
                return True
        except RouteBusy:
            return False

    await eventually(edit_is_over)
    answer = await invocation.wait_until(lambda message: message.attachments)
    assert len(answer.attachments) == 2
    assert answer.content.startswith(f"{town.mia.mention} Your 2 ")


async def test_a_private_result_waits_for_a_started_edit_and_then_replaces_it(slow_town: Town) -> None:
    """In order: an edit has its text, the result arrives, the edit is made, then the result is posted."""
    town = slow_town
    await town.start()
    invocation = await town.extend(private=True)
    await town.suno.wait_for_submit()
    await answered(invocation, "Composing")
    task_id = next(iter(town.suno.tasks))

    async with hold("after a progress view is read") as edit:
        await town.suno.finish(task_id, "text")
        await edit.reached()
        async with hold("after the post") as posted:
            await town.suno.finish(task_id, "complete")
            await town.job_in(JobState.FINISHED)
            edit.release()
            await posted.reached()

    await town.job_in(JobState.DELIVERED)
    answer = await invocation.wait_until(lambda message: message.attachments)
    assert len(answer.attachments) == 2
    assert "lyrics are written" in [version.content for version in answer.versions][-2]


async def test_jobs_never_links_to_a_private_answer(town: Town) -> None:
    await town.start()
    invocation = await town.extend(private=True)
    await invocation.wait_until(lambda message: message.attachments)
    job = await town.job_in(JobState.DELIVERED)

    listed = await jobs_of(town)
    shown = await details(town, job)

    assert "discord.com" not in listed.content
    assert "Open" not in buttons(shown)


async def test_a_direct_message_says_why_it_was_sent(slow_town: Town) -> None:
    town = slow_town
    await town.start()
    await town.extend()
    await town.suno.wait_for_submit()
    await town.job_in(JobState.RUNNING)
    town.songs.deny("SEND_MESSAGES")

    await town.suno.finish(next(iter(town.suno.tasks)))
    message = await town.mia.dm.wait_for(lambda message: message.attachments)

    assert message.content.startswith(f"I can't post in <#{town.songs.id}> any more, so here is your music.")


# /jobs


async def test_a_delivered_job_can_be_opened_and_sent_again_after_a_restart(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la")
    result = await town.result()
    job = await town.job_in(JobState.DELIVERED)

    listed = await jobs_of(town)
    await town.stop()
    await town.start()
    shown = await (await town.mia.choose(listed, "Choose a job…", job.id)).response()
    await town.stop()
    await town.start()
    again = await town.mia.click(shown, "Send again")
    second = await town.result(2)
    answer = await answered(again, "Sent")

    assert listed.content.startswith("**Boats**: done <t:")
    assert buttons(shown) == ["Open", "Send again"]
    assert [len(message.attachments) for message in (result, second)] == [2, 2]
    assert str(second.id) in answer.content
    assert answer.is_ephemeral


async def test_a_menu_sent_without_a_choice_answers_with_a_sentence(town: Town) -> None:
    await town.start()
    await town.extend()
    await town.result()

    listed = await jobs_of(town)
    (menu,) = listed.components[0]["components"]
    menu["min_values"] = 0  # no client of Discord's own lets go of it empty

    await answered(await town.mia.choose(listed, "Choose a job…"), "Pick a job from the list.")


async def test_a_job_is_cancelled_with_a_button_that_outlives_a_restart(town: Town) -> None:
    town.suno.credits = 0
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la")

    shown = await details(town, await held_back(town, await waiting_job(town)))
    await town.stop()
    await town.start()

    cancelled = await answered(await town.mia.click(shown, "Cancel"), "Cancelled")
    again = await answered(await town.mia.click(shown, "Cancel"), "Cancelled")

    assert cancelled.content == again.content == "Cancelled **Boats**. This didn't use up an extension."
    assert (await town.balance()).left == 10


async def test_a_job_on_hold_after_a_restore_is_continued_with_a_button(town: Town) -> None:
    town.suno.credits = 0
    await town.start(poll_every_seconds=0.3)
    await town.extend(style="folk", title="Boats", prompt="la")

    held = await held_back(town, await waiting_job(town))
    shown = await details(town, held)
    assert "I was restored from a backup" in shown.content
    assert buttons(shown) == ["Continue", "Cancel"]

    continued = await town.mia.click(shown, "Continue")
    await answered(continued, "**Boats** is back in line.")
    town.suno.credits = 1000

    assert len((await town.result()).attachments) == 2
    assert town.suno.submits == 1


async def held_back(town: Town, job: Job) -> Job:
    async with town.app.storage.transaction() as work:
        current = await work.jobs.get(job.id)
        assert current is not None
        at = datetime.now(UTC)
        held = current.after(JobEvent.HELD_BACK, waits_for=None, due_at=at + timedelta(days=3))
        await settle.save(work, held, before=current, at=at)
    return held


async def test_a_button_for_a_changed_or_erased_job_answers_with_a_sentence(
    town: Town,
) -> None:
    town.suno.credits = 0
    await town.start(poll_every_seconds=0.3)
    await town.extend(style="folk", title="Boats", prompt="la")

    shown = await details(town, await waiting_job(town))
    town.suno.credits = 1000
    await town.result()
    await town.job_in(JobState.DELIVERED)

    late = await answered(await town.mia.click(shown, "Cancel"), "too late to cancel")
    assert "**Boats**: done." in late.content
    async with town.app.storage.transaction() as work:
        await work.housekeeping.remove_jobs(ended_before=datetime.now(UTC) + timedelta(days=1), limit=10)
    await answered(await town.mia.click(shown, "Cancel"), "I don't have this job any more.")
