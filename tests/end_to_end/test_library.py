"""`/library`: finding results again, also after a restart and after a month."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.sandbox.discord import Message
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.town import Town, eventually
from tests.support.storage_samples import a_job, a_track, after

pytestmark = pytest.mark.either_way


async def a_result(town: Town, title: str = "Boats", **options: object) -> Job:
    number = len([message for message in town.songs.messages if message.embeds])
    await town.extend(style="folk", title=title, prompt="la", **options)
    await town.result(number + 1)
    await town.songs.wait_for(lambda message: title in message.content and "here it is" in message.content)
    return await town.job_in(JobState.DELIVERED)


async def library(town: Town, **options: object) -> Message:
    return await (await town.mia.command(town.songs, "library", **options)).response()


async def shows(message: Message, words: str) -> None:
    async def look() -> bool:
        return words in message.content

    await eventually(look)


async def chosen(town: Town, page: Message, job: Job) -> Message:
    """The page, which now shows this result."""
    await town.mia.choose(page, "Choose a result…", job.id)
    await asyncio.wait_for(shows(page, job.short_id), PATIENCE_SECONDS)
    return page


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"] if "label" in part]


async def test_results_are_listed_and_one_says_where_its_files_are(town: Town) -> None:
    await town.start()
    job = await a_result(town)
    result = await town.result()

    page = await library(town)
    assert page.is_ephemeral
    assert "**Boats** · V5 · 2 takes" in page.content
    assert labels(page) == ["This server only", "Search…"]
    shown = await chosen(town, page, job)

    assert "The music service deletes the files <t:" in shown.content
    link = f"https://discord.com/channels/{town.guild.id}/{town.songs.id}/{result.id}"
    assert f"There's a copy in {town.songs.mention}: {link}" in shown.content
    assert labels(shown) == ["Open", "Post it here", "Send it to me", "Family", "Back"]


async def test_a_result_is_sent_to_its_member_alone_or_posted_in_the_channel_after_a_restart(town: Town) -> None:
    await town.start(retry_base_seconds=0.05)
    job, other = await a_result(town), await a_result(town, "Ships")
    page = await library(town)
    await town.stop()
    await town.start(retry_base_seconds=0.05)
    await chosen(town, page, job)
    await town.stop()
    await town.start(retry_base_seconds=0.05)

    answer = await town.mia.click(page, "Send it to me")
    sent = await answer.wait_until(lambda message: message.attachments)
    await town.mia.click(page, "Back")
    await asyncio.wait_for(shows(page, "Ships"), PATIENCE_SECONDS)
    await town.mia.click(await chosen(town, page, other), "Post it here")

    assert sent.is_ephemeral
    assert len(sent.attachments) == 2
    assert len((await town.result(3)).attachments) == 2


async def test_the_family_is_one_click_away(town: Town) -> None:
    await town.start()
    job = await a_result(town)
    page = await chosen(town, await library(town), job)

    shown = await (await town.mia.click(page, "Family")).response()

    assert shown.content.startswith("**Boats** · 1 result · 1 person")
    assert "There's a copy" in page.content


async def test_after_a_month_a_result_is_sent_from_its_message(town: Town) -> None:
    await town.start()
    job = await a_result(town)
    bare = tuple(replace(track, audio_url="", stream_url="", image_url="") for track in job.tracks)
    async with town.app.storage.transaction() as work:
        await work.jobs.save(replace(job, tracks=bare, finished_at=after(0) - timedelta(days=30)))

    page = await chosen(town, await library(town), job)
    assert "The music service no longer has the files." in page.content
    await town.mia.click(page, "Post it here")
    again = await town.result(2)

    assert [file.filename for file in again.attachments] == ["boats-1.mp3", "boats-2.mp3"]


async def test_a_result_whose_message_was_deleted_says_so(town: Town) -> None:
    await town.start()
    job = await a_result(town)
    moderator = town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"])
    moderator.delete_post(await town.result())

    page = await chosen(town, await library(town), job)

    assert "Its message is gone, or has no files." in page.content
    assert labels(page) == ["Post it here", "Send it to me", "Family", "Back"]


async def test_pages_are_turned_and_searched_after_a_restart(town: Town) -> None:
    await town.start()
    newest = await a_result(town, "Sea Shanty")
    async with town.app.storage.transaction() as work:
        for number in range(12):
            job = replace(a_job(member_id=town.mia.id), request=newest.request, state=JobState.DELIVERED, due_at=None)
            job = replace(job, request=replace(newest.request, title=f"Song {number}", model="V4"))
            await work.jobs.insert(replace(job, ended_at=after(number), tracks=(a_track(1),), final_message_id=None))
    page = await library(town)
    assert "Older" in labels(page)
    await town.stop()
    await town.start()

    await town.mia.click(page, "Older")
    await asyncio.wait_for(shows(page, "**Song 0**"), PATIENCE_SECONDS)
    assert labels(page)[0] == "Newer"
    await town.mia.click(page, "Newer")
    await asyncio.wait_for(shows(page, "**Sea Shanty**"), PATIENCE_SECONDS)
    await town.mia.choose(page, "Any model", "V4")
    await asyncio.wait_for(shows(page, "made with V4"), PATIENCE_SECONDS)
    assert "Sea Shanty" not in page.content
    form = await (await town.mia.click(page, "Search…")).opened_modal()
    await town.mia.submit_modal(form, {"words": "song 7"})
    await asyncio.wait_for(shows(page, "with “song 7” in the title or style · made with V4"), PATIENCE_SECONDS)

    assert next(line for line in page.content.splitlines() if line.startswith("- ")).startswith("- **Song 7** · V4")
    assert len(page.content.splitlines()) == 2


async def test_the_command_searches_by_model_and_server(town: Town) -> None:
    await town.start()
    await a_result(town, "Boats", model="V4_5")
    await a_result(town, "Ships")
    other = town.discord.guild("Elsewhere").channel("there")

    models = await town.mia.autocomplete(town.songs, "library", focused="model", value="4.5")
    found = await library(town, model="v4.5", search="BOA", here=True)
    dm = await (await town.mia.command(town.mia.dm, "library", search="ships")).response()

    assert [choice.value for choice in models] == ["V4_5ALL", "V4_5PLUS", "V4_5"]
    assert "**Boats** · V4\\_5" in found.content
    assert "from this server" in found.content
    assert "Every server" in labels(found)
    assert "**Ships**" in dm.content
    assert labels(dm) == ["Search…"]
    assert other.messages == []


async def test_a_result_that_was_erased_meanwhile_gets_a_sentence(town: Town) -> None:
    await town.start()
    job = await a_result(town)
    page = await library(town)
    async with town.app.storage.transaction() as work:
        await work.housekeeping.remove_jobs(ended_before=after(10**9), limit=10)

    await town.mia.choose(page, "Choose a result…", job.id)

    await asyncio.wait_for(shows(page, "I don't have this result any more."), PATIENCE_SECONDS)


async def test_a_member_without_results_reads_how_to_begin_and_not_what_others_have(town: Town) -> None:
    await town.start()
    await a_result(town)
    noa = town.discord.member("Noa", guild=town.guild)

    nothing = await (await noa.command(town.songs, "library")).response()

    assert nothing.content == "You have no results yet. Make one with `/extend`."
    assert nothing.components == []
