"""`Send again`, from the click to what everybody reads afterwards."""

from datetime import timedelta

from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.sandbox.discord import Channel, Invocation, Message
from tests.end_to_end.town import Town, ended, eventually


async def details(town: Town, channel: Channel, job: Job) -> Message:
    """The job as `/jobs` shows it in `channel`."""
    listed = await (await town.mia.command(channel, "jobs")).wait_until(lambda message: "**" in message.content)
    chosen = await town.mia.choose(listed, "Choose a job…", job.id)
    return await chosen.wait_until(lambda message: job.short_id in message.content)


def links(message: Message) -> dict[str, str | None]:
    """The buttons, each with its address if it has one."""
    return {part["label"]: part.get("url") for row in message.components for part in row["components"]}


async def send_again(town: Town, channel: Channel, job: Job) -> Invocation:
    return await town.mia.click(await details(town, channel, job), "Send again")


async def uncollected(town: Town) -> Job:
    """A job that can be posted neither in #songs nor by direct message."""
    await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
    town.suno.script("no-callbacks")
    town.mia.close_dms()
    await town.extend(style="folk", title="Boats", prompt="la")
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES")
    return await town.job_in(JobState.UNCOLLECTED)


async def test_music_collected_in_another_channel_is_linked_to_there(town: Town) -> None:
    job = await uncollected(town)
    lounge = town.guild.channel("lounge")

    await send_again(town, lounge, job)
    result = await ended(lounge)

    address = f"https://discord.com/channels/{town.guild.id}/{lounge.id}/{result.id}"
    progress = await town.songs.wait_for(lambda message: "here it is" in message.content)
    assert progress.content == f"✅ **Boats** for {town.mia.mention}: [here it is]({address})"
    assert links(await details(town, lounge, job))["Open"] == address


async def test_music_that_only_its_member_sees_is_linked_to_nowhere(town: Town) -> None:
    job = await uncollected(town)

    answer = await send_again(town, town.songs, job)
    await answer.wait_until(lambda message: len(message.attachments) == 2)

    progress = await town.songs.wait_for(lambda message: "done" in message.content)
    assert progress.content == f"✅ **Boats** for {town.mia.mention}: done"
    assert "Open" not in links(await details(town, town.songs, job))


async def test_a_deleted_result_that_was_sent_again_is_opened_where_it_is_now(town: Town) -> None:
    await town.start()
    await town.extend(style="folk", title="Boats", prompt="la")
    first = await town.result()
    job = await town.job_in(JobState.DELIVERED)
    moderator = town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"])
    moderator.delete_post(first)

    await send_again(town, town.songs, job)
    again = await town.result()

    async def is_known() -> bool:
        return (await town.job()).final_message_id == again.id

    await eventually(is_known)
    opened = links(await details(town, town.songs, job))["Open"]
    assert opened == f"https://discord.com/channels/{town.guild.id}/{town.songs.id}/{again.id}"


async def test_the_operators_copies_are_sent_after_the_providers_files_are_gone(town: Town) -> None:
    await town.start(keep_tracks_days=30)
    await town.extend(style="folk", title="Boats", prompt="la")
    job = await town.job_in(JobState.DELIVERED)
    assert job.finished_at is not None
    async with town.app.storage.transaction() as work:
        await work.jobs.save(replace(job, finished_at=job.finished_at - timedelta(days=20)))

    await send_again(town, town.songs, job)

    assert len((await town.result(2)).attachments) == 2
